"""The callbacks of a run: those of users, and one list of all for several calls of `fit`."""

import math
import pkgutil
import re

import keras

from kerasapp.errors import ConfigError, TrainingError


def load_callbacks(names):
    """Callbacks by the names of their classes, "module:Class", each made without arguments.

    Raises: ConfigError where one cannot be imported or made, or is no `keras.callbacks.Callback`.
    """
    return [_load_callback(name) for name in names]


def _load_callback(name):
    try:
        found = pkgutil.resolve_name(name)
    except Exception as error:  # whatever the module does when it is imported
        missing = isinstance(error, ModuleNotFoundError) and error.name == re.split("[.:]", name)[0]
        advice = "; a module of yours is found through PYTHONPATH" if missing else ""
        raise ConfigError(f"training.callbacks: {name}: {_one_line(error)}{advice}") from error
    if not (isinstance(found, type) and issubclass(found, keras.callbacks.Callback)):
        raise ConfigError(f"training.callbacks: {name}: is not a class of keras.callbacks.Callback")
    try:
        return found()
    except Exception as error:
        raise ConfigError(f"training.callbacks: {name}(): {_one_line(error)}") from error


def _one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())


class RunCallbacks(keras.callbacks.CallbackList):
    """The callbacks of a run, which may take several calls of `fit`: a run that goes on inside an epoch first
    trains the rest of it. They see one training: `on_train_begin` once, `on_train_end` once it is finished.

    Args:
        callbacks: in the order in which they are called.
        model: what `fit` trains. state: the `RunState`.
        params: what a callback finds in its `params`.
    """

    def __init__(self, callbacks, model, state, **params):
        super().__init__(callbacks, add_history=True, model=model, **params)
        self.state, self.begun = state, False

    def on_train_begin(self, logs=None):
        if not self.begun:
            super().on_train_begin(logs)
        self.begun = True

    def on_train_end(self, logs=None):
        if self.state.finished:
            super().on_train_end(logs)


class NumberGuard(keras.callbacks.Callback):
    """Ends a run whose loss is not a number, and says what to do."""

    def __init__(self, state, config):
        super().__init__()
        self.state, self.config = state, config

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss is {logs['loss']} at step {self.state.step}: start anew, "
                "--training.overwrite true, with a lower training.learning_rate "
                f"(now {self.config.learning_rate:g}) or training.clip_norm (now {self.config.clip_norm:g})"
            )
