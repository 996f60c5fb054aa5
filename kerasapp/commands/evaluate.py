"""`kerasapp evaluate`: figures of a trained model on a split, or on other files."""

import json
import sys
import time

from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser, number
from kerasapp.config import parsing, registry
from kerasapp.errors import ConfigError

EPILOG = """examples:
  kerasapp evaluate runs/tinyshakespeare --split valid
  kerasapp evaluate saved_models/tinyshakespeare --json
  kerasapp evaluate runs/mine --data.files other.txt        (RUN first; other files are scored whole)
"""


def main(argv):
    parser = Parser("evaluate", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    parser.add_argument(
        "--split",
        choices=["test", "valid", "train"],
        help="what to score (default: test, or valid where the split leaves no test)",
    )
    parser.add_argument(
        "--streams", type=number(int, 1, 1024, "a number from 1 to 1024"), default=1, metavar="N",
        help="cut a long text in N pieces that are read side by side: quicker, and a little less exact where "
        "they begin (default: 1)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args, data_flags = parser.parse(argv, extra_prefix="--data.")
    stored = parsing.load(find(args.model).config)
    config = parsing.override(stored, data_flags)
    if config.data.files != stored.data.files and not any("--data.split" in flag for flag in data_flags):
        config = parsing.override(config, {"data": {"split": (0, 0, 1)}})  # other files are scored whole
    for key in ("tokenizer", "normalisation", "vocabulary_size"):
        if getattr(config.data, key) != getattr(stored.data, key):
            raise ConfigError(f"--data.{key}: the model has its own, {getattr(stored.data, key)}")
    split = args.split or registry.task_module(config.task).default_split(config)
    if not config.data.split[("train", "valid", "test").index(split)]:
        raise ConfigError(f"--split {split}: data.split {list(config.data.split)} leaves nothing for it")

    from kerasapp import api, threads

    threads.run_side_by_side()
    predictor = api.load(args.model, vars(config.data))
    predictor.task.prepare()
    started = time.monotonic()
    with progress_bar(f"{split} split") as progress:
        figures = predictor.evaluate(split, args.streams, progress)
    items = figures.pop("items")
    report = {"split": split, "items": items, "seconds": round(time.monotonic() - started, 3), **figures}
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0


def progress_bar(description):
    """A context that gives a function of the share done, which draws on standard error."""
    import contextlib

    from rich.console import Console
    from rich.progress import Progress

    @contextlib.contextmanager
    def bar():
        with Progress(console=Console(file=sys.stderr), transient=True) as progress:
            row = progress.add_task(description, total=1.0)
            yield lambda share: progress.update(row, completed=share)

    return bar()


def show(report):
    """Prints a report as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", show_edge=False)
    for name, value in report.items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    Console().print(table)
