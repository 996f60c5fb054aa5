"""The command line: picks the command before anything heavy is imported, and prints errors as one line."""

import importlib
import importlib.metadata
import logging
import os
import signal
import sys

from kerasapp import spec
from kerasapp.backend import require_tensorflow
from kerasapp.errors import CheckError, ConfigError, Interrupted, TrainingError, nearest
from pipelines.errors import DataError

BEFORE = {  # command -> what it does; the tasks' own commands come after these,
    "quickstart": "run all steps of a task on shipped samples, showing each command",
    "train": "train a model on your files",
    "evaluate": "score a trained model on a split or a file",
}
AFTER = {  # and before these
    "inspect": "write a report of what a model does, as one HTML file",
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
  kerasapp train translation --data.pairs deu-eng.tsv --run runs/de-en
  kerasapp translate runs/de-en "Guten Tag"
  kerasapp train synthesis --preset digits
  kerasapp synthesize runs/digits "three one four" --output pi.wav
  kerasapp train series --preset sunspots
  kerasapp forecast runs/sunspots --horizon 36 --plot forecast.png
"""


def commands():
    """All commands: name -> what it does."""
    return BEFORE | {name: words for name, (words, _) in spec.commands().items()} | AFTER


def main(argv=None):
    """Runs one command and ends the process.

    Exit codes: 0 done, 1 a check did not hold, 2 usage or data error (one line), 130 interrupted.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed: the next file that is opened would get what is printed
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show must not end a command
        stream.reconfigure(errors="surrogateescape" if stream.encoding == "utf-8" else "backslashreplace")
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["serve"]:
        # While models load. The first process of a container would not hear the signal without a function.
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    sys.exit(run(words))


def run(argv):
    """Runs one command and returns its exit code."""
    # TensorFlow's log repeats its exceptions; whoever sets this variable gets it back.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if argv[:1] == ["serve"]:
        # oneDNN brings a pool of memory that gives nothing back: after a request that took a gigabyte, the
        # server kept it. Answers take the same time without (the four quickstart models).
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    else:
        # Recurrent layers train 6% faster with memory from TensorFlow's own pool (benchmarks/training.py).
        os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where it cannot write its cache
    try:
        if not argv or argv[0] in ("-h", "--help", "help"):
            lines = [f"  {name:<12} {summary}" for name, summary in commands().items()]
            print(HELP.format(commands="\n".join(lines)))
            return 0 if argv else 2
        if argv[0] in ("--version", "-V", "version"):
            print(f"kerasapp {importlib.metadata.version('kerasapp')}")
            return 0
        return _command(argv[0]).main(argv[1:]) or 0
    except (ConfigError, DataError) as error:
        return _fail(error, 2)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output, such as `head`, has ended
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
    if name not in commands():
        known = ", ".join(commands())
        raise ConfigError(
            f"unknown command {name!r}; did you mean {nearest(name, commands())}? (known: {known})"
        )
    require_tensorflow()
    return importlib.import_module(spec.commands().get(name, ("", f"kerasapp.commands.{name}"))[1])


def _fail(error, code):
    print("error: " + " ".join(str(error).split("\n")), file=sys.stderr)
    return code
