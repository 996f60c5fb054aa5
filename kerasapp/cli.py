"""The command line: picks the command before anything heavy is imported, and prints errors as one line."""

import importlib
import importlib.metadata
import os
import sys

from kerasapp import spec
from kerasapp.backend import require_tensorflow
from kerasapp.errors import CheckError, ConfigError, Interrupted, TrainingError, nearest
from pipelines.errors import DataError

COMMANDS = {
    "quickstart": "train, evaluate, export, serve and query on the shipped samples, showing each command",
    "train": "train a model on your files",
    "evaluate": "score a trained model on a split or a file",
    "inspect": "write a report of what a model does: units, attention, probabilities",
    "export": "write a SavedModel version that servers load",
    "verify": "compare the answers of all runtimes of an export",
    "serve": "serve models over REST and gRPC as TensorFlow Serving does",
}

HELP = """usage: kerasapp COMMAND ...

Sequence models in Keras, from raw files to production.

commands:
{commands}

kerasapp COMMAND --help explains a command. Begin with

  kerasapp quickstart
  kerasapp train generation --data.files my.txt --run runs/mine
  kerasapp generate runs/mine --prompt "Once upon a time"
  kerasapp train translation --data.source my.de --data.target my.en --run runs/de-en
  kerasapp translate runs/de-en "Guten Tag"
  kerasapp train synthesis --preset digits
  kerasapp synthesize runs/digits "three one four" --output pi.wav
  kerasapp train series --preset sunspots
  kerasapp forecast runs/sunspots --horizon 36 --plot forecast.png
"""


def commands():
    """Name -> what the command does, of all there are; those that answer come from the tasks."""
    answering = {name: words for name, (words, _) in spec.commands().items()}
    before = ("quickstart", "train", "evaluate")
    return {
        **{name: COMMANDS[name] for name in before},
        **answering,
        **{name: words for name, words in COMMANDS.items() if name not in before},
    }


def main(argv=None):
    """Runs one command and ends the process.

    Exit codes: 0 done, 1 a check did not hold, 2 usage or data error (one line), 130 interrupted.
    """
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv):
    """Runs one command and returns its exit code."""
    # TensorFlow's own log tells users nothing that its exceptions do not; setting this brings it back.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Recurrent layers train 6% faster with memory from TensorFlow's own pool (benchmarks/training.py).
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        if not argv or argv[0] in ("-h", "--help", "help"):
            lines = [f"  {name:<12} {summary}" for name, summary in commands().items()]
            print(HELP.format(commands="\n".join(lines)))
            return 0 if argv else 2
        if argv[0] == "--version":
            print(f"kerasapp {importlib.metadata.version('kerasapp')}")
            return 0
        return _command(argv[0]).main(argv[1:]) or 0
    except (ConfigError, DataError) as error:
        return _fail(error, 2)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output, such as `head`, has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _fail(f"{error.filename or 'system'}: {error.strerror or error}", 2)
    except (CheckError, TrainingError) as error:
        return _fail(error, 1)
    except (Interrupted, KeyboardInterrupt) as stop:
        print(str(stop) or "interrupted", file=sys.stderr)
        return 130


def _command(name):
    """The module of a command. Raises: ConfigError for an unknown one."""
    answering = spec.commands()
    if name not in answering and name not in COMMANDS:
        raise ConfigError(f"unknown command {name!r}; the nearest is {nearest(name, commands())}")
    require_tensorflow()
    return importlib.import_module(answering[name][1] if name in answering else f"kerasapp.commands.{name}")


def _fail(error, code):
    print("error: " + " ".join(str(error).split("\n")), file=sys.stderr)
    return code
