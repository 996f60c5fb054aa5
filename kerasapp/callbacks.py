"""What happens around the steps of `fit`: schedule, resume, validation, logs, a progress bar."""

import contextlib
import csv
import io
import json
import math
import time
from dataclasses import asdict, dataclass, field

import keras
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from kerasapp.adversarial import generator
from kerasapp.errors import ConfigError, Interrupted, TrainingError
from pipelines.atomic import write_text


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


class Clock(keras.callbacks.Callback):
    """Counts steps and seconds, sets the learning rate and stops at the end.

    The rate rises linearly over the first `warmup` share of the run, then falls along half a cosine to
    `final_learning_rate` of its peak (Loshchilov & Hutter 2017, arXiv:1608.03983). A run limited by minutes
    follows the clock, one limited by steps the step count, which makes it repeatable.
    """

    def __init__(self, state, config):
        super().__init__()
        self.state, self.config = state, config
        self.started = None
        self.rate = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        if self.started is None:  # after a resume has read the state
            self.started = time.monotonic() - self.state.seconds

    def on_train_batch_begin(self, batch, logs=None):
        self.rate = self.learning_rate()
        self.model.optimizer.learning_rate = self.rate

    def on_train_batch_end(self, batch, logs=None):
        self.state.step += 1
        self.tick()
        if self.progress() >= 1.0:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.tick()  # the time of the evaluation counts too
        if self.progress() >= 1.0:
            self.model.stop_training = True
        self.state.finished = self.model.stop_training  # or validation has run out of patience

    def tick(self):
        """Brings the seconds up to date."""
        self.state.seconds = time.monotonic() - self.started

    def progress(self):
        """Share of the run that is done, 0 to 1 and above."""
        if self.config.steps:
            return self.state.step / self.config.steps
        return self.state.seconds / (60.0 * self.config.minutes)

    def learning_rate(self):
        c = self.config
        done = (self.state.step + 1) / c.steps if c.steps else min(self.progress(), 1.0)
        if done < c.warmup:
            return c.learning_rate * max(done / c.warmup, 1e-3)
        falling = (done - c.warmup) / max(1.0 - c.warmup, 1e-9)
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(falling, 1.0)))
        return c.learning_rate * (c.final_learning_rate + (1.0 - c.final_learning_rate) * cosine)


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


class Journal(keras.callbacks.Callback):
    """Tells how the run goes: `history.csv`, TensorBoard, and a progress bar on standard error."""

    def __init__(self, state, clock, validation, task, run, every=20):
        super().__init__()
        self.state, self.clock, self.validation, self.task = state, clock, validation, task
        self.run, self.every = run, every
        self.console = Console(stderr=True, highlight=False)
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%")
        self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
        self.row = self.bar.add_task("compiling", total=1.0)
        self.writer = tf.summary.create_file_writer(str(run / "logs"))

    def on_train_batch_end(self, batch, logs=None):
        step, loss, rate = self.state.step, float(logs["loss"]), self.clock.rate
        text = f"step {step}  loss {loss:.3f}  rate {rate:.1e}"
        self.bar.update(self.row, completed=self.clock.progress(), description=text)
        if step % self.every == 0:
            with self.writer.as_default(step):
                tf.summary.scalar("loss/train", loss)
                for name in logs.keys() - {"loss"}:  # where there are several
                    tf.summary.scalar(f"loss/train_{name.removesuffix('_loss')}", float(logs[name]))
                tf.summary.scalar("learning_rate", rate)

    def on_epoch_end(self, epoch, logs=None):
        row = self.state.history[-1]
        write_text(self.run / "history.csv", table(self.state.history))
        shown = {
            k: v for k, v in row.items() if isinstance(v, float) and k not in ("seconds", "learning_rate")
        }
        figures = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
        minutes, seconds = divmod(int(self.state.seconds), 60)
        mark = "  (best)" if row["best"] else ""
        place = f"epoch {row['epoch']:>3}  step {row['step']:>6}  {minutes}:{seconds:02d}"
        self.console.print(f"{place}  {figures}{mark}", soft_wrap=True)
        with self.writer.as_default(self.state.step):
            for name, value in shown.items():
                if name.startswith("valid_"):
                    tf.summary.scalar(f"valid/{name.removeprefix('valid_')}", value)
            self.task.summarise(self.validation.portable)
        self.writer.flush()


def table(rows):
    """CSV text of rows with the same keys."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
