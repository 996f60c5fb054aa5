"""`kerasapp inspect`: writes a report of what a trained model does with a text or a series, one HTML file."""

import os
import time
from pathlib import Path

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser, file_of, number, protect_texts, protected_text
from kerasapp.commands.lines import Line, unusable
from kerasapp.commands.loading import load
from kerasapp.commands.progress import progress_bar
from kerasapp.config import parsing
from kerasapp.errors import ConfigError, note
from kerasapp.inspection.request import Request

MOST = 1_000_000  # characters that are read of a file

EPILOG = """examples:
  kerasapp inspect runs/war-and-peace --file chapter.txt --output report.html
  kerasapp inspect runs/tatoeba-zh-en --source 我很高兴。 --output report.html
  kerasapp inspect saved_models/digits --text "four zero nine" --output report.html
  kerasapp inspect runs/sunspots --output report.html

The report shows
  for a language model: the text coloured by any unit's state; the units that
    follow quotations, words, lines and other features; how often gates are
    closed or open; the probability and the alternatives of each character
  for a translator: the attention, probability and alternatives of each word
  for a voice: which character it reads when; the spectrogram; the probability
    of the end
  for a model of series: each value with its predicted bands; the surprises;
    the calibration; the units that follow level, trend and season

The report needs no server and no network. A language model reads the first --length characters of a text. A
translator reads the first 50 lines of --file, a voice the first 50 sentences. A model of series reads a CSV
file with its columns (default: the data that it was trained on) and shows the last --length steps.
"""


def main(argv):
    parser = _parser()
    args, _ = parser.parse(protect_texts(argv, parser, ("--text", "--source")))
    task = spec.spec(parsing.load(find(args.model).config).task)
    module = task.load("inspection")
    request, count = _request(args, task.name, module.FLAG)
    started = time.perf_counter()
    predictor = load(args.model)
    loaded = time.perf_counter()
    chosen = module.choose(predictor, request)
    with progress_bar(module.PROGRESS) as progress:
        contents = module.inspect(predictor, chosen, progress)
    contents["of"] = count
    from kerasapp.inspection import report

    name = Path(args.model).resolve().name
    size = report.write(args.output, contents, f"{name}: {module.TITLE}", module.SCRIPTS)
    took, start = time.perf_counter() - loaded, loaded - started
    note(f"{args.output}: {size / 1e6:.2f} MB, in {took:.1f} s; loading the model took {start:.1f} s")
    return 0


def _parser():
    parser = Parser("inspect", __doc__, EPILOG)
    add = parser.add_argument
    add("model", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    add("--text", type=protected_text, metavar="TEXT", help="the text that the model reads")
    add("--source", type=protected_text, metavar="TEXT", help="the sentence that a translator reads")
    add(
        "--file",
        metavar="FILE",
        help="a UTF-8 file to read instead, plain or packed; a CSV file for a series",
    )
    add(
        "--output",
        type=file_of(".html", ".htm", ""),
        required=True,
        metavar="FILE.html",
        help="the report, one HTML file",
    )
    words = "most characters to read, or steps of a series to show (default: %(default)s)"
    add("--length", type=number(int, 1, 20_000), default=5000, metavar="N", help=words)
    return parser


def _request(args, task, usual):
    """(`Request`, number of characters of the whole text or None). Reads the beginning of a large file.

    Args:
        usual: the flag of a text, "text" or "source"; None if the task reads numbers.
    """
    sources = [flag for flag in ("text", "source", "file") if getattr(args, flag) is not None]
    if usual is None:
        if set(sources) - {"file"}:
            raise ConfigError(f"--{sources[0]}: {args.model} is a model of {task}; give it --file FILE.csv")
        return Request("--file", None, args.file, args.length), None
    if len(sources) != 1:
        raise ConfigError(f"--{usual} TEXT, or --file FILE: exactly one of them is required")
    (flag,) = sources
    if flag == "source" and usual == "text":
        raise ConfigError(f"--source: {args.model} is a model of {task}; give it --text")
    if flag == "file":
        text, count = _beginning(args.file)
        return Request("--file", text, args.file, args.length), count
    text = getattr(args, flag)
    (reason,) = unusable([Line(text.encode("utf-8", "surrogateescape"))])
    if reason:
        raise ConfigError(f"--{flag}: {reason}")
    return Request(f"--{flag}", text, None, args.length), len(text)


def _beginning(path):
    """The first `MOST` characters of a file, and how many it has."""
    from pipelines.files import read_text

    kept, count = "", 0
    for piece in read_text(Path(os.path.expanduser(path))):
        kept += piece[: MOST - len(kept)]
        count += len(piece)
    return kept, count
