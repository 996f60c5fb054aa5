"""The log of a run: history.csv, TensorBoard, and what a terminal shows."""

import csv
import io

import keras
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.atomic import write_text


class Logger(keras.callbacks.Callback):
    """Writes `history.csv` and TensorBoard's files, one line per epoch and a progress bar on standard error.

    Args:
        task: its `summarise` writes samples for TensorBoard.
        run: the run's folder.
        every: steps between two points of TensorBoard's curves.
    """

    def __init__(self, state, schedule, selection, task, run, every=20):
        super().__init__()
        self.state, self.schedule, self.selection, self.task = state, schedule, selection, task
        self.run, self.every = run, every
        self.console = Console(stderr=True, highlight=False)
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%")
        self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
        self.row = self.bar.add_task("compiling", total=1.0)
        self.writer = tf.summary.create_file_writer(str(run / "logs"))

    def on_train_batch_end(self, batch, logs=None):
        step, loss, rate = self.state.step, float(logs["loss"]), self.schedule.rate
        text = f"step {step}  loss {loss:.3f}  rate {rate:.1e}"
        self.bar.update(self.row, completed=self.schedule.share(), description=text)
        if step % self.every == 0:
            with self.writer.as_default(step):
                tf.summary.scalar("loss/train", loss)
                for name in logs.keys() - {"loss"}:  # where there are several
                    tf.summary.scalar(f"loss/train_{name.removesuffix('_loss')}", float(logs[name]))
                tf.summary.scalar("learning_rate", rate)

    def on_epoch_end(self, epoch, logs=None):
        row = self.state.history[-1]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.state.history)
        write_text(self.run / "history.csv", text.getvalue())
        metrics = {name: value for name, value in row.items() if name == "loss" or name.startswith("valid_")}
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        minutes, seconds = divmod(int(self.state.seconds), 60)
        mark = "  (best)" if row["best"] else ""
        place = f"epoch {row['epoch']:>3}  step {row['step']:>6}  {minutes}:{seconds:02d}"
        self.console.print(f"{place}  {shown}{mark}", soft_wrap=True)
        with self.writer.as_default(self.state.step):
            for name, value in metrics.items():
                if name != "loss":
                    tf.summary.scalar(f"valid/{name.removeprefix('valid_')}", value)
            self.task.summarise(self.selection.serving_model)
        self.writer.flush()
