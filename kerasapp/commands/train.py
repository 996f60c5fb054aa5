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
SWITCHES = {
    "dry-run": "report what is found in the data, and stop: no training, no run folder",
    "json": "with --dry-run: print the report as one JSON object on standard output",
}
USAGE = """kerasapp train {task} [--preset NAME] [--config FILE.yaml] [--run DIR]
                      [--from RUN] [--dry-run [--json]] [--SECTION.KEY VALUE ...]"""
HELP = """usage: {usage}

tasks: {tasks}

kerasapp train TASK --help lists its presets and every key.
"""


class Request(NamedTuple):
    """What the flags of `kerasapp train` ask for: configuration, the run's folder, the run to start from,
    whether only to report what the data are, and whether as JSON."""

    config: Any
    folder: Path
    initial: str | None
    dry_run: bool = False
    as_json: bool = False


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(HELP.format(usage=USAGE.format(task="TASK"), tasks=", ".join(spec.names())))
        return 0 if argv else 2
    request = parse(argv[0], argv[1:])
    config, folder = run_folder.absolute(request.config), request.folder
    if request.dry_run:
        return report(config, folder, request.initial, request.as_json)
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
    for name in (name for name, value in options.items() if not value):
        raise ConfigError(
            f"--{name}: is empty; expected {OPTIONS[name][0]} (a variable of the shell may be unset)"
        )
    switches = [values.pop(name.replace("-", "_")) for name in SWITCHES]
    if switches == [False, True]:
        raise ConfigError("--json: is for --dry-run, whose report it prints")
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
    return Request(config, folder, options.get("from"), *switches)


def _parser(task, name):
    module, config = config_module(task), preset(task, name)
    description = "Trains a model. A preset gives the defaults; a file replaces some, flags replace both."
    summaries = [
        textwrap.fill(summary, 80, initial_indent=f"  {known:<21} ", subsequent_indent=24 * " ")
        for known, function in module.PRESETS.items()
        for summary in [(function.__doc__ or "").partition("\n")[0] or recipe(task, known)]
    ]
    parser = Parser(
        f"train {task}",
        "\n".join([description, "", "presets:", *summaries]),
        text_flag=f"--data.{type(config.data).required}",
    )
    parser.usage = USAGE.format(task=task)
    for option, (metavar, words) in OPTIONS.items():
        words = words.format(default=name or default_preset(task))
        parser.add_argument(f"--{option}", metavar=metavar, default=argparse.SUPPRESS, help=words)
    for option, words in SWITCHES.items():
        parser.add_argument(f"--{option}", action="store_true", help=words)
    config_flags.add_flags(parser, config, sections(module.CONFIG))
    return parser


def report(config, folder, initial, as_json):
    """Tells what is found in the data; trains nothing and makes no run folder."""
    task, _ = _task(config, folder, run_folder.would_go_on(folder, config), initial)
    from kerasapp.training.fit import tell

    if as_json:
        tell(task, lambda found: print(found.to_json(), end=""))
    else:
        tell(task)
    return 0


def train(config, folder, resuming, initial):
    """Trains in an opened folder; says how it ended."""
    if getattr(config.training, "adversarial", False) and not (initial or resuming):
        raise ConfigError("training.adversarial: name a run trained by likelihood to start from: --from RUN")
    task, model = _task(config, folder, resuming, initial)
    from kerasapp.training.fit import fit

    try:
        state = fit(task, folder, resuming, initial=model)
    except Interrupted:
        command = f"kerasapp train {config.task} --run {shlex.quote(str(folder))}"
        raise Interrupted(f"stopped and saved in {folder}; to go on: {command}") from None
    best = "the last model is kept" if state.best is None else f"best {task.monitor} {state.best:.4f}"
    note(f"{folder}: {state.step} steps in {state.seconds:.0f} s, {best}")
    return 0


def _task(config, folder, resuming, initial):
    """The task of a run, with the vocabulary that it goes on with or starts from, and the model to start
    from, or None."""
    if getattr(config.data, "extend_vocabulary", False) and not (initial or resuming):
        raise ConfigError(
            "data.extend_vocabulary: extends the vocabulary of another run: name it with --from"
        )
    from kerasapp import api, threads
    from kerasapp.training.extension import going_on

    threads.run_side_by_side()
    task_class = spec.spec(config.task).load("task")
    if resuming:
        return task_class(config=config, tokenizer=task_class.load_tokenizer(folder)), None
    if not initial:
        return task_class(config=config), None
    before = api.load(initial)
    return going_on(before.task, config, before.model)
