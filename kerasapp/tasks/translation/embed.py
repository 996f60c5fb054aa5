"""`kerasapp embed`: one vector per sentence, by a model without attention; nearest sentences; a projector."""

import json
import time

import numpy as np

from kerasapp.artefact import find
from kerasapp.commands import remote
from kerasapp.commands.arguments import (
    Parser,
    number,
    output_file,
    output_folder,
    protect_texts,
    protected_text,
)
from kerasapp.commands.lines import Line, reading, report, texts_of, unusable
from kerasapp.commands.progress import progress_bar
from kerasapp.config import parsing
from kerasapp.errors import ConfigError, note
from kerasapp.tasks.translation import projector
from kerasapp.tasks.translation.spec import SPEC
from pipelines.atomic import replacing
from pipelines.errors import DataError

EPILOG = """examples:
  kerasapp embed runs/sentence-autoencoder --input lines.txt --output vectors.npy
  kerasapp embed runs/sentence-autoencoder "I like tea." "You like tea." > two_lines_of_numbers.txt
  kerasapp embed runs/sentence-autoencoder "I like tea." --input lines.txt --neighbours 5
  kerasapp embed runs/sentence-autoencoder --input lines.txt --projector projector
  tensorboard --logdir projector
  kerasapp embed --server 127.0.0.1:8501 --input lines.txt --output vectors.npy

The model is one of translation with --model.attention none, best of all an autoencoder:
  kerasapp train translation --preset sentence-autoencoder

A line of input is a sentence and gives a row of the array, float32 [lines, size]: what the decoder knows of
it, numbers between -1 and 1 (-N and N with N encoder layers), not scaled to a length of 1. A blank line gives
zeros. A line that cannot be read gives zeros too; its number, from 1, and the reason are on standard error,
and the exit code is 2 at the end.
Without --output, --neighbours and --projector the numbers go to standard output, one line per sentence.
"""


def main(argv):
    parser = _parser()
    args, _ = parser.parse(protect_texts(argv, parser, positional=True))
    if args.server is not None and args.model is not None:  # the first word is a text then
        args.text, args.model = [protected_text(args.model), *args.text], None
    remote.check_flags(args, SPEC)
    if args.neighbours is not None and not (args.text and args.input):
        raise ConfigError("--neighbours: give sentences as TEXT, and those to search with --input FILE")
    if args.neighbours is None and args.text and args.input:
        raise ConfigError("--input: give either it or TEXT, or --neighbours to compare them")
    if args.json and args.neighbours is None:
        raise ConfigError("--json: goes with --neighbours")
    if args.output is not None and args.output.suffix != ".npy":
        raise ConfigError(f"--output: {args.output} does not end in .npy, the format that is written")
    if args.server is None:
        _require_vectors(args.model)
    texts = [Line(text.encode("utf-8", "surrogateescape")) for text in args.text]
    for place, reason in enumerate(unusable(texts), 1):
        if reason:
            raise ConfigError(f"TEXT {place}: {reason}")
    if args.text and args.input is None:
        return _write(args, args.text, _of_texts(remote.predictor(args, SPEC), args.text), 0)
    with reading(args.input) as source:  # before the model is loaded: a missing file shows at once
        embedder = remote.predictor(args, SPEC)
        queries = _of_texts(embedder, args.text) if args.text else None
        lines, vectors, failures = embed_lines(embedder, source)
    if not lines:
        raise DataError(f"{args.input or 'standard input'}: there is no line in it")
    return _write(args, lines, vectors, failures, queries)


def _parser():
    parser = Parser("embed", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?", help="a run folder, or an exported version")
    parser.add_argument(
        "text", metavar="TEXT", nargs="*", type=protected_text,
        help="sentences (default: standard input, one sentence per line)",
    )  # fmt: skip
    parser.add_argument(
        "--input", metavar="FILE", help="a UTF-8 file, plain or packed, with one sentence per line"
    )
    parser.add_argument(
        "--output", type=output_file, metavar="FILE.npy", help="write the vectors there, for numpy.load"
    )
    parser.add_argument(
        "--neighbours", type=number(int, 1, 1000), metavar="K",
        help="print the K lines of --input that are nearest to each TEXT, by the cosine of their vectors",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the neighbours as one JSON object")
    parser.add_argument(
        "--projector", type=output_folder, metavar="DIR",
        help="write what tensorboard --logdir DIR shows under PROJECTOR, of "
        f"{projector.MOST:,} evenly spread lines at most",
    )  # fmt: skip
    remote.add_flags(parser)
    return parser


def _require_vectors(path):
    attention = parsing.load(find(path).config).model.attention
    if attention != "none":
        raise ConfigError(
            f"{path}: no vector stands for a sentence in a model with attention, here {attention}; "
            "kerasapp train translation --preset sentence-autoencoder makes one without"
        )


def _of_texts(embedder, texts):
    """The vectors of TEXTs. Raises: ConfigError if one is too long."""
    for place, reason in enumerate(embedder.check(texts), 1):
        if reason:
            raise ConfigError(f"TEXT {place}: {reason}")
    return embedder.embed(texts)


def embed_lines(embedder, source):
    """The lines of a `Source`, their vectors [lines, size], and how many could not be read: those are ""."""
    texts, parts, failures, started = [], [], 0, time.monotonic()
    with progress_bar("embedding") as progress:
        for found, inside in texts_of(source, embedder.check, progress):
            failures += found.count(None)
            found = [text or "" for text in found]
            parts.append(embedder.embed(found, progress=inside))
            texts += found
    report(len(texts), failures, time.monotonic() - started, "read")
    return texts, np.concatenate(parts) if parts else None, failures


def _write(args, texts, vectors, failures, queries=None):
    """Writes what is asked for; returns 2 if some lines could not be read, else 0."""
    if args.output is not None:
        with replacing(args.output) as file:
            np.save(file, vectors)
    if args.projector is not None:
        shown = projector.write(args.projector, texts, vectors)
        note(f"{shown:,} sentences; to see them: tensorboard --logdir {args.projector}")
    if queries is not None:
        found = [
            {"text": text, "neighbours": nearest(query, texts, vectors, args.neighbours)}
            for text, query in zip(args.text, queries, strict=True)
        ]
        if args.json:
            print(json.dumps({"queries": found}, ensure_ascii=False))
        else:
            _show(found)
    if args.output is None and args.projector is None and queries is None:
        for vector in vectors:
            print(" ".join(f"{value:.6g}" for value in vector))
    return 2 if failures else 0


def nearest(query, texts, vectors, count):
    """The sentences whose vectors have the greatest cosine with that of a query, each once.

    Args:
        query: [size]. texts: list of strings, blank ones of which do not count. vectors: [texts, size].
        count: how many, at most.

    Returns: list of {"line": from 1, "similarity": from -1 to 1, "text"}, the nearest first.
    """
    first = {}
    for place, text in enumerate(texts):
        if text.strip():
            first.setdefault(text, place)
    places = np.array(list(first.values()), int)
    lengths = np.linalg.norm(vectors[places], axis=1) * np.linalg.norm(query)
    cosines = vectors[places] @ query / np.maximum(lengths, 1e-12)
    order = np.argsort(-cosines, kind="stable")[:count]
    return [
        {"line": int(places[i]) + 1, "similarity": round(float(cosines[i]), 4), "text": texts[places[i]]}
        for i in order
    ]


def _show(found):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    for query in found:
        table = Table("cosine", "line", "sentence", title=Text(query["text"]), show_edge=False)
        for row in query["neighbours"]:
            table.add_row(f"{row['similarity']:.3f}", str(row["line"]), Text(row["text"]))
        Console().print(table)
