"""A vocabulary of characters that grows: a trained model gets rows for characters that it has not met."""

import numpy as np

from kerasapp.errors import ConfigError
from pipelines.text.special import FIRST


def going_on(task, config, model):
    """(task, model) of a training that starts from a trained task and its model (`--from`).

    Args: see `extended`; the vocabulary grows where `config` asks for it.
    """
    if getattr(config.data, "extend_vocabulary", False):
        return extended(task, config, model)
    return type(task)(config=config, tokenizer=task.tokenizer), model


def extended(task, config, model):
    """A trained task with the new characters of another training split.

    A new character's weights, in embeddings and in the output layer, are the means of those of the known
    characters (Hewitt 2021, "Initializing New Word Embeddings for Pretrained Language Models"). All other
    weights stay, and so do the logits of the known characters.

    Args:
        task: the trained task. model: its model.
        config: the configuration of the task that starts from it, with `data.extend_vocabulary`.

    Returns: (task, model), with the larger vocabulary.
    Raises: ConfigError where the tokens are no characters.
    """
    before = task.tokenizers_in(task.tokenizer)
    if any(tokenizer.kind != "characters" for tokenizer in before):
        raise ConfigError("data.extend_vocabulary: subwords spell any character; there is nothing to extend")
    learned = task.tokenizers_in(type(task)(config=config).tokenizer)
    after = [old.extended(new.characters) for old, new in zip(before, learned, strict=True)]
    if all(one is before[0] for one in before):
        after = after[:1] * len(after)  # one vocabulary for all
    larger = type(task)(config=config, tokenizer=task.with_tokenizers(task.tokenizer, after))
    grown = larger.build(training=False)
    places = {name: _places(before[i], after[i]) for name, i in task.vocabulary_layers.items()}
    weights = [
        _grown(old.numpy(), new.shape, _of_layer(new.path, places))
        for old, new in zip(model.weights, grown.weights, strict=True)
    ]
    grown.set_weights(weights)
    return larger, grown


def _places(before, after):
    """The new id of each id, int [ids before]."""
    points = [after.characters.index(character) for character in before.characters]
    return np.concatenate([np.arange(FIRST), FIRST + np.array(points)]).astype(int)


def _of_layer(path, places):
    """The places of the layer that a weight with a path belongs to; None for one without a vocabulary."""
    return next((places[name] for name in path.split("/") if name in places), None)


def _grown(old, shape, places):
    """A weight in its larger shape: what it had at its new places, and means at the others."""
    if places is None or old.shape == tuple(shape):
        return old
    axis = next(i for i, (a, b) in enumerate(zip(old.shape, shape, strict=True)) if a != b)
    rows = np.moveaxis(old, axis, 0)  # [ids before, ...]
    new = np.repeat(rows[FIRST:].mean(axis=0, keepdims=True), shape[axis], axis=0)
    new[places] = rows
    return np.moveaxis(new, 0, axis)
