"""Forecasts in Python: histories as arrays, knobs as plain values."""

from kerasapp.task import Predictor
from kerasapp.tasks.series.answers import SeriesAnswers


class Forecaster(Predictor, SeriesAnswers):
    """A trained model that answers: what `kerasapp.load` returns for a run or an export of series.

    Example:

        forecaster = kerasapp.load("saved_models/sunspots")
        forecaster.forecast([[58.0, 62.6, 70.0]], horizon=12, seed=7)[0].quantile(0.5)
    """
