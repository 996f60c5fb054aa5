"""`kerasapp inspect`: write a report of what a trained model does with a text or a series, one HTML file."""

import time
from pathlib import Path

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser, number, output_file, protect_texts, protected_text
from kerasapp.commands.lines import Line, unusable
from kerasapp.commands.loading import load as _load
from kerasapp.commands.progress import progress_bar
from kerasapp.config import parsing
from kerasapp.errors import ConfigError
from kerasapp.inspection.request import Request, note

KEPT = 1_000_000  # most characters of a file that are read

EPILOG = """examples:
  kerasapp inspect runs/war-and-peace --file chapter.txt --output report.html
  kerasapp inspect runs/tatoeba-zh-en --source 我很高兴。 --output report.html
  kerasapp inspect saved_models/digits --text "four zero nine" --output report.html
  kerasapp inspect runs/sunspots --output report.html

For a language model the report shows the text coloured by any unit's state, the units that follow quotations,
words, lines and other simple things, how often gates are shut or open, and the probability of each character
with its alternatives. For a translator: what each word looked at, its probability and its alternatives. For a
voice: which character it read when, the spectrogram, and the probability of the end. For a model of series:
each value with the bands that were predicted for it, the surprises, whether the predictions are calibrated,
and the units that follow level, trend and season.

The report needs no server and no network. A language model reads the first --length characters. Of --file a
translator reads the first 50 lines, and a voice the first 50 sentences. A model of series reads a CSV file
with its columns, by default the data that it was trained on, and shows the last --length steps.
"""


def main(argv):
    parser = _parser()
    args, _ = parser.parse(protect_texts(argv, parser, ("--text", "--source")))
    task = spec.spec(parsing.load(find(args.model).config).task)
    module = task.load("inspection")
    request, count = _request(args, task.name, module.FLAG)
    started = time.perf_counter()
    predictor = _load(args.model)
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
    parser.add_argument("model", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    parser.add_argument("--text", type=protected_text, metavar="TEXT", help="the text that the model reads")
    parser.add_argument(
        "--source", type=protected_text, metavar="TEXT", help="the same for a translator: a sentence"
    )
    parser.add_argument(
        "--file", metavar="FILE", help="a file in place of the text, UTF-8, plain or .gz; CSV for a series"
    )
    parser.add_argument(
        "--output", type=output_file, required=True, metavar="FILE.html", help="the report, one HTML file"
    )
    parser.add_argument(
        "--length", type=number(int, 1, 20_000, "a whole number from 1 to 20000"), default=5000, metavar="N",
        help="most characters that a language model reads, or steps of a series to show (default: 5000)",
    )  # fmt: skip
    return parser


def _request(args, task, usual):
    """(`Request`, number of characters of the whole text or None); a large file's beginning is read.

    Args:
        usual: the flag of a text, "text" or "source"; None if the task reads numbers.
    """
    given = [flag for flag in ("text", "source", "file") if getattr(args, flag) is not None]
    if usual is None:
        if set(given) - {"file"}:
            raise ConfigError(f"--{given[0]}: {args.model} is a model of {task}; give it --file FILE.csv")
        return Request("--file", None, args.file, args.length), None
    if len(given) != 1:
        raise ConfigError(f"--{usual} TEXT, or --file FILE: exactly one of them is required")
    (flag,) = given
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
    """The first `KEPT` characters of a file, and how many it has."""
    from pipelines.files import read_text

    kept, count = "", 0
    for piece in read_text(Path(path).expanduser()):
        kept += piece[: KEPT - len(kept)]
        count += len(piece)
    return kept, count
