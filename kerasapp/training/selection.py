"""Which model of a run is kept, and when the run stops early."""

import contextlib
import math

import keras

from kerasapp.adversarial import generator
from kerasapp.errors import TrainingError


class NumberGuard(keras.callbacks.Callback):
    """Ends a run whose loss is no number, and says what to do."""

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


class Validation(keras.callbacks.Callback):
    """Validates each epoch, keeps the best model and stops when it no longer gets better.

    What is validated, kept and sampled from is the portable model (float32, averaged where that is on): the
    one that will be served.

    Args:
        state: the `RunState`. clock: the `Clock`, which knows the learning rate.
        task: the task; its `validate` reads the split in several streams, quicker than `kerasapp evaluate`
            and a little less exact.
        config: the `TrainingConfig`: `patience`, epochs without a better figure before the run stops, 0 for
            never; `average`, whether the optimiser's moving average of the weights is the model.
        keep: function that stores a model as the best one.
    """

    def __init__(self, state, clock, task, config, keep):
        super().__init__()
        self.state, self.clock, self.task, self.keep = state, clock, task, keep
        self.patience, self.average = config.patience, config.average > 0

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "step": self.state.step, "seconds": round(self.state.seconds, 1)}
        row |= {"learning_rate": self.clock.rate, "loss": float(logs["loss"])}
        with averaged(self.model) if self.average else contextlib.nullcontext():
            portable = self.task.portable(generator(self.model))
        figures = self.task.validate(portable)
        row |= {f"valid_{name}": value for name, value in figures.items()}
        figure = figures.get(self.task.monitor)
        row["best"] = self._is_better(figure)
        if row["best"]:
            self.state.best, self.state.waited = figure, 0
            self.keep(portable)
        else:
            self.state.waited += 1
        self.portable = portable
        self.state.history.append(row)
        if self.patience and self.state.waited >= self.patience:
            self.model.stop_training = True

    def _is_better(self, figure):
        if figure is None or self.state.best is None:  # without a validation split the last one is kept
            return True
        return self.task.direction * figure >= self.task.direction * self.state.best


@contextlib.contextmanager
def averaged(model):
    """Within, the model's weights are the optimiser's exponential moving average of them."""
    # The averages have no public name; keras.callbacks.SwapEMAWeights reads the same attribute.
    averages = model.optimizer._model_variables_moving_average
    pairs = list(zip(generator(model).trainable_variables, averages))
    trained = [variable.numpy() for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, trained):
            variable.assign(value)
