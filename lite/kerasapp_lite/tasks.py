"""The tasks that `kerasapp-lite` knows: its own four, and those of other packages.

A package adds a task by an entry point of the group `GROUP` that names a `Task`.
"""

import argparse
import importlib
from pathlib import Path
from typing import NamedTuple

GROUP = "kerasapp_lite.tasks"


class Task(NamedTuple):
    """A task and its command; "module:name" is imported when it is needed.

    name: the "task" of a bundle's metadata. command: of `kerasapp-lite`. summary: what it does, for `--help`.
    example: the rest of a command line, for `--help`.
    runtime: "module:Class"; called with an opened `Bundle`.
    run: "module:function" of (runtime, args, knobs); answers, and returns an exit code, None for 0. args has
        the values of `arguments`; knobs: name -> value of each of the bundle's knobs, checked.
    arguments: those of the command beside BUNDLE and the knobs, each an `argument`. A flag takes a value.
    """

    name: str
    command: str
    summary: str
    example: str
    runtime: str
    run: str
    arguments: tuple = ()


def argument(*names, **options):
    """An argument of a command: what `ArgumentParser.add_argument` takes."""
    return names, options


def output_file(text):
    """A type of `argument`: a path where a file can be written, told before any work is done."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; a file's name is expected")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path}: there is no folder {path.parent}")
    return path


BUILT_IN = (
    Task(
        name="generation",
        command="generate",
        summary="continue a text",
        example='saved_models/wp/1/tflite "Prince " --length 500 --temperature 0.5',
        runtime="kerasapp_lite.generation:Generator",
        run="kerasapp_lite.commands:generate",
        arguments=(
            argument(
                "text", metavar="PROMPT", nargs="?", default="", help="text to continue (default: none)"
            ),
        ),
    ),
    Task(
        name="translation",
        command="translate",
        summary="translate a sentence, or the lines of standard input",
        example="saved_models/zh-en/1/tflite 我很高兴。",
        runtime="kerasapp_lite.translation:Translator",
        run="kerasapp_lite.commands:translate",
        arguments=(
            argument("text", metavar="TEXT", nargs="?", help="a sentence (default: lines of standard input)"),
        ),
    ),
    Task(
        name="synthesis",
        command="synthesize",
        summary="read a text aloud into a WAV file",
        example='saved_models/digits/1/tflite "four zero nine" --output out.wav',
        runtime="kerasapp_lite.synthesis:Synthesizer",
        run="kerasapp_lite.commands:synthesize",
        arguments=(
            argument("text", metavar="TEXT", help="text to read aloud"),
            argument(
                "--output", type=output_file, metavar="FILE.wav", required=True, help="the WAV file to write"
            ),
        ),
    ),
    Task(
        name="series",
        command="forecast",
        summary="forecast the next values of a series, with quantiles",
        example="saved_models/sunspots/1/tflite --history newer.csv --horizon 36",
        runtime="kerasapp_lite.series:Forecaster",
        run="kerasapp_lite.commands:forecast",
        arguments=(
            argument("--history", metavar="FILE.csv", required=True, help="CSV file of the past values"),
            argument("--output", type=output_file, metavar="FILE.csv", help="write the table there"),
        ),
    ),
)


def load(place):
    """What "module:name" stands for."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def tasks():
    """All tasks: those of `BUILT_IN`, then those of entry points.

    Raises: ValueError for an entry point that cannot be used.
    """
    from importlib.metadata import entry_points  # here: it takes longer than all else of a start

    found = list(BUILT_IN)
    for point in entry_points(group=GROUP):
        try:
            task = point.load()
        except (ImportError, AttributeError) as error:
            raise ValueError(f"the task {point.name} ({point.value}) cannot be imported: {error}") from None
        if not isinstance(task, Task):
            raise ValueError(f"the task {point.name} ({point.value}) is no kerasapp_lite.tasks.Task")
        if any(task.name == other.name or task.command == other.command for other in found):
            raise ValueError(f"the task {point.name} ({point.value}): its name or its command is taken")
        found.append(task)
    return found


def of_command(command):
    """The task of a command, None for an unknown one. Raises: ValueError, see `tasks`."""
    for known in (BUILT_IN, None):  # the packages are looked through for other commands alone
        for task in known or tasks():
            if task.command == command:
                return task
    return None
