"""The signatures of `generation` that go token by token, states in and out: for streaming and for phones."""

import tensorflow as tf

from kerasapp.decoding.sampling import Sampling, sample_one
from kerasapp.decoding.sampling import sample as sample_tokens
from kerasapp.knobs import COUNT
from kerasapp.task import in_range, knob_specs
from kerasapp.tasks.generation.spec import SPEC


def step_signatures(states, read, step, text_only):
    """The signatures "prefill", "step", "sample" and "sample_many" by name.

    prefill: "ids" int32 [batch, length], "lengths" int32 [batch], states -> "logits" [batch, vocabulary]
        after each row's last id, states.
    step: "ids" int32 [batch], states -> "logits" of the token after it, states.
    sample: "logits", states, the knobs of `Sampling` and "position" int32, one value per row,
        how many tokens of its text were sampled before -> "ids" int32 [batch], the token that `generate`
        takes there; "logits" and states after it. So a text is `prefill`, and `sample` for each token.
    sample_many: the same for several tokens; it takes besides "count" int32 [batch], of which the greatest
        counts, and gives "ids" int32 [batch, count].

    Args:
        states: name -> TensorSpec [batch, units].
        read: function (ids, lengths, states) -> (logits, states).
        step: function (ids, states) -> (logits, states).
        text_only: float32 [vocabulary], 0 or -inf, added to logits before a token is chosen.
    """
    ids = tf.TensorSpec([None], tf.int32, "ids")
    knobs = [SPEC.knob(name) for name in Sampling._fields]

    @tf.function(autograph=False)
    def prefill(ids, lengths, **states):
        logits, states = read(ids, lengths, states)
        return {"logits": logits, **states}

    @tf.function(autograph=False)
    def one_step(ids, **states):
        logits, states = step(ids, states)
        return {"logits": logits, **states}

    @tf.function(autograph=False)
    def sample(logits, temperature, top_k, top_p, seed, position, **states):
        sampling = Sampling(temperature, top_k, top_p, seed)
        with tf.control_dependencies(in_range(knobs, sampling)):
            chosen = sample_one(logits + text_only, sampling, position)
        logits, states = step(chosen, states)
        return {"ids": chosen, "logits": logits, **states}

    def text_step(ids, states):
        logits, states = step(ids, states)
        return logits + text_only, states

    @tf.function(autograph=False)
    def sample_many(logits, temperature, top_k, top_p, seed, position, count, **states):
        sampling = Sampling(temperature, top_k, top_p, seed)
        with tf.control_dependencies(in_range([*knobs, COUNT], [*sampling, count])):
            most = tf.reduce_max(tf.concat([count, [1]], 0))
        ids, logits, states = sample_tokens(text_step, logits + text_only, states, sampling, position, most)
        return {"ids": ids, "logits": logits, **states}

    sampled = (
        tf.TensorSpec([None, *text_only.shape], tf.float32, "logits"),
        *knob_specs(knobs),
        tf.TensorSpec([None], tf.int32, "position"),
    )
    return {
        "prefill": prefill.get_concrete_function(
            tf.TensorSpec([None, None], tf.int32, "ids"), tf.TensorSpec([None], tf.int32, "lengths"), **states
        ),
        "step": one_step.get_concrete_function(ids, **states),
        "sample": sample.get_concrete_function(*sampled, **states),
        "sample_many": sample_many.get_concrete_function(*sampled, *knob_specs([COUNT]), **states),
    }
