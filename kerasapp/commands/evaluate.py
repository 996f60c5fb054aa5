"""`kerasapp evaluate`: metrics of a trained model on a split of its data, or on other files."""

import json
import os
import time

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.commands import config_flags
from kerasapp.commands.arguments import Parser, knob_type
from kerasapp.commands.loading import load
from kerasapp.commands.progress import progress_bar
from kerasapp.config import building, checks, parsing, presets
from kerasapp.errors import ConfigError, note
from pipelines.errors import DataError
from pipelines.files import SAMPLE

EPILOG = """examples:
  kerasapp evaluate runs/tinyshakespeare --split valid
  kerasapp evaluate saved_models/tinyshakespeare --json
  kerasapp evaluate runs/tatoeba-zh-en --beam-size 1 --output hypotheses.txt

Other files are scored whole. RUN comes before the --data flags:
  kerasapp evaluate runs/mine --data.files other.txt
  kerasapp evaluate runs/de-en --data.source other.de --data.target other.en
  kerasapp evaluate runs/sentence-autoencoder --data.source other.txt
  kerasapp evaluate runs/ljspeech --data.directory other
  kerasapp evaluate runs/sunspots --data.files other.csv

An autoencoder scores each different sentence once; --output has it once, too.
"""


def main(argv):
    parser = Parser("evaluate", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    words = "what to score (default: test, or valid if there is no test split)"
    parser.add_argument("--split", choices=["test", "valid", "train"], help=words)
    for name, (knob, tasks) in _options().items():
        words = f"{', '.join(tasks)}: {knob.help}" + (f" (default: {knob.default})" if knob.default else "")
        parser.add_argument(knob.flag, dest=name, type=knob_type(knob), metavar=knob.metavar, help=words)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args, data_flags = parser.parse(argv, extra_prefix="--data.")
    stored = parsing.load(find(args.model).config)
    options = options_of(stored.task, args)
    config = data_to_score(stored, data_flags)
    split = args.split or config.data.default_split
    if not config.data.has(split):
        raise ConfigError(f"--split {split}: data.split {list(config.data.split)} leaves nothing for it")
    for name in learned(stored.data, config.data, split):
        note(
            f"{name}: the model was trained on it, so the figures are too good; what was held out is scored"
            f" with --data.split {' '.join(f'{share:g}' for share in stored.data.split)}"
        )
    predictor = load(args.model, vars(config.data))
    try:
        predictor.task.prepare()
    except DataError as error:
        raise DataError(f"{error}{'' if data_flags else _moved(args.model, config.data)}") from None
    started = time.monotonic()
    with progress_bar(f"{split} split") as progress:
        metrics = predictor.evaluate(split, progress=progress, **options)
    items = metrics.pop("items")
    seconds = round(time.monotonic() - started, 3)
    files = list(config.data.files_of(split))
    report = {"split": split, "files": files, "items": items, "seconds": seconds, **metrics}
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0


def learned(own, data, split):
    """The files of a split of `data` that hold training data of a run, whose section `data` is `own`; none
    where the files are cut as they were at the training."""
    if (data.split, data.files_of(split)) == (own.split, own.files_of(split)):
        return []
    trained = set(map(os.path.realpath, own.files_of("train")))
    return [name for name in data.files_of(split) if os.path.realpath(name) in trained]


def _moved(model, data):
    """What to type where a file of the data is no longer in its place."""
    if all(name.startswith(SAMPLE) or os.path.exists(name) for name in data.all_files):
        return ""
    split = " ".join(f"{share:g}" for share in data.split)
    return f"; if it was moved: kerasapp evaluate {model} --data.{data.required} PATH --data.split {split}"


def _options():
    """Name -> (`Knob`, names of the tasks that have it), of the options that only some tasks have."""
    options = {}
    for task in spec.specs():
        for knob in task.evaluation:
            options.setdefault(knob.name, (knob, []))[1].append(task.name)
    return options


def options_of(task, args):
    """The options that are given, of those of a task. Raises: ConfigError for an option of another task."""
    own = [knob.name for knob in spec.spec(task).evaluation]
    for name, (knob, tasks) in _options().items():
        if name not in own and getattr(args, name) is not None:
            owners = ", ".join(tasks)
            raise ConfigError(f"{knob.flag}: an option of {owners}, and {args.model} is a model of {task}")
    return {name: getattr(args, name) for name in own if getattr(args, name) is not None}


def data_to_score(stored, flags):
    """The configuration of a run with the data that the flags name; other files are scored whole.

    Raises: ConfigError if a flag would need another tokenizer than the model's.
    """
    parser = Parser("evaluate", "")
    config_flags.add_flags(parser, stored, ["data"])
    changed = config_flags.values(vars(parser.parse(flags)[0]), type(stored))
    module, config = presets.config_module(stored.task), parsing.override(stored, changed)
    before, after = building.flatten(stored), building.flatten(config)
    for key in (*module.VOCABULARY, *getattr(module, "FIXED", ())):
        if before[key] != after[key]:
            raise ConfigError(f"--{key}: the model has its own ({checks.show(before[key])}); omit it")
    if all(before[key] == after[key] for key in module.CUT):
        return config
    # The run's own validation and test files do not belong to the other files.
    without = {key: None for key in module.PATHS if key not in module.CUT and key not in changed}
    has_splits = changed.keys() & {"data.split", *module.PATHS} - {*module.CUT}
    whole = {} if has_splits else {"data.split": (0, 0, 1)}
    return parsing.override(config, {**without, **whole})


def show(report):
    """Prints a report as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("metric", "value", show_edge=False)
    for name, value in report.items():
        if isinstance(value, dict):  # by length, with the number of items; or by column
            for key, row in value.items():
                of = f" of {row['items']}" if "items" in row else ""
                found = ((metric, number) for metric, number in row.items() if metric != "items")
                for metric, number in found:
                    table.add_row(f"{name} {key:>2}" if of else f"{key} {metric}", shown(number) + of)
        elif isinstance(value, list):
            table.add_row(name, ", ".join(value))
        else:
            table.add_row(name, shown(value) if isinstance(value, float) else str(value))
    Console().print(table)


def shown(value):
    """A metric with four decimals, or with four digits where these would be zeros."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.4g}"
