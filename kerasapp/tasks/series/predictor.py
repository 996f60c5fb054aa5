"""Forecasts in Python: histories as arrays, knobs as plain values."""

from kerasapp.task import Predictor
from kerasapp.tasks.series.answers import SeriesAnswers


class Forecaster(Predictor, SeriesAnswers):
    """A trained model that answers: what `kerasapp.load` returns for a run or an export of series.

    Example:

        forecaster = kerasapp.load("saved_models/sunspots")
        forecaster.forecast([[58.0, 62.6, 70.0]], horizon=12, seed=7)[0].quantile(0.5)
    """

    def __init__(self, task, model, servable=None):
        super().__init__(task, model, servable)
        self._width = self.servable.columns

    def forecast(self, histories=None, **knobs):
        """Forecasts the next values of each history (see `SeriesAnswers.forecast`); None for the one history
        that the model was trained on, as `kerasapp forecast` does."""
        return super().forecast([self.task.corpus.values] if histories is None else histories, **knobs)
