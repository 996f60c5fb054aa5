"""`kerasapp translate`: translates a sentence, standard input, or a file of any size."""

import json
import re
import sys
import time

from kerasapp.commands import remote
from kerasapp.commands.arguments import (
    Parser,
    add_knobs,
    file_of,
    knobs_of,
    output_file,
    protect_texts,
    protected_text,
    require_another,
)
from kerasapp.commands.lines import Line, reading, report, texts_of, unusable, writing
from kerasapp.commands.progress import progress_bar
from kerasapp.errors import ConfigError, note
from kerasapp.tasks.translation.spec import SPEC

EPILOG = """examples:
  kerasapp translate runs/tatoeba-zh-en 我很高兴。
  kerasapp translate runs/tatoeba-zh-en 我很高兴。 --alignment-plot heat_map.png
  kerasapp translate saved_models/de-en --input talk.de.gz --output talk.en
  cat talk.de | kerasapp translate runs/de-en --beam-size 1 > talk.en
  kerasapp translate runs/de-en "Guten Tag" --n-best 4
  kerasapp translate --server 127.0.0.1:8501 --model de-en "Guten Tag"

A line of input is a sentence and gives a line of output, an empty one an empty one. A line that cannot be
translated gives an empty line too; its number, from 1, and the reason are on standard error, and the exit
code is 2 at the end. A TEXT that looks like a flag comes after --.

A translation that reaches its greatest length (--max-ratio) is cut there; standard error says which.

--scores writes lines "score TAB translation". --n-best writes these for TEXT; for lines of input it writes as
Moses does "LINE ||| translation ||| score", LINE counted from 0. --json writes a JSON object per sentence:
"translation", "score", "finished" (false where it was cut), "n_best", and for lines of input "line", from 1.
"""

UNKNOWN = "<unk>"  # the piece of a character that a vocabulary of characters does not have
CUT = "the translation was cut at its greatest length and did not end; a larger --max-ratio allows more"


def main(argv):
    parser = _parser()
    args, _ = parser.parse(protect_texts(argv, parser, positional=True))
    remote.check_flags(args, SPEC, text=True)
    if args.text is not None and args.input is not None:
        raise ConfigError("--input: give either it or TEXT")
    if args.json and args.scores:
        raise ConfigError("--scores: --json has them")
    if args.text is None and args.alignment_plot is not None:
        raise ConfigError("--alignment-plot: draws one sentence; give it as TEXT")
    require_another(args.output, args.input, "--input")
    knobs = knobs_of(args, SPEC.knobs)
    if args.text is not None:
        return translate_text(args, knobs)
    with reading(args.input) as source:  # before the model is loaded: a missing file shows at once
        return translate_lines(args, knobs, source)


def _parser():
    parser = Parser("translate", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?", help="a run folder, or an exported version")
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", type=protected_text,
        help="one sentence (default: standard input, one sentence per line)",
    )  # fmt: skip
    parser.add_argument(
        "--input", metavar="FILE", help="translate a UTF-8 file, plain or packed, line by line"
    )
    parser.add_argument(
        "--output", type=output_file, metavar="FILE",
        help="write here instead of to standard output; a .gz is compressed",
    )  # fmt: skip
    add_knobs(parser, SPEC.knobs)
    parser.add_argument("--scores", action="store_true", help="write each translation's score before it")
    parser.add_argument("--json", action="store_true", help="write one JSON object per sentence")
    parser.add_argument(
        "--alignment-plot", type=file_of(".png", ""), metavar="FILE.png",
        help="draw the attention of each word of the translation to the words of TEXT",
    )  # fmt: skip
    remote.add_flags(parser)
    return parser


def translate_text(args, knobs):
    """Translates TEXT. Raises: ConfigError if it cannot be translated."""
    (reason,) = unusable([Line(args.text.encode("utf-8", "surrogateescape"))])
    if reason:
        raise ConfigError(f"TEXT: {reason}")
    translator = remote.predictor(args, SPEC)
    (reason,) = translator.check([args.text])
    if reason:
        raise ConfigError(f"TEXT: {reason}")
    (answer,) = translator.translate([args.text], **knobs)
    _note(answer, "TEXT")
    with writing(args.output) as write:
        write(_shown(answer, None, args))
    if args.alignment_plot:
        from kerasapp.plots import alignment as plots

        plots.alignment(args.alignment_plot, answer.source_tokens, answer.target_tokens, answer.alignment)
    return 0


def translate_lines(args, knobs, source):
    """Translates all lines of a `Source`; returns 2 if some could not be translated, else 0."""
    translator = remote.predictor(args, SPEC)
    # A progress bar and answers on the same terminal would overwrite each other.
    shown = args.output is not None or not sys.stdout.isatty()
    started, lines, failures = time.monotonic(), 0, 0
    with writing(args.output) as write, progress_bar("translating", shown) as progress:
        for texts, inside in texts_of(source, translator.check, progress):
            write(translate_chunk(translator, texts, lines, knobs, args, inside))
            lines, failures = lines + len(texts), failures + texts.count(None)
    report(lines, failures, time.monotonic() - started, "translated")
    return 2 if failures else 0


def translate_chunk(translator, texts, first, knobs, args, progress):
    """The lines of output for a list of texts, None for one that cannot be translated; the first one has the
    index `first` in the file."""
    places = [i for i, text in enumerate(texts) if text and text.strip()]
    answers = translator.translate([texts[i] for i in places], progress=progress, **knobs)
    answers = dict(zip(places, answers, strict=True))
    for i, answer in answers.items():
        _note(answer, f"line {first + i + 1}")
    return [line for i in range(len(texts)) for line in _shown(answers.get(i), first + i, args)]


def _note(answer, where):
    """Tells what may be wrong with an answer."""
    if unknown := answer.source_tokens.count(UNKNOWN):
        count = len(answer.source_tokens) - 1  # without the end token
        note(f"{where}: the model does not know {unknown:,} of {count:,} characters of the sentence")
    if not answer.finished:
        note(f"{where}: {CUT}")


def _shown(answer, index, args):
    """The lines of output for an answer, None where there is none; `index` is None for TEXT."""
    if args.json:
        return [json.dumps(_as_json(answer, index), ensure_ascii=False)]
    if args.n_best > 1 and index is not None:
        pairs = [("", 0.0)] if answer is None else answer.n_best
        return [f"{index} ||| {_one_line(text)} ||| {score:.4f}" for text, score in pairs]
    if answer is None:
        return [""]
    if args.n_best > 1:
        return [f"{score:.4f}\t{_one_line(text)}" for text, score in answer.n_best]
    return [f"{answer.score:.4f}\t{_one_line(answer.text)}" if args.scores else _one_line(answer.text)]


def _as_json(answer, index):
    found = {} if index is None else {"line": index + 1}
    if answer is None:
        return {**found, "translation": "", "score": None, "finished": False, "n_best": []}
    n_best = [{"translation": text, "score": score} for text, score in answer.n_best]
    best = {"translation": answer.text, "score": answer.score, "finished": answer.finished}
    return {**found, **best, "n_best": n_best}


def _one_line(text):
    """A text without line breaks, which would shift all lines after it."""
    return re.sub(r"[\r\n]+", " ", text)
