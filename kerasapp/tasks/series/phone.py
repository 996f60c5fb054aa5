"""A bundle of series, run by `kerasapp_lite`, for `kerasapp verify`. Needs no TensorFlow."""

from kerasapp.tasks.series.verify import forecast

SIGNATURES = ("forecast", "serving_default")


def open_bundle(bundle):
    """A function of an item that gives its `Outcome`."""
    from kerasapp_lite.series import Forecaster

    forecaster = Forecaster(bundle)

    def answer(item):
        knobs = dict(item.inputs)
        found = forecaster.forecast(knobs.pop("history")[: knobs.pop("lengths")], **knobs)
        return forecast(found.mean, found.quantiles)

    return answer
