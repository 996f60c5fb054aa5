"""`kerasapp evaluate`: figures of a trained model on a split, or on other files."""

import json
import time

from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser, number, output_file
from kerasapp.commands.progress import progress_bar
from kerasapp.config import building, parsing, registry
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
# The options of each task with their defaults; the flags' own are None, which tells those that are given.
OPTIONS = {
    "generation": {"streams": 1},
    "translation": {"beam_size": 4, "output": None},
    "synthesis": {},
    "series": {},
}


def main(argv):
    parser = Parser("evaluate", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    parser.add_argument(
        "--split",
        choices=["test", "valid", "train"],
        help="what to score (default: test, or valid where the split leaves no test)",
    )
    parser.add_argument(
        "--streams", type=number(int, 1, 1024, "a number from 1 to 1024"), metavar="N",
        help="generation: cut a long text in N pieces that are read side by side: quicker, and a little less "
        "exact where they begin (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--beam-size", type=number(int, 1, 64, "a number from 1 to 64"), metavar="N",
        help="translation: hypotheses kept at each step; 1 is greedy (default: 4)",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=output_file, metavar="FILE", help="translation: write the hypotheses, one a line"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args, data_flags = parser.parse(argv, extra_prefix="--data.")
    stored = parsing.load(find(args.model).config)
    options = options_of(stored.task, args)
    config = data_to_score(stored, data_flags)
    split = args.split or registry.task_module(config.task).default_split(config)
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


def options_of(task, args):
    """The options that `evaluate` of a task takes; one of another task is a ConfigError."""
    for other, names in OPTIONS.items():
        for name in names:
            if name not in OPTIONS[task] and getattr(args, name) is not None:
                flag = f"--{name.replace('_', '-')}"
                raise ConfigError(f"{flag}: an option of {other}, and {args.model} is a model of {task}")
    given = {name: getattr(args, name) for name in OPTIONS[task]}
    return {name: OPTIONS[task][name] if value is None else value for name, value in given.items()}


def data_to_score(stored, flags):
    """The configuration of a run with the data that the flags name; other files are scored whole.

    Raises: ConfigError where a flag would need another tokenizer than the model's.
    """
    module, config = registry.task_module(stored.task), parsing.override(stored, flags)
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
