"""`generation` on a phone: the graphs, and what a runtime has to know of them."""

import numpy as np
import tensorflow as tf

from kerasapp.decoding.sampling import Sampling
from kerasapp.export.tflite_parts import Table, View, Weights, every_third, zeros
from kerasapp.tasks.generation.model import logits
from kerasapp.tasks.generation.model import step as model_step
from kerasapp.tasks.generation.spec import SPEC
from pipelines.text.special import FIRST

CHUNK = 64  # tokens of a prompt that are read at once, at most
SAMPLED = 12  # texts that the ranges of int8 are measured on
SHOWN = 40  # tokens of a test vector
TOLERANCE = 1e-3  # of float32's logits


def signatures(task, model, precision):
    """The functions of the file, one text each.

    prefill: "ids" int32 [1, CHUNK], "length" int32 [1], from 1 to CHUNK, states -> "logits" [1, vocabulary]
        after the last real id, states. A longer prompt is read in several calls.
    step: "ids" int32 [1], states -> "logits" [1, vocabulary] of the token after it, states.

    The states are float32 [1, units], zeros at first.
    """
    weights = Weights(model)
    model = View(model, embedding=Table(model.embedding, precision))
    states = {name: tf.TensorSpec([1, model.units], tf.float32, name) for name in model.state_names}

    @tf.function(autograph=False)
    def prefill(ids, length, **states):
        # A loop, and not one operation for the chunk: it ends with the prompt, and gives all states.
        def read(t, x, states):
            with weights():
                x, states = model.stack.step(model.embedding(tf.gather(ids[0], tf.reshape(t, [1]))), states)
            return t + 1, x, states

        first = 0, tf.zeros([1, model.units]), states
        _, x, states = tf.while_loop(lambda t, *_: t < length[0], read, first)
        with weights():
            return {"logits": logits(model, x), **states}

    @tf.function(autograph=False)
    def step(ids, **states):
        with weights():
            found, states = model_step(model, ids, states)
            return {"logits": found, **states}

    return {
        "prefill": prefill.get_concrete_function(
            tf.TensorSpec([1, CHUNK], tf.int32, "ids"), tf.TensorSpec([1], tf.int32, "length"), **states
        ),
        "step": step.get_concrete_function(tf.TensorSpec([1], tf.int32, "ids"), **states),
    }


def samples(task, model, functions):
    """Inputs from the training data (see `kerasapp.export.tflite`)."""
    tokens = next(iter(task.training_data()))[0].numpy()[:SAMPLED]  # [texts, window]
    for row in tokens:
        chunk, count = np.zeros([1, CHUNK], np.int32), min(len(row), CHUNK)
        chunk[0, :count] = row[:count]
        states = zeros(functions["step"], model.state_names)
        yield "prefill", {"ids": chunk, "length": np.array([count], np.int32), **states}
        for inputs in every_third(functions["step"], states, "ids", row):
            yield "step", inputs


def description(task, model):
    """What the metadata have of this task alone."""
    return {"limits": {"chunk": CHUNK, "length": SPEC.knob("length").most}}


def tokenizers(task):
    """The vocabularies by name."""
    return {"vocabulary": task.tokenizer}


def vectors(servable):
    """Requests and what a port has to give for them, as JSON values.

    Each has the ids that are read, from the line break on, the five likeliest of the first logits, the ids of
    `SHOWN` tokens, and the text, which ends before the stop string.
    """
    knobs = {"length": SHOWN, "temperature": 0.0, "top_k": 0, "top_p": 1.0, "seed": 0, "stop": ""}
    found = [_vector(servable, prompt, {**knobs, **changes}) for prompt, changes in _requests(servable)]
    stop = found[0]["outputs"]["text"][SHOWN // 4 :][:2]  # part of the answer to the same prompt
    found.append(_vector(servable, "", {**knobs, "stop": stop}))
    return {"tolerance": {"logits": TOLERANCE}, "requests": found}


def _requests(servable):
    """Prompts, and the knobs that differ from a greedy search."""

    def text(ids):
        return servable.tokenizer.decode(tf.constant([ids], tf.int32), [len(ids)]).numpy()[0].decode()

    letters = range(FIRST, servable.tokenizer.size)
    long = [letters[i % len(letters)] for i in range(2 * CHUNK)]  # and the line break: two chunks and a token
    return [
        ("", {}),
        ("The ", {}),
        ("In the beginning ", {}),
        (text(letters[:150]), {}),
        (text(long), {}),
        ("e\u0301 \N{SNOWMAN}\r\n\t", {}),  # a decomposed accent, an unknown character, white space
        ("The ", {"temperature": 0.8, "top_k": 10, "top_p": 0.9, "seed": 7}),
        ("The ", {"temperature": 1.0, "seed": -5}),  # all tokens, and a seed that wraps around
    ]


def _vector(servable, prompt, knobs):
    rows = {name: tf.constant([value]) for name, value in {"prompt": prompt, **knobs}.items()}
    logits, states = servable.begin(rows["prompt"])
    values, likeliest = (
        x.numpy().tolist() for x in tf.math.top_k(logits[0], min(5, logits.shape[1] - FIRST))
    )
    sampling = Sampling(*(rows[name] for name in Sampling._fields))
    ids, *_ = servable.proceed(logits, states, sampling, tf.constant(0), tf.constant(SHOWN))
    outputs = {
        "read": [servable.tokenizer.line_break_id, *servable.tokenizer.encode(rows["prompt"]).to_list()[0]],
        "first_logits": {"ids": likeliest, "values": values},
        "ids": ids.numpy()[0].tolist(),
        "text": servable.generate(**rows)["text"].numpy()[0].decode(),
    }
    return {"inputs": {"prompt": prompt, **knobs}, "outputs": outputs}
