"""Where a run stands, saved and restored."""

import json
import time
from dataclasses import asdict, dataclass, field

import keras
import tensorflow as tf

from kerasapp.errors import ConfigError, Interrupted


@dataclass
class RunState:
    """Where a run stands; saved with each checkpoint, as JSON.

    step: optimiser steps done. seconds: time spent training. history: one row an epoch. best: the best
    validation figure so far. waited: epochs since then. finished: nothing is left to do.
    data: a digest of the data.
    """

    step: int = 0
    seconds: float = 0.0
    history: list = field(default_factory=list)
    best: float | None = None
    waited: int = 0
    finished: bool = False
    data: str | None = None


class SavedState(tf.train.experimental.PythonState):
    """A `RunState` as a part of a `tf.train.Checkpoint`."""

    def __init__(self, state):
        self._state = state

    def serialize(self):
        return json.dumps(asdict(self._state))

    def deserialize(self, text):
        self._state.__dict__.update(json.loads(text))


class Saver(keras.callbacks.Callback):
    """Restores the run before its first step, and saves it at least every `save_seconds`.

    Args:
        state: the `RunState`.
        variables: all that a step reads or changes: weights, optimiser, seeds, carried states, metrics.
        folder: where the checkpoints go.
        seconds: the longest time between two.
        interrupted: function that tells whether the user asked to stop.
        inside_epoch: function that tells whether the state's step is inside an epoch.
    """

    def __init__(self, state, variables, folder, seconds, interrupted, inside_epoch):
        super().__init__()
        self.state, self.seconds, self.interrupted = state, seconds, interrupted
        self.inside_epoch = inside_epoch
        checkpoint = tf.train.Checkpoint(variables=variables, state=SavedState(state))
        self.manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2)
        self.saved = time.monotonic()
        self.first = True

    def restore(self):
        """Goes back to the newest checkpoint; False where there is none."""
        if not self.manager.latest_checkpoint:
            return False
        try:
            self.manager.checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()
        except (tf.errors.OpError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{self.manager.latest_checkpoint}: cannot go on from it: {reason}") from error
        return True

    def save(self):
        """Saves all; a kill while it writes leaves the checkpoint before as the newest."""
        try:
            self.manager.save()
        except tf.errors.OpError as error:
            reason = error.message.splitlines()[0]
            raise OSError(0, f"cannot save: {reason}", self.manager.directory) from error
        self.saved = time.monotonic()

    def on_train_begin(self, logs=None):
        self.first = True

    def on_epoch_begin(self, epoch, logs=None):
        if self.first and self.inside_epoch():
            self.restore()  # once more, for `fit` has just reset the running mean of the loss
        self.first = False

    def on_train_batch_end(self, batch, logs=None):
        if self.model.stop_training or not self.inside_epoch():
            return  # the epoch ends here: it is saved once it has been validated
        if self.interrupted():
            self._save_and_stop()
        if time.monotonic() - self.saved >= self.seconds:
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        if self.interrupted() and not self.state.finished:
            self._save_and_stop()
        self.save()

    def _save_and_stop(self):
        self.save()
        raise Interrupted()
