"""`kerasapp forecast`: forecast the next values of a series, with quantiles."""

import csv
import io
import sys

from kerasapp.commands import remote
from kerasapp.commands.arguments import Parser, add_knobs, file_of, knobs_of, output_file, require_another
from kerasapp.errors import ConfigError, note
from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.spec import SPEC
from pipelines import tables

EPILOG = """examples:
  kerasapp forecast runs/sunspots --horizon 36 --plot forecast.png
  kerasapp forecast saved_models/sunspots --history newer.csv --output forecast.csv
  kerasapp forecast --server 127.0.0.1:8501 --model sunspots --history newer.csv --date month

Without --history the forecast starts at the end of the data that the model was trained on. It is a CSV table
with a row per step: the mean of each column, and its quantiles q05 to q95. Five percent of the values are
expected below q05. The same seed gives the same forecast. Steps have dates where those of the history go on
by a rule (equal distances, the calendar's months, weekdays), else numbers.
"""
SHOWN = 4  # the picture shows this many horizons of the past,
LEAST_SHOWN = 60  # and at least this many steps


def main(argv):
    args, _ = _parser().parse(argv)
    remote.check_flags(args, SPEC)
    if args.server is not None and args.history is None:
        raise ConfigError("--history: required with --server, as the data of the server's model are not here")
    if args.date is not None and args.history is None:
        raise ConfigError("--date: goes with --history")
    require_another(args.output, args.history, "--history")
    knobs, forecaster = knobs_of(args, SPEC.knobs), remote.predictor(args, SPEC)
    if args.history is None:
        table = forecaster.task.corpus.table
    else:
        table = _history(args, forecaster)
    (forecast,) = forecaster.forecast([table.values], **knobs)
    heading, names = table.following(args.horizon)
    if table.dates and heading != "date":
        note("the dates follow no rule, such as equal distances or weekdays: steps are numbered")
    text = as_csv(forecast, table.columns, names, heading)
    if args.output:
        from pipelines.atomic import write_text

        write_text(args.output, text)
    if args.plot:
        _draw(args.plot, table, forecast, names)
    if not args.output:
        sys.stdout.write(text)
    return 0


def as_csv(forecast, columns, names, first):
    """A `Forecast` as CSV text, with all digits that its numbers have; `first` heads the steps' names."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    kinds = ["mean", *(f"q{100 * share:02.0f}" for share in QUANTILES)]
    writer.writerow([first, *(f"{column}_{kind}" for column in columns for kind in kinds)])
    for name, means, quantiles in zip(names, forecast.mean, forecast.quantiles, strict=True):
        rows = zip(means, quantiles, strict=True)
        writer.writerow([name, *(str(value) for mean, row in rows for value in (mean, *row))])
    return file.getvalue()


def _history(args, forecaster):
    """The table of --history, with the model's columns where these are known."""
    if args.server is not None:
        return tables.read([args.history], (), args.date)
    from kerasapp.tasks.series import histories

    return histories.read(forecaster.task, args.history, args.date)


def _draw(path, table, forecast, names):
    from kerasapp.tasks.series import plots as plots_series

    shown = min(len(table.values), max(LEAST_SHOWN, SHOWN * len(names)))
    first = len(table.values) - shown
    before = table.dates[first:] if table.dates else map(str, range(first + 1, len(table.values) + 1))
    plots_series.forecast(
        path,
        table.values[first:],
        forecast.quantiles,
        QUANTILES,
        table.columns,
        [*before, *names],
    )


def _parser():
    parser = Parser("forecast", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?", help="a run folder, or an exported version")
    parser.add_argument(
        "--history", metavar="FILE", help="CSV file of the past values (default: the model's own data)"
    )
    parser.add_argument(
        "--date", metavar="NAME",
        help="column of --history with the dates (default: that of the model's data, if the file has it)",
    )  # fmt: skip
    add_knobs(parser, SPEC.knobs)
    parser.add_argument("--output", type=output_file, metavar="FILE.csv", help="write the table to a file")
    parser.add_argument(
        "--plot",
        type=file_of(".png", ""),
        metavar="FILE.png",
        help="draw the past and the forecast with its bands",
    )
    remote.add_flags(parser)
    return parser
