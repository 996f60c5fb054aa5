"""The task `cipher`: data, model, servable, metrics."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

from kerasapp.config import parsing
from kerasapp.task import Task, filled, in_range, knob_specs
from toy_task.spec import SPEC

SIZE = 128  # ASCII; 0 is padding, and stands for every other character


class CipherServable(tf.Module):
    """Everything that answers."""

    def __init__(self, model):
        super().__init__(name="cipher")
        self._model = model

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
    def serving_default(self, secret):
        return self.decipher(secret, **filled(SPEC.knobs, secret))

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "secret"), *knob_specs(SPEC.knobs)]
    )
    def decipher(self, secret, limit):
        with tf.control_dependencies(in_range(SPEC.knobs, [limit])):
            ids = ids_of(secret)
        lengths = tf.minimum(tf.cast(ids.row_lengths(), tf.int32), limit)
        logits = self._model(ids.to_tensor())[:, :, 1:]  # [batch, time, SIZE - 1]: padding is no letter
        found = 1 + tf.argmax(logits, axis=-1, output_type=tf.int32)
        plain = tf.RaggedTensor.from_tensor(found, lengths)
        return {"plain": tf.strings.unicode_encode(plain, "UTF-8"), "characters": lengths}

    def signatures(self):
        return {"serving_default": self.serving_default, "decipher": self.decipher}

    def example_requests(self):
        secrets = np.array(["uryyb", "", "n o"], object)
        return [("decipher", {"secret": secrets, "limit": np.array([100, 5, 2], np.int32)})]


def ids_of(texts):
    """Ragged ids of strings [batch]."""
    ids = tf.strings.unicode_decode(texts, "UTF-8")
    return ids.with_values(tf.where(ids.values < SIZE, ids.values, 0))


class Cipher(Task):
    """Learns to read a cipher."""

    name = "cipher"
    monitor, direction = "accuracy", 1

    @cached_property
    def corpus(self):
        parsing.require_data(self.config)
        text = "".join(Path(file).read_text("utf-8") for file in self.config.data.files)
        pairs = [line.split("\t") for line in text.splitlines()]
        ends = np.cumsum([int(share * len(pairs)) for share in self.config.data.split])
        cuts = {"train": pairs[: ends[0]], "valid": pairs[ends[0] : ends[1]], "test": pairs[ends[1] :]}
        sizes = {split: len(pairs) for split, pairs in cuts.items()}
        return SimpleNamespace(pairs=cuts, sizes=sizes, content=hashlib.sha256(text.encode()).hexdigest())

    def _learned_tokenizer(self):
        return SIZE

    def save_tokenizer(self, folder):
        (Path(folder) / SPEC.files[0]).write_text(json.dumps({"size": self.tokenizer}))

    @classmethod
    def load_tokenizer(cls, folder):
        return json.loads((Path(folder) / SPEC.files[0]).read_text())["size"]

    def training_data(self, start_step=0):
        secret, plain = map(tf.constant, zip(*self.corpus.pairs["train"], strict=True))
        rows = self.config.training.batch_size

        def batch(step):
            places = tf.random.stateless_uniform([rows], [step, 0], 0, len(secret), tf.int64)
            return tuple(ids_of(tf.gather(side, places)).to_tensor() for side in (secret, plain))

        return tf.data.Dataset.counter(start_step).map(batch)

    def build(self, training=True):
        ids = keras.Input([None], dtype="int32")
        x = keras.layers.Embedding(self.tokenizer, self.config.model.units)(ids)
        return keras.Model(ids, keras.layers.Dense(self.tokenizer)(x))

    def loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)

    def servable(self, model):
        return CipherServable(model)

    def measure(self, predictor, split, progress):
        return self._accuracy(predictor.servable, split)

    def _accuracy(self, servable, split):
        """The share of right characters."""
        secret, plain = zip(*self.corpus.pairs[split], strict=True)
        found = servable.serving_default(tf.constant(secret))["plain"].numpy()
        right = [a == b for text, other in zip(found, plain) for a, b in zip(text.decode(), other)]
        return {"accuracy": float(np.mean(right)), "items": len(right)}

    def validate(self, model):
        return {"accuracy": self._accuracy(self.serving(model), "valid")["accuracy"]}

    def summarise(self, model):
        """Nothing for TensorBoard."""
