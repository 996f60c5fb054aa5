"""The command line: kerasapp-lite COMMAND BUNDLE ..."""

import argparse
import os
import sys

from kerasapp_lite import tasks
from kerasapp_lite.bundle import Bundle, read_metadata
from kerasapp_lite.knobs import Knob, filled, read

PROGRAM = "kerasapp-lite"
THREADS = Knob("threads", "int32", 1, "threads that LiteRT may use", 1, 64, metavar="N")
LAYOUT = argparse.RawDescriptionHelpFormatter


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, and the exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv=None):
    """Runs a command and gives its exit code: 0, or 2 after one line on standard error."""
    try:
        return _run(sys.argv[1:] if argv is None else list(argv)) or 0
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        told = f"{error.filename}: {error.strerror}" if getattr(error, "filename", None) else str(error)
        print(f"{PROGRAM}: {told.splitlines()[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(argv):
    command, *words = argv or [""]
    task = tasks.of_command(command)
    if task is None:
        parser = _overview()
        parser.parse_args(argv)
        parser.error("COMMAND comes first")
    folder, known = _first(words), []
    parser = _parser(task, folder)
    if folder is not None:  # first of all: the bundle says which flags there are
        known = read(read_metadata(folder, task.name))
        _add_knobs(parser.add_argument_group("settings of this bundle"), known)
    args = parser.parse_intermixed_args(words)
    knobs = filled(known, {knob.name: getattr(args, knob.name) for knob in known})
    bundle = Bundle(args.bundle, args.precision, task.name, args.threads)
    return tasks.load(task.run)(tasks.load(task.runtime)(bundle), args, knobs)


def _first(words):
    """The first word that is neither a flag nor a flag's value: BUNDLE; None where there is none."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return word
        if "=" not in word and word not in ("-h", "--help"):
            next(rest, None)
    return None


def _overview():
    """The parser of a command line without a command that is known."""
    known = tasks.tasks()
    examples = "\n".join(f"  {PROGRAM} {task.command} {task.example}" for task in known)
    parser = _Parser(
        PROGRAM,
        description="Runs the bundles that `kerasapp export --tflite` writes.",
        epilog=f"examples:\n{examples}",
        formatter_class=LAYOUT,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for task in known:
        commands.add_parser(task.command, help=_escaped(task.summary))
    return parser


def _parser(task, folder):
    """The parser of a task's command, without the bundle's knobs."""
    name = f"{PROGRAM} {task.command}"
    epilog = f"example:\n  {name} {task.example}"
    if folder is None:
        epilog += f"\n\nA bundle has settings of its own; `{name} BUNDLE --help` shows them."
    parser = _Parser(name, description=task.summary, epilog=epilog, formatter_class=LAYOUT)
    parser.add_argument("bundle", metavar="BUNDLE", help="the tflite folder of an exported version")
    for names, options in task.arguments:
        parser.add_argument(*names, **options)
    parser.add_argument(
        "--precision", metavar="NAME", help="float32, float16, dynamic or int8 (default: the first there is)"
    )
    _add_knobs(parser, [THREADS])
    return parser


def _add_knobs(parser, knobs):
    for knob in knobs:
        shown = "" if knob.default in ("", None) else f" (default: {knob.default})"
        parser.add_argument(
            f"--{knob.name.replace('_', '-')}",
            type=_type(knob),
            default=knob.default,
            metavar=knob.metavar,
            help=_escaped(knob.help + shown),
        )


def _type(knob):
    def parsed(text):
        if knob.type == "string":
            return text.replace("\\n", "\n")
        try:
            return knob.checked(float(text) if knob.type == "float32" else int(text))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {knob.range}") from None

    return parsed


def _escaped(text):
    return text.replace("%", "%%")  # argparse takes a % for a field


if __name__ == "__main__":
    sys.exit(main())
