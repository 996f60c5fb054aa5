"""What forecasting a series is (see `kerasapp.spec`)."""

from kerasapp.knobs import INT32, Knob
from kerasapp.spec import Quickstart, TaskSpec, modules

HERE = "kerasapp.tasks.series"

SPEC = TaskSpec(
    name="series",
    command="forecast",
    summary="forecast the next values of a series, with quantiles",
    signature="forecast",
    work=("samples", "horizon"),
    input="history",
    takes="numbers",
    unit="step",
    knobs=(
        Knob("horizon", int, 24, 1, 10_000, "steps ahead"),
        Knob("samples", int, 200, 1, 1000, "random paths per forecast"),
        Knob("seed", int, 0, *INT32, "the same seed gives the same forecast", "S"),
    ),
    files=("statistics.json",),
    quickstart=Quickstart(
        preset="sunspots",
        answers=(("forecast", "{run}", "--horizon", "12", "--plot", "{run}/forecast.png"),),
        request={"instances": [{"history": [[2.9], [4.1], [0.8]], "lengths": 3}]},
    ),
    modules=modules(
        HERE,
        "config task:Series answers:SeriesAnswers predictor:Forecaster",
        "command verify tflite phone inspection",
    ),
)
