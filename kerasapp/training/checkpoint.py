"""Where a run stands, saved and restored."""

import json
import time
from dataclasses import asdict, dataclass, field

import keras
import tensorflow as tf

from kerasapp.errors import ConfigError, Interrupted


@dataclass
class RunState:
    """Where a run stands; saved with each checkpoint, as JSON."""

    step: int = 0  # optimiser steps done
    seconds: float = 0.0  # spent training
    history: list = field(default_factory=list)  # one row per epoch
    best: float | None = None  # the best validation metric so far
    waited: int = 0  # epochs since the best one
    finished: bool = False  # nothing is left to do
    data: str | None = None  # a digest of the data


def saved_state(run):
    """The newest `RunState` of a run's folder, as a dict; {} where there is none."""
    path = tf.train.latest_checkpoint(str(run / "checkpoints"))
    if path is None:
        return {}
    reader = tf.train.load_checkpoint(path)
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith("py_state")]
    states = [json.loads(reader.get_tensor(name)) for name in names]
    return next((state for state in states if "data" in state), {})


class SavedState(tf.train.experimental.PythonState):
    """A `RunState` as a part of a `tf.train.Checkpoint`."""

    def __init__(self, state):
        self._state = state

    def serialize(self):
        return json.dumps(asdict(self._state))

    def deserialize(self, text):
        self._state.__dict__.update(json.loads(text))


class Saver(keras.callbacks.Callback):
    """Saves the run after each epoch, and at least every `seconds`. It has to be the last callback.

    Args:
        variables: all that a step reads or changes: weights, optimiser, seeds, carried states, metrics.
        folder: where the checkpoints go.
        interrupted: function that tells whether the user asked to stop.
    """

    def __init__(self, state, variables, folder, config, interrupted):
        super().__init__()
        self.state, self.variables, self.config, self.interrupted = state, variables, config, interrupted
        checkpoint = tf.train.Checkpoint(variables=variables, state=SavedState(state))
        self.manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2)
        self.saved = time.monotonic()

    def restore(self):
        """Goes back to the newest checkpoint, if there is one."""
        newest = self.manager.latest_checkpoint
        if not newest:
            return
        try:
            fits = self._fits(tf.train.load_checkpoint(newest))
            if fits:
                self.manager.checkpoint.restore(newest).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{newest}: cannot go on from it: {reason}") from error
        if not fits:
            raise ConfigError(
                f"{newest}: cannot go on from it: it is of another model or another version of kerasapp; "
                "start anew with --training.overwrite true, or name another --run"
            )

    def _fits(self, reader):
        """Whether a checkpoint has our variables, by number, shape and dtype."""
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        stored = {name: (shapes[name], dtypes[name]) for name in shapes if name.startswith("variables/")}
        return stored == {
            f"variables/{i}/.ATTRIBUTES/VARIABLE_VALUE": (variable.shape.as_list(), variable.dtype)
            for i, variable in enumerate(self.variables)
        }

    def save(self):
        """Saves all. A kill during the save leaves the previous checkpoint as the newest."""
        try:
            self.manager.save()
        except tf.errors.OpError as error:
            # "{{function_node ...}} FILE; No space left on device [Op:SaveV2]"
            reason = error.message.splitlines()[0].partition(" [Op:")[0].rpartition("; ")[2]
            raise OSError(0, f"cannot save: {reason}", self.manager.directory) from error
        self.saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if self._inside_epoch():
            self.restore()  # once more: `fit` has just reset the running mean of the loss

    def on_train_batch_end(self, batch, logs=None):
        if self.model.stop_training or not self._inside_epoch():
            return  # the epoch ends here: it is saved once it has been validated
        if self.interrupted():
            self._save_and_stop()
        if time.monotonic() - self.saved >= self.config.save_seconds:
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        self.state.finished = self.model.stop_training  # whichever callback has stopped it
        if self.interrupted() and not self.state.finished:
            self._save_and_stop()
        self.save()

    def _inside_epoch(self):
        return self.state.step % self.config.steps_per_epoch != 0

    def _save_and_stop(self):
        self.save()
        raise Interrupted()
