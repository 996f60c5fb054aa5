"""`kerasapp train TASK`: trains a model, or goes on with a run that was stopped."""

import argparse
import shlex
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.commands import config_flags
from kerasapp.commands.arguments import Parser
from kerasapp.config import parsing
from kerasapp.config.building import build, check_same_shape, sections, shape
from kerasapp.config.presets import config_module, default_preset, preset, recipe
from kerasapp.errors import ConfigError, Interrupted, note
from kerasapp.training import run_folder

OPTIONS = {
    "preset": ("NAME", "the defaults to start from (default: {default})"),
    "config": ("FILE.yaml", "a YAML file of keys, such as a run's config.yaml"),
    "run": ("DIR", "the run's folder (default: runs/PRESET); an unfinished run there is resumed"),
    "from": ("RUN", "start from another run's weights and tokenizer"),
}
USAGE = """kerasapp train {task} [--preset NAME] [--config FILE.yaml] [--run DIR]
                      [--from RUN] [--SECTION.KEY VALUE ...]"""
HELP = """usage: {usage}

tasks: {tasks}

kerasapp train TASK --help lists its presets and every key.
"""


class Request(NamedTuple):
    """What the flags of `kerasapp train` ask for: configuration, the run's folder, the run to start from."""

    config: Any
    folder: Path
    initial: str | None


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(HELP.format(usage=USAGE.format(task="TASK"), tasks=", ".join(spec.names())))
        return 0 if argv else 2
    request = parse(argv[0], argv[1:])
    config, folder = run_folder.absolute(request.config), request.folder
    with run_folder.opened(folder, config) as resuming:
        return train(config, folder, resuming, request.initial)


def parse(
    task: str,
    argv: Sequence[str],
    stored: Callable[[Path], Any] = run_folder.stored_config,
    trained: Callable[[str], Any] = lambda path: parsing.load(find(path).config),
) -> Request:
    """Reads the flags of `kerasapp train TASK`.

    Args:
        task: a task's name.
        argv: The words after the task.
        stored: Gives the configuration of the run in a folder, or None. If the flags name `--run` and neither
            a preset nor a file, they change that configuration: `--run DIR` alone resumes.
        trained: Gives the configuration of the run that `--from` names.

    Raises:
        ConfigError: the flags or the file are not usable, or the preset's data is not given.
        SystemExit: `--help` was asked for and printed.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset", nargs="?")
    # The help shows the defaults of the preset that is named beside it.
    parser = _parser(task, first.parse_known_args(argv)[0].preset)
    values = vars(parser.parse(argv)[0])
    options = {name: values.pop(name) for name in OPTIONS if name in values}
    values = config_flags.values(values, config_module(task).CONFIG)
    name = options.get("preset", default_preset(task))
    folder = Path(options.get("run") or Path("runs") / name)
    base = None
    if options.keys() <= {"run", "from"} and "run" in options and not values.get("training.overwrite"):
        base = stored(folder)
    from_file = parsing.read_yaml(options["config"], task)[1] if "config" in options else {}
    initial = trained(options["from"]) if "from" in options else None
    taken = shape(initial) if initial and initial.task == task else {}
    config = build(base or preset(task, name), taken, from_file, values)
    if initial:
        check_same_shape(initial, config)
    parsing.require_data(config, name)
    config.data.check_trainable(config.training.patience)
    return Request(config, folder, options.get("from"))


def _parser(task, name):
    module, config = config_module(task), preset(task, name)
    description = "Trains a model. A preset gives the defaults; a file replaces some, flags replace both."
    summaries = [
        textwrap.fill(summary, 80, initial_indent=f"  {known:<21} ", subsequent_indent=24 * " ")
        for known, function in module.PRESETS.items()
        for summary in [(function.__doc__ or "").partition("\n")[0] or recipe(task, known)]
    ]
    parser = Parser(f"train {task}", "\n".join([description, "", "presets:", *summaries]))
    parser.usage = USAGE.format(task=task)
    for option, (metavar, words) in OPTIONS.items():
        words = words.format(default=name or default_preset(task))
        parser.add_argument(f"--{option}", metavar=metavar, default=argparse.SUPPRESS, help=words)
    config_flags.add_flags(parser, config, sections(module.CONFIG))
    return parser


def train(config, folder, resuming, initial):
    """Trains in an opened folder; says how it ended."""
    if getattr(config.training, "adversarial", False) and not (initial or resuming):
        raise ConfigError("training.adversarial: name a run trained by likelihood to start from: --from RUN")

    from kerasapp import api, threads
    from kerasapp.training.fit import fit

    threads.run_side_by_side()
    task_class, model, tokenizer = spec.spec(config.task).load("task"), None, None
    if resuming:
        tokenizer = task_class.load_tokenizer(folder)
    elif initial:
        before = api.load(initial)
        model, tokenizer = before.model, before.task.tokenizer
    task = task_class(config=config, tokenizer=tokenizer)
    try:
        state = fit(task, folder, resuming, initial=model)
    except Interrupted:
        command = f"kerasapp train {config.task} --run {shlex.quote(str(folder))}"
        raise Interrupted(f"stopped and saved in {folder}; to go on: {command}") from None
    best = "the last model is kept" if state.best is None else f"best {task.monitor} {state.best:.4f}"
    note(f"{folder}: {state.step} steps in {state.seconds:.0f} s, {best}")
    return 0
