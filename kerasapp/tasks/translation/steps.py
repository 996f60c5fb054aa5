"""The signatures of `translation` that go token by token, states in and out: for streaming and for phones."""

import tensorflow as tf

from kerasapp.decoding.candidates import go_on
from kerasapp.knobs import COUNT
from kerasapp.task import in_range
from kerasapp.tasks.translation.answers import LONGEST, SPARE
from kerasapp.tasks.translation.spec import SPEC

RATIOS = [SPEC.knob(name) for name in ("min_ratio", "max_ratio")]
CHOSEN = ("ids", "log_probability", "stop_reason")


def step_signatures(encoded, state_names, step, allowed, end_id):
    """The signatures "step", "greedy" and "greedy_many" by name; they take and give a row's token and states.

    step: "ids" int32 [batch], what `encode` gives -> "logits" [batch, vocabulary], "alignment" [batch,
        source], states.
    greedy: the same with the token chosen as `translate` does with `beam_size` 1. It takes besides "position"
        int32, how many tokens the translation has; "log_probability" float32, of them, 0 at first; "lengths"
        int32, of the source as `tokenize` gives it; "min_ratio" and "max_ratio" as in `translate`. It gives
        "ids", the next token; "log_probability" with it; "stop_reason" string, "" while the translation goes
        on, "end" where "ids" is the end token, "length" where the greatest length was reached before: then
        "ids" does not count. "alignment" and states are as of `step`.
    greedy_many: the same for several tokens; it takes besides "count" int32 [batch], of which the greatest
        counts. "ids", "log_probability" and "stop_reason" are [batch, count]; nothing counts of a row after
        its first "stop_reason" that is not "", and once all rows have one there are no more columns.

    Args:
        encoded: name -> TensorSpec of what `encode` gives. state_names: which of them are states.
        step: function (ids, what `encode` gives) -> (logits, alignment, states).
        allowed: float32 [vocabulary], 0 or -inf, added to logits before a token is chosen.
        end_id: the end token.
    """

    @tf.function(autograph=False)
    def one_step(ids, **inputs):
        logits, alignment, states = step(ids, inputs)
        return {"logits": logits, "alignment": alignment, **states}

    def choose(ids, position, lengths, log_probability, min_ratio, max_ratio, inputs):
        shortest, longest = limits(lengths - 1, min_ratio, max_ratio)
        logits, alignment, states = step(ids, inputs)
        chosen = go_on(log_probability, logits + allowed, position, shortest, longest, end_id)
        blank = lengths <= 1  # it has a blank translation, whatever the model makes of it
        ids, is_cut = tf.where(blank, end_id, chosen.tokens), chosen.is_cut & ~blank
        reason = tf.where(is_cut, "length", tf.where(ids == end_id, "end", ""))
        return (ids, chosen.log_probabilities, reason), alignment, states

    @tf.function(autograph=False)
    def greedy(ids, position, lengths, log_probability, min_ratio, max_ratio, **inputs):
        with tf.control_dependencies(in_range(RATIOS, (min_ratio, max_ratio))):
            lengths = tf.identity(lengths)
        chosen, alignment, states = choose(
            ids, position, lengths, log_probability, min_ratio, max_ratio, inputs
        )
        return {**dict(zip(CHOSEN, chosen)), "alignment": alignment, **states}

    @tf.function(autograph=False)
    def greedy_many(ids, position, lengths, log_probability, min_ratio, max_ratio, count, **inputs):
        with tf.control_dependencies(in_range([*RATIOS, COUNT], (min_ratio, max_ratio, count))):
            most = tf.reduce_max(tf.concat([count, [1]], 0))

        def body(i, ids, total, ended, states, columns):
            chosen, _, states = choose(
                ids, position + i, lengths, total, min_ratio, max_ratio, {**inputs, **states}
            )
            ids, total, reason = chosen
            columns = [array.write(i, value) for array, value in zip(columns, chosen)]
            return i + 1, ids, total, ended | (reason != ""), states, columns

        columns = [
            tf.TensorArray(dtype, most, element_shape=[None]) for dtype in (tf.int32, tf.float32, tf.string)
        ]
        states = {name: inputs[name] for name in state_names}
        i, _, _, _, states, columns = tf.while_loop(
            lambda i, ids, total, ended, *_: (i < most) & ((i == 0) | ~tf.reduce_all(ended)),
            body,
            (0, ids, log_probability, tf.zeros_like(ids, tf.bool), states, columns),
            parallel_iterations=1,
        )
        rows = [tf.transpose(array.gather(tf.range(i))) for array in columns]  # [batch, i]
        return {**dict(zip(CHOSEN, rows)), **states}

    def of_rows(dtype, *names):
        return {name: tf.TensorSpec([None], dtype, name) for name in names}

    row = {
        **of_rows(tf.int32, "ids", "position", "lengths"),
        **of_rows(tf.float32, "log_probability", "min_ratio", "max_ratio"),
    }
    return {
        "step": one_step.get_concrete_function(ids=row["ids"], **encoded),
        "greedy": greedy.get_concrete_function(**row, **encoded),
        "greedy_many": greedy_many.get_concrete_function(**row, **of_rows(tf.int32, "count"), **encoded),
    }


def limits(lengths, min_ratio, max_ratio):
    """The least and the greatest number of tokens of each translation, for sources of `lengths` [batch]."""
    tokens = tf.cast(lengths, tf.float32)
    longest = tf.minimum(tf.cast(tokens * max_ratio, tf.int32) + SPARE, LONGEST)
    shortest = tf.minimum(tf.cast(tokens * min_ratio, tf.int32), longest)
    return shortest, tf.where(lengths > 0, longest, 1)
