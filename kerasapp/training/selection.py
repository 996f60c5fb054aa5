"""Which model of a run is kept, and when the run stops early."""

import itertools
import math

import keras

from kerasapp.errors import note
from kerasapp.training.optimizer import averaged

SAME = 3  # epochs of the same metric, after which that is told


def is_better(metric, best, direction):
    """Whether a model is to be kept: its metric is better than the best so far; an equal one is no better.

    Args:
        metric: of the model; None where nothing is validated, which keeps the newest model.
        best: None where there is none yet.
        direction: 1 where higher is better, -1 where lower is better. NaN is worse than any number.
    """
    if metric is None or best is None:
        return True
    return not math.isnan(metric) and (math.isnan(best) or direction * metric > direction * best)


class Selection(keras.callbacks.Callback):
    """Validates after each epoch, keeps the best model, and ends a run that no longer gets better.

    The serving model (float32, averaged where `training.average` is set) is validated and kept.
    Its metrics go into the run's history, and as `val_NAME` into the logs of the callbacks that come later.

    Args:
        schedule: knows the learning rate.
        task: its `validate` reads the split in several streams: faster than `kerasapp evaluate`, and a little
            less exact.
        trained: the model whose weights are trained.
        keep: function that stores a model as the best one.
    """

    def __init__(self, state, schedule, task, trained, config, keep):
        super().__init__()
        self.state, self.schedule, self.task, self.trained = state, schedule, task, trained
        self.config, self.keep = config, keep
        self.serving_model = None  # the model of the newest epoch

    def on_epoch_end(self, epoch, logs=None):
        with averaged(self.trained, self.model.optimizer):
            self.serving_model = self.task.serving_model(self.trained)
        metrics = self.task.validate(self.serving_model)
        metric = metrics.get(self.task.monitor)
        better = is_better(metric, self.state.best, self.task.direction)
        if better:
            self.state.best, self.state.waited = metric, 0
            self.keep(self.serving_model)
        else:
            self.state.waited += 1
        if self.config.patience and self.state.waited >= self.config.patience:
            self.model.stop_training = True
        row = {"epoch": epoch + 1, "step": self.state.step, "seconds": round(self.state.seconds, 1)}
        row |= {"learning_rate": self.schedule.rate, "loss": float(logs["loss"])}
        row |= {f"valid_{name}": value for name, value in metrics.items()}
        self.state.history.append(row | {"best": better})
        self._tell_constant(f"valid_{self.task.monitor}")
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        logs["learning_rate"] = self.schedule.rate

    def _tell_constant(self, name):
        """Says once that the metric that chooses the best model does not change."""
        metric, *before = [row.get(name) for row in reversed(self.state.history)]
        same = len(list(itertools.takewhile(lambda other: other == metric, before))) + 1  # epochs
        if metric is not None and same == SAME:
            note(
                f"{name} is {metric:g} in {SAME} epochs, one after the other: it tells no model "
                "from another, and the first of them is kept"
            )
