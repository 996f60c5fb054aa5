"""A task of one dense layer: all that training needs of a task, and nothing else."""

from types import SimpleNamespace

import keras
import tensorflow as tf

from kerasapp.config.building import build
from kerasapp.config.presets import preset
from kerasapp.task import Task


class DenseTask(Task):
    """Numbers to the first of them.

    Args:
        metrics: what validation gives, epoch by epoch; None where nothing is validated.
        loss: function (y_true, y_pred) -> scalar, or a name that Keras knows.
        **training: keys of the section `training`; 6 steps in epochs of 2 by default.
    """

    name, monitor, direction = "generation", "error", -1

    def __init__(self, metrics=None, loss="mse", **training):
        keys = {"steps": 6, "steps_per_epoch": 2, "warmup": 0.1, "final_learning_rate": 0.2, "clip_norm": 0.0}
        super().__init__(config=build(preset("generation"), {"training": keys}, {"training": training}))
        self.metrics, self.loss = metrics and iter(metrics), lambda: loss
        self.corpus = SimpleNamespace(content="numbers", sizes={"train": 4, "valid": 0, "test": 0})

    def save_tokenizer(self, folder):
        (folder / "tokenizer.json").write_text("{}")

    def training_data(self, start_step=0):
        def batch(step):
            x = tf.random.stateless_normal([4, 3], tf.stack([tf.constant(7, tf.int64), step]))
            return x, x[:, :1]

        return tf.data.Dataset.counter(start_step).map(batch)

    def build(self, training=True):
        dropout = [keras.layers.Dropout(0.2, seed=3)] if training else []
        return keras.Sequential([keras.Input([3]), *dropout, keras.layers.Dense(1)])

    def validate(self, model):
        return {} if self.metrics is None else {"error": next(self.metrics)}

    def summarise(self, model):
        pass


class Recorder(keras.callbacks.Callback):
    """A user's callback that notes the trained weights after each step, and all calls with their logs."""

    def __init__(self):
        super().__init__()
        self.weights, self.calls = [], []

    def on_train_begin(self, logs=None):
        self.calls.append("begin")

    def on_train_end(self, logs=None):
        self.calls.append("end")

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append([variable.numpy() for variable in self.model.trainable_variables])

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append((epoch, dict(logs)))


class AtStep(keras.callbacks.Callback):
    """Calls a function at the end of a step, counted from 1 in this process."""

    def __init__(self, step, function):
        super().__init__()
        self.left, self.function = step, function

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.function()


class Killed(Exception):
    """Stands for the end of the process, where a test is in that process."""


def kill():
    raise Killed
