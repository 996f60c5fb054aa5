"""A language model reads a text, and everything that it does is kept."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasapp.inspection.request import ALTERNATIVES
from kerasapp.tasks.generation.model import logits, recording
from pipelines.text.normalisation import normalise_string
from pipelines.text.sequences import token_nats

WINDOW = 1024  # tokens read at once: bounds the memory that the logits take


class Reading(NamedTuple):
    """What a model did with a text of `time` tokens.

    tokens: list of strings, one each. nats: float32 [time], -ln p of each token after those before it
        (see `pipelines.text.sequences.token_nats`).
    likeliest: int32 [time, ALTERNATIVES], ids, and probabilities: float32, of those that came first in the
        model's mind at each place.
    states: name -> float32 [time, units], as "c_0": after each token. gates: the same, as "forget_0".
    """

    tokens: list
    nats: np.ndarray
    likeliest: np.ndarray
    probabilities: np.ndarray
    states: dict
    gates: dict


def read(generator, text, progress=None):
    """Lets a model read a text as `score` does: from states of zeros, after a line break.

    Args:
        generator: a `TextGenerator`.
        text: string, not empty.
        progress: function that gets the share done, now and then.

    Returns: a `Reading`.
    """
    model, tokenizer = generator.model, generator.servable.tokenizer
    ids = tokenizer.encode(tf.constant([text.encode()])).flat_values.numpy()
    before = np.concatenate([[tokenizer.line_break_id], ids[:-1]]).astype(np.int32)
    read_window = _window(model, tokenizer)
    states = {name: tf.zeros([model.units]) for name in model.state_names}
    parts = []
    for start in range(0, len(ids), WINDOW):
        window = slice(start, start + WINDOW)
        found, states = read_window(before[window], ids[window], states)
        parts.append(tf.nest.map_structure(lambda tensor: tensor.numpy(), found))
        if progress:
            progress(min(1.0, (start + WINDOW) / len(ids)))
    # The states that are kept come after each token; those that predict it, one token before.
    found = tf.nest.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
    after, _ = read_window(ids[-1:], ids[-1:], states)
    return Reading(tokens=surfaces(tokenizer, ids, text), **_shifted(found, after))


def _shifted(found, after):
    """The states and gates belong to the token that was read, the probabilities to the one that came next."""
    for kind in ("states", "gates"):
        for name, array in found[kind].items():
            found[kind][name] = np.concatenate([array[1:], after[kind][name].numpy()])
    return found


def _window(model, tokenizer):
    count = min(ALTERNATIVES, tokenizer.size)
    states = {name: tf.TensorSpec([model.units], name=name) for name in model.state_names}
    ids = tf.TensorSpec([None], tf.int32)

    @tf.function(autograph=False, input_signature=[ids, ids, states])
    def read_window(tokens, targets, states):
        outputs, after, gates = recording(model, tokens, states)
        found = logits(model, outputs)  # [time, vocabulary]
        likeliest = tf.math.top_k(tf.nn.log_softmax(found), count)
        found = {
            "nats": token_nats(tokenizer, targets, found),
            "likeliest": likeliest.indices,
            "probabilities": tf.exp(likeliest.values),
            "states": after,
            "gates": gates,
        }
        return found, {name: state[-1] for name, state in after.items()}

    return read_window


def surfaces(tokenizer, ids, text=None):
    """What each of `ids` stands for in a text: list of strings.

    Where the tokens are characters and their text is given, one that the tokenizer does not know is there as
    it was written.
    """
    if tokenizer.kind == "characters" and text is not None:
        return list(normalise_string(text, tokenizer.normalisation))
    pieces = [piece.decode() for piece in tokenizer.pieces(tf.constant(ids, tf.int32)).numpy()]
    return [piece.replace("▁", " ") for piece in pieces]
