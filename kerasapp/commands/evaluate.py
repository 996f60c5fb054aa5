"""`kerasapp evaluate`: figures of a trained model on a split, or on other files."""

import json
import time

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser, knob_type
from kerasapp.commands.progress import progress_bar
from kerasapp.config import building, parsing, presets
from kerasapp.errors import ConfigError

EPILOG = """examples:
  kerasapp evaluate runs/tinyshakespeare --split valid
  kerasapp evaluate saved_models/tinyshakespeare --json
  kerasapp evaluate runs/tatoeba-zh-en --beam-size 1 --output hypotheses.txt
RUN first; other files are scored whole (of an autoencoder each sentence once, in --output too):
  kerasapp evaluate runs/mine --data.files other.txt
  kerasapp evaluate runs/de-en --data.source other.de --data.target other.en
  kerasapp evaluate runs/sentence-autoencoder --data.source other.txt
  kerasapp evaluate runs/ljspeech --data.directory other
  kerasapp evaluate runs/sunspots --data.files other.csv
"""


def main(argv):
    parser = Parser("evaluate", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    parser.add_argument(
        "--split",
        choices=["test", "valid", "train"],
        help="what to score (default: test, or valid where the split leaves no test)",
    )
    for name, (knob, tasks) in _options().items():
        words = f"{', '.join(tasks)}: {knob.help}" + (f" (default: {knob.default})" if knob.default else "")
        parser.add_argument(
            knob.flag, dest=name, type=knob_type(knob), metavar=knob.metavar, help=words, default=None
        )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args, data_flags = parser.parse(argv, extra_prefix="--data.")
    stored = parsing.load(find(args.model).config)
    options = options_of(stored.task, args)
    config = data_to_score(stored, data_flags)
    split = args.split or config.data.default_split
    if not config.data.has(split):
        raise ConfigError(f"--split {split}: data.split {list(config.data.split)} leaves nothing for it")

    from kerasapp import api, threads

    threads.run_side_by_side()
    predictor = api.load(args.model, vars(config.data))
    predictor.task.prepare()
    started = time.monotonic()
    with progress_bar(f"{split} split") as progress:
        figures = predictor.evaluate(split, progress=progress, **options)
    items = figures.pop("items")
    report = {"split": split, "items": items, "seconds": round(time.monotonic() - started, 3), **figures}
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0


def _options():
    """Name -> (`Knob`, names of the tasks that have it), of the options that not all tasks have."""
    found = {}
    for task in spec.specs():
        for knob in task.evaluation:
            found.setdefault(knob.name, (knob, []))[1].append(task.name)
    return found


def options_of(task, args):
    """The options that are given, of those of a task; one of another task is a ConfigError."""
    own = [knob.name for knob in spec.spec(task).evaluation]
    for name, (knob, tasks) in _options().items():
        if name not in own and getattr(args, name) is not None:
            raise ConfigError(
                f"{knob.flag}: an option of {', '.join(tasks)}, and {args.model} is a model of {task}"
            )
    return {name: getattr(args, name) for name in own if getattr(args, name) is not None}


def data_to_score(stored, flags):
    """The configuration of a run with the data that the flags name; other files are scored whole.

    Raises: ConfigError where a flag would need another tokenizer than the model's.
    """
    module, config = presets.config_module(stored.task), parsing.override(stored, flags)
    before, after = building.flatten(stored), building.flatten(config)
    for key in (*module.VOCABULARY, *getattr(module, "FIXED", ())):
        if before[key] != after[key]:
            raise ConfigError(f"--{key}: the model has its own, {before[key]}")
    if all(before[key] == after[key] for key in module.CUT):
        return config
    given = {flag.partition("=")[0].removeprefix("--") for flag in flags if flag.startswith("--")}
    # What the run was tested on is no part of the other files, and not theirs to be tested on.
    parts = {key: None for key in module.PATHS if key not in module.CUT and key not in given}
    whole = {} if given & {"data.split", *module.PATHS} - {*module.CUT} else {"data.split": (0, 0, 1)}
    return parsing.override(config, {**parts, **whole})


def show(report):
    """Prints a report as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", show_edge=False)
    for name, value in report.items():
        if isinstance(value, dict):  # by length, each with its figure and the items that it is of
            for length, part in value.items():
                figure, items = part.values()
                table.add_row(f"{name} {length:>2}", f"{figure:.4f} of {items}")
        else:
            table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    Console().print(table)
