"""`kerasapp train TASK`: trains a model, or goes on with a run that was stopped."""

import shlex
import sys

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.config import parsing
from kerasapp.errors import ConfigError, Interrupted
from kerasapp.training import run_folder

USAGE = """usage: kerasapp train TASK [--preset NAME] [--config FILE.yaml] [--run DIR] [--from RUN]
                           [--SECTION.KEY VALUE ...]

tasks: {tasks}

kerasapp train TASK --help lists its presets and every key.
"""


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE.format(tasks=", ".join(spec.names())))
        return 0 if argv else 2
    task_name = argv[0]
    spec.spec(task_name)  # or an error that names the tasks
    request = parsing.parse(
        task_name, argv[1:], run_folder.stored_config, lambda path: parsing.load(find(path).config)
    )
    config, folder = run_folder.absolute(request.config), request.folder
    with run_folder.opened(folder, config) as resuming:
        return train(config, folder, resuming, request.initial)


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
    print(f"{folder}: {state.step} steps in {state.seconds:.0f} s, {best}", file=sys.stderr)
    return 0
