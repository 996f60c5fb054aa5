"""Forecasts in Python: histories as arrays, knobs as plain values."""

from kerasapp.task import asking
from kerasapp.tasks.series.answers import SeriesAnswers


class Forecaster(SeriesAnswers):
    """A trained model that answers: what `kerasapp.load` returns for a run or an export of series.

    Args:
        task: the `Series` task, with configuration and scaling.
        model: its trained model.

    Example:

        forecaster = kerasapp.load("saved_models/sunspots")
        forecaster.forecast([[58.0, 62.6, 70.0]], horizon=12, seed=7)[0].quantile(0.5)
    """

    def __init__(self, task, model):
        self.task, self.model = task, model
        self.servable = task.servable(model)
        super().__init__(asking(self.servable))

    def evaluate(self, split=None, progress=None):
        """Metrics on a split of the configuration's data (see `Series.evaluate`)."""
        return self.task.evaluate(self.model, split, progress)
