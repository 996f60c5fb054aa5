"""`kerasapp train TASK`: trains a model, or goes on with a run that was stopped."""

import os
import shlex
import shutil
import sys

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.config import building, parsing
from kerasapp.config.presets import config_module
from kerasapp.errors import ConfigError, Interrupted

USAGE = """usage: kerasapp train TASK [--preset NAME] [--config FILE.yaml] [--run DIR] [--from RUN]
                           [--SECTION.KEY VALUE ...]

tasks: {tasks}

kerasapp train TASK --help lists its presets and every key.
"""


SAMPLE = "sample:"  # begins the name of a text that is shipped


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE.format(tasks=", ".join(spec.names())))
        return 0 if argv else 2
    task_name = argv[0]
    described = spec.spec(task_name)
    request = parsing.parse(task_name, argv[1:], stored_config, lambda path: parsing.load(find(path).config))
    config, folder = absolute(request.config), request.folder
    resuming = prepare_run(folder, config)
    if getattr(config.training, "adversarial", False) and not (request.initial or resuming):
        raise ConfigError("training.adversarial: name a run trained by likelihood to start from: --from RUN")

    from kerasapp import api, threads
    from kerasapp.training import fit

    threads.run_side_by_side()
    task_class, model, tokenizer = described.load("task"), None, None
    if request.initial and not resuming:
        before = api.load(request.initial)
        model, tokenizer = before.model, before.task.tokenizer
    elif resuming:
        tokenizer = task_class.load_tokenizer(folder)
    task = task_class(config=config, tokenizer=tokenizer)
    task.prepare()  # before anything is deleted or made: data that cannot be used change nothing
    if config.training.overwrite:
        remove(folder)
    try:
        state = fit.train(task, folder, model)
    except Interrupted:
        command = f"kerasapp train {task_name} --run {shlex.quote(str(folder))}"
        raise Interrupted(f"stopped and saved in {folder}; to go on: {command}") from None
    best = "the last model is kept" if state.best is None else f"best {task.monitor} {state.best:.4f}"
    print(f"{folder}: {state.step} steps in {state.seconds:.0f} s, {best}", file=sys.stderr)
    return 0


def absolute(config):
    """The configuration with whole paths, so that the run can be used from any folder."""
    given = building.flatten(config)
    paths = {key: given[key] for key in config_module(config.task).PATHS}
    return building.build(
        config,
        {
            key: [absolute_path(name) for name in value] if isinstance(value, tuple) else absolute_path(value)
            for key, value in paths.items()
            if value is not None
        },
    )


def absolute_path(name):
    """The whole path of a file; the name of a sample stays as it is."""
    return name if name.startswith(SAMPLE) else os.path.abspath(os.path.expanduser(name))


def stored_config(folder):
    """The configuration of the run in `folder`, or None where there is no run."""
    path = folder / "config.yaml"
    if path.is_file():
        return parsing.load(path)
    begun = {"checkpoints", "logs"}.union(*(task.files for task in spec.specs()))  # before its configuration
    if folder.is_dir() and {entry.name for entry in folder.iterdir()} - begun:
        raise ConfigError(f"{folder}: is neither empty nor a run; name another folder with --run")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; name a folder with --run")
    return None


def remove(folder):
    """Deletes a run's folder, if it is there."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot delete the run there: {error.strerror or error}") from None


def prepare_run(folder, config):
    """Says what becomes of the folder; True where a run in it goes on.

    Raises: ConfigError where a finished run, or one of another configuration, stands there.
    """
    stored = stored_config(folder)
    if stored is None or config.training.overwrite:
        return False
    differing = parsing.differing_keys(stored, config)
    if differing:
        raise ConfigError(
            f"{folder}: holds a run of another configuration ({', '.join(differing)}): give its own, another "
            "--run, or --training.overwrite true"
        )
    if (folder / "finished").exists():
        raise ConfigError(
            f"{folder}: this run is finished; name another --run, or give --training.overwrite true"
        )
    print(f"{folder}: going on with this run", file=sys.stderr)
    return True
