"""A bundle of a small random recurrent model, and what it has to answer, in NumPy; requests to any bundle."""

import hashlib
import json

import numpy as np

from kerasapp.tasks.generation.spec import SPEC

CHARACTERS = "\n abcdeé好"
SIZE, UNITS, CHUNK = 4 + len(CHARACTERS), 12, 8


class Plain:
    """The model: h = tanh(embedding + h @ recurrent), logits = h @ output."""

    def __init__(self):
        rng = np.random.default_rng(5)
        self.embedding = rng.normal(size=[SIZE, UNITS]).astype("float32")
        self.recurrent = rng.normal(scale=0.3, size=[UNITS, UNITS]).astype("float32")
        self.output = rng.normal(scale=1.5, size=[UNITS, SIZE]).astype("float32")

    def greedy(self, prompt, length):
        """The likeliest text after a prompt: the ids of its characters are their places and 4."""
        h, text = np.zeros(UNITS), ""
        for character in "\n" + prompt:
            h = np.tanh(self.embedding[4 + CHARACTERS.index(character)] + h @ self.recurrent)
        for _ in range(length):
            text += CHARACTERS[int((h @ self.output)[4:].argmax())]
            h = np.tanh(self.embedding[4 + CHARACTERS.index(text[-1])] + h @ self.recurrent)
        return text


def write(folder):
    """Writes the bundle, with a converted file."""
    folder.mkdir(exist_ok=True)
    (folder / "float32.tflite").write_bytes(_converted(Plain(), folder.parent / "for_conversion"))
    vocabulary = {"characters": list(CHARACTERS)}
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    h, ids = {"shape": [1, UNITS], "dtype": "float32"}, {"shape": [1], "dtype": "int32"}
    metadata = {
        "format": 1,
        "task": SPEC.name,
        "command": SPEC.command,
        "knobs": [knob.described() for knob in SPEC.knobs],
        "precisions": {"float32": entry(folder / "float32.tflite")},
        "states": ["h"],
        "signatures": {
            "prefill": {"inputs": {"ids": {"shape": [1, CHUNK], "dtype": "int32"}, "length": ids, "h": h}},
            "step": {"inputs": {"ids": ids, "h": h}},
        },
        "vocabularies": {"vocabulary": {**entry(folder / "vocabulary.json"), "normalisation": "NFC"}},
    }
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return folder


def requests(bundle):
    """Inputs of every signature: five letters, what was encoded of them, else small random numbers."""
    draw, memory, found = np.random.default_rng(0), {}, {}
    for name, signature in bundle.metadata["signatures"].items():
        inputs = {}
        for key, spec in signature["inputs"].items():
            shape = spec["shape"]
            if key in memory:
                inputs[key] = np.repeat(memory[key], shape[0] // len(memory[key]), axis=0)
            elif spec["dtype"] == "int32":
                inputs[key] = np.resize(np.array([5, 4, 6, 7, 3], "int32"), shape)
            else:
                inputs[key] = draw.uniform(-0.3, 0.3, shape).astype("float32")
        found[name] = inputs
        if name == "encode":
            memory = bundle.signature(name)(**inputs)
    return found


def entry(file):
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def _converted(model, folder):
    import tensorflow as tf

    def advance(ids, h):
        return tf.tanh(tf.gather(tf.constant(model.embedding), ids) + h @ tf.constant(model.recurrent))

    @tf.function(autograph=False)
    def step(ids, h):
        h = advance(ids, h)
        return {"logits": h @ tf.constant(model.output), "h": h}

    @tf.function(autograph=False)
    def prefill(ids, length, h):
        _, h = tf.while_loop(
            lambda t, h: t < length[0],
            lambda t, h: (t + 1, advance(tf.gather(ids[0], tf.reshape(t, [1])), h)),
            (0, h),
        )
        return {"logits": h @ tf.constant(model.output), "h": h}

    h, ids = tf.TensorSpec([1, UNITS], tf.float32, "h"), tf.TensorSpec([1], tf.int32, "ids")
    chunk, length = tf.TensorSpec([1, CHUNK], tf.int32, "ids"), tf.TensorSpec([1], tf.int32, "length")
    signatures = {
        "step": step.get_concrete_function(ids, h),
        "prefill": prefill.get_concrete_function(chunk, length, h),
    }
    tf.saved_model.save(tf.Module(), str(folder), signatures)
    return tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()
