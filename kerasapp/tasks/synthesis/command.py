"""`kerasapp synthesize`: reads a text aloud, or each line of a file."""

import argparse
import itertools
import json
import time
from types import SimpleNamespace

from kerasapp.artefact import find
from kerasapp.commands import remote
from kerasapp.commands.arguments import (
    Parser,
    add_knobs,
    file_of,
    knobs_of,
    number,
    output_folder,
    protect_texts,
    protected_text,
)
from kerasapp.commands.lines import Line, reading, unusable
from kerasapp.commands.progress import progress_bar
from kerasapp.config import parsing
from kerasapp.errors import ConfigError, note
from kerasapp.tasks.synthesis.audio_config import mel_edges
from kerasapp.tasks.synthesis.sentences import Job, draw, sentences_of, speak, write_speech
from kerasapp.tasks.synthesis.spec import SPEC

EPILOG = """examples:
  kerasapp synthesize runs/digits "three one four" --output pi.wav --plot pi.png
  kerasapp synthesize saved_models/digits "$(cat page.txt)" --output page.wav
  kerasapp synthesize runs/ljspeech --input lines.txt --output spoken
  kerasapp synthesize --server 127.0.0.1:8501 --model digits "three one four" --output pi.wav

A text is read sentence by sentence, with short pauses between. Each line of a file gives a WAV file in the
folder --output, 0001.wav and so on; an empty line gives none. Where a sentence was cut off, or not read from
its first character to its last, or had characters that the model does not know, standard error says so. A
line that cannot be read is named there too, and the exit code is 2 at the end. A TEXT that looks like a flag
comes after --.
"""

DRAWN = 60.0  # seconds of speech in a picture, at most


def main(argv):
    parser = _parser()
    args, _ = parser.parse(protect_texts(argv, parser, positional=True))
    remote.check_flags(args, SPEC, text=True)
    if (args.text is None) == (args.input is None):
        raise ConfigError("TEXT, or --input FILE: exactly one of them is required")
    if args.text is None:
        if args.plot is not None:
            raise ConfigError("--plot: draws one text; give it as TEXT")
        args.output = _of_output(output_folder, args.output)
    else:
        args.output = _of_output(file_of(".wav"), args.output)
    started = time.monotonic()
    if args.text is not None:
        report = read_text(args)
    else:
        with reading(args.input) as source:  # before the model is loaded: a missing file shows at once
            report = read_lines(args, source)
    _print_report(report, time.monotonic() - started, args.json)
    return 2 if report["unread"] else 0


def _of_output(kind, text):
    try:
        return kind(text)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"--output: {error}") from None


def _parser():
    parser = Parser("synthesize", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?", help="a run folder, or an exported version")
    parser.add_argument("text", metavar="TEXT", nargs="?", type=protected_text, help="what to read aloud")
    parser.add_argument("--input", metavar="FILE", help="read each line of a UTF-8 file, plain or packed")
    parser.add_argument(
        "--output", required=True, metavar="FILE.wav|FOLDER",
        help="where the speech goes: a file for TEXT; for lines a folder, which is made if it is not there",
    )  # fmt: skip
    parser.add_argument(
        "--plot", type=file_of(".png", ""), metavar="FILE.png",
        help="draw spectrogram, attention and probability of the end for TEXT",
    )  # fmt: skip
    parser.add_argument(
        "--longest", type=number(int, 20, 600), default=160, metavar="N",
        help="cut a sentence of more than N spoken characters, at a comma or a space (default: 160)",
    )  # fmt: skip
    add_knobs(parser, SPEC.knobs)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else there")
    remote.add_flags(parser)
    return parser


def _job(args):
    return Job(remote.predictor(args, SPEC), knobs_of(args, SPEC.knobs), args.longest)


def _plot_settings(args, job, speech):
    """The scales of a picture: `hop_seconds`, and `mel_frequencies`, None if unknown."""
    if args.server is None:
        return parsing.load(find(args.model).config).audio
    audio, frequencies = job.synthesizer.server.audio(), None
    if audio:
        frequencies = mel_edges(audio["f_min"], audio["f_max"], speech.mel.shape[1])[1:-1]
    return SimpleNamespace(hop_seconds=speech.seconds / len(speech.mel), mel_frequencies=frequencies)


def read_text(args):
    """Reads TEXT aloud into a file, and draws it; returns the report. Raises: ConfigError."""
    (reason,) = unusable([Line(args.text.encode("utf-8", "surrogateescape"))])
    if reason:
        raise ConfigError(f"TEXT: {reason}")
    job = _job(args)
    sentences, reason = sentences_of(job, args.text, "TEXT")
    if reason:
        raise ConfigError(f"TEXT: {reason}")
    drawn, kept = [], 0.0
    with progress_bar("reading aloud") as progress:

        def spoken():
            nonlocal kept
            for i, speech in enumerate(speak(job, sentences)):
                kept += speech.seconds
                if args.plot is not None and (not drawn or (len(drawn) == i and kept <= DRAWN)):
                    drawn.append(speech)
                yield speech
                progress((i + 1) / len(sentences))

        written = write_speech(args.output, spoken(), sentences, "TEXT")
    if args.plot is not None:
        draw(args.plot, drawn, _plot_settings(args, job, drawn[0]))
        if len(drawn) < len(sentences):
            note(f"{args.plot}: shows the first {len(drawn)} of {len(sentences)} sentences")
    return {"files": [written], "unread": []}


def read_lines(args, source):
    """Reads each line of a `Source` aloud into a file of the folder; returns the report."""
    job = _job(args)
    args.output.mkdir(exist_ok=True)
    report, line = {"files": [], "unread": []}, 0
    with progress_bar("reading aloud") as progress:
        read = source.share()
        for chunk in source.chunks():
            before, read = read, source.share()
            texts = list(_readable(job, chunk, line + 1, report))
            speeches = speak(job, [sentence for _, sentences in texts for sentence in sentences])
            for done, (place, sentences) in enumerate(texts, 1):
                own = itertools.islice(speeches, len(sentences))
                path = args.output / f"{place:04d}.wav"
                written = write_speech(path, own, sentences, f"line {place}")
                report["files"].append({"line": place, **written})
                progress(None if read is None else before + done / len(texts) * (read - before))
            line += len(chunk)
    return report


def _readable(job, chunk, first, report):
    """Yields (place, sentences) of each line of a chunk that can be read; the chunk begins at `first`.
    The other lines are noted on standard error, and added to `report`."""
    for place, (line, reason) in enumerate(zip(chunk, unusable(chunk), strict=True), first):
        if reason is None and not line.strip():
            continue
        sentences = []
        if reason is None:
            sentences, reason = sentences_of(job, line.decode(), f"line {place}")
        if reason:
            note(f"line {place}: {reason}")
            report["unread"].append({"line": place, "reason": reason})
        else:
            yield place, sentences


def _print_report(report, took, as_json):
    files, unread = report["files"], len(report["unread"])
    seconds = sum(file["seconds"] for file in files)
    name = files[0]["file"] if len(files) == 1 else f"{len(files):,} files"
    failed = f"; {unread:,} could not be read" * (unread > 0)
    note(f"{name}: {seconds:.1f} s of speech, {took:.1f} s with loading the model{failed}")
    if as_json:
        print(json.dumps({"seconds": seconds, **report}))
