"""`kerasapp verify`: asks all runtimes of an export the same, and compares their answers."""

import dataclasses
import sys

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser, number
from kerasapp.commands.lines import reading, unusable
from kerasapp.commands.progress import progress_bar
from kerasapp.config import parsing
from kerasapp.errors import ConfigError, Interrupted

EPILOG = """examples:
  kerasapp verify saved_models/tinyshakespeare
  kerasapp verify saved_models/de-en/3 --data talk.de --items 1020
  kerasapp verify saved_models/digits --quick --json

The runtimes are Keras, the SavedModel in Python and in TensorFlow's C++ loader, `kerasapp serve` over REST
and gRPC, and each TensorFlow Lite file of a bundle. The inputs are the test vectors of the export, the lines
of --data, and held-out data that the model was not trained on. docs/verify.md lists the limits for each
runtime. If one exceeds them, the first input that shows it is printed and the exit code is 1.
"""


def main(argv):
    args, _ = _parser().parse(argv)
    artefact = find(args.export)
    if artefact.folder == artefact.path:
        raise ConfigError(f"{args.export}: a run; verify takes an export (kerasapp export {args.export})")
    task = spec.spec(parsing.load(artefact.config).task)
    if args.beam_size is not None and "beam_size" not in task.defaults:
        raise ConfigError(f"--beam-size: {args.export} is a model of {task.name}, which has no beams")
    if args.data is not None and task.takes != "text":
        raise ConfigError(f"--data: lines of text, and {args.export} is a model of {task.name}")
    lines = _lines(args.data) if args.data else ()

    from kerasapp.verify import checking, table

    changed = {"items": args.items, "beam_size": args.beam_size, "runtimes": args.runtimes}
    changed = {name: value for name, value in changed.items() if value is not None}
    settings = dataclasses.replace(
        checking.QUICK if args.quick else checking.Settings(), lines=lines, **changed
    )
    with progress_bar("verify") as progress:
        try:
            report = checking.verify(artefact.path, settings, lambda _, share: progress(share))
        except KeyboardInterrupt:
            raise Interrupted("interrupted: nothing is verified") from None
    if args.json:
        print(checking.as_json(report))
    else:
        show(report, sys.stdout, args.verbose)
    if args.json and not report["ok"]:
        print("\n".join(table.broken(report)), file=sys.stderr)
    return 0 if report["ok"] else 1


def show(report, file, verbose=False):
    """Prints a report's table to a file: 80 columns wide, or with all figures, which need 200."""
    from rich.console import Console

    from kerasapp.verify import table

    console = Console(file=file)
    if not console.is_terminal or verbose:
        console = Console(file=file, width=200 if verbose else 80)
    table.show(report, console, verbose)


def _parser():
    parser = Parser("verify", __doc__, EPILOG)
    add = parser.add_argument
    add("export", metavar="EXPORT", help="an exported version, or saved_models/NAME for its newest version")
    words = "a text file whose lines are inputs, too: prompts, sentences, or texts to read aloud"
    add("--data", metavar="FILE", help=words)
    words = "inputs in addition to --data, including the test vectors (default: 50; 20 with --quick)"
    add("--items", type=number(int, 1, 100_000), metavar="N", help=words)
    words = "runtimes to compare with Keras, such as saved_model or compiled_dynamic (default: all)"
    add("--runtimes", nargs="+", metavar="NAME", help=words)
    words = "translation: hypotheses kept at each step; 1 is greedy (default: 4)"
    add("--beam-size", type=number(int, 1, 64), metavar="N", help=words)
    words = "the check of kerasapp export: fewer inputs, usually under a minute"
    add("--quick", action="store_true", help=words)
    add("--verbose", action="store_true", help="all figures of each runtime, in a table of 200 columns")
    add("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def _lines(path):
    """The lines of a file that are not blank."""
    lines = []
    with reading(path) as source:
        for chunk in source.chunks():
            for line, reason in zip(chunk, unusable(chunk), strict=True):
                if reason:
                    raise ConfigError(f"--data: {path}: line {len(lines) + 1}: {reason}")
                lines.append(line.decode())
    lines = tuple(line for line in lines if line.strip())
    if not lines:
        raise ConfigError(f"--data: {path}: no line has any text")
    return lines
