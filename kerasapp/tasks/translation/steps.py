"""The signatures of `translation` that go token by token, states in and out: for streaming and for phones."""

import tensorflow as tf

from kerasapp.decoding.candidates import go_on
from kerasapp.task import in_range
from kerasapp.tasks.translation.answers import LONGEST, SPARE
from kerasapp.tasks.translation.spec import SPEC

RATIOS = [SPEC.knob(name) for name in ("min_ratio", "max_ratio")]


def step_signatures(encoded, step, allowed, end_id):
    """The signatures "step" and "greedy" by name; both take and give a row's token and states.

    step: "ids" int32 [batch], what `encode` gives -> "logits" [batch, vocabulary], "alignment" [batch,
        source], states.
    greedy: the same with the token chosen as `translate` does with `beam_size` 1. It takes besides "position"
        int32, how many tokens the translation has; "log_probability" float32, of them, 0 at first; "lengths"
        int32, of the source as `tokenize` gives it; "min_ratio" and "max_ratio" as in `translate`. It gives
        "ids", the next token; "log_probability" with it; "stop_reason" string, "" while the translation goes
        on, "end" where "ids" is the end token, "length" where the greatest length was reached before: then
        "ids" does not count. "alignment" and states are as of `step`.

    Args:
        encoded: name -> TensorSpec of what `encode` gives.
        step: function (ids, what `encode` gives) -> (logits, alignment, states).
        allowed: float32 [vocabulary], 0 or -inf, added to logits before a token is chosen.
        end_id: the end token.
    """

    @tf.function(autograph=False)
    def one_step(ids, **inputs):
        logits, alignment, states = step(ids, inputs)
        return {"logits": logits, "alignment": alignment, **states}

    @tf.function(autograph=False)
    def greedy(ids, position, lengths, log_probability, min_ratio, max_ratio, **inputs):
        with tf.control_dependencies(in_range(RATIOS, (min_ratio, max_ratio))):
            shortest, longest = limits(lengths - 1, min_ratio, max_ratio)
        logits, alignment, states = step(ids, inputs)
        chosen = go_on(log_probability, logits + allowed, position, shortest, longest, end_id)
        blank = lengths <= 1  # it has a blank translation, whatever the model makes of it
        ids, is_cut = tf.where(blank, end_id, chosen.tokens), chosen.is_cut & ~blank
        reason = tf.where(is_cut, "length", tf.where(ids == end_id, "end", ""))
        found = {"ids": ids, "log_probability": chosen.log_probabilities, "stop_reason": reason}
        return {**found, "alignment": alignment, **states}

    def of_rows(dtype, *names):
        return {name: tf.TensorSpec([None], dtype, name) for name in names}

    row = {
        **of_rows(tf.int32, "ids", "position", "lengths"),
        **of_rows(tf.float32, "log_probability", "min_ratio", "max_ratio"),
    }
    return {
        "step": one_step.get_concrete_function(ids=row["ids"], **encoded),
        "greedy": greedy.get_concrete_function(**row, **encoded),
    }


def limits(lengths, min_ratio, max_ratio):
    """The least and the greatest number of tokens of each translation, for sources of `lengths` [batch]."""
    tokens = tf.cast(lengths, tf.float32)
    longest = tf.minimum(tf.cast(tokens * max_ratio, tf.int32) + SPARE, LONGEST)
    shortest = tf.minimum(tf.cast(tokens * min_ratio, tf.int32), longest)
    return shortest, tf.where(lengths > 0, longest, 1)
