"""What the commands of `kerasapp-lite` do with a runtime, the command's arguments and its knobs."""

import csv
import io
import sys
import unicodedata

from kerasapp_lite import output, tables


def generate(generator, args, knobs):
    """Prints the text after a prompt as it comes, and tells of characters that the model does not know."""
    if unknown := generator.vocabulary.unknown(args.text):
        named = ", ".join(map(_visible, unknown))
        print(f"the model does not know {named}; it reads each as an unknown character", file=sys.stderr)
    for piece in generator.stream(args.text, **knobs):
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()


def translate(translator, args, knobs):
    """Prints the translation of TEXT, or of each line of standard input.

    Where several are asked for, their scores stand beside them, as `kerasapp translate` writes them.
    """
    if args.text is not None:
        for found in translator.translate(args.text, **knobs):
            print(found.text if knobs["n_best"] == 1 else f"{found.score:.4f}\t{found.text}")
        return 0
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    failed = False
    for number, line in enumerate(sys.stdin):
        try:
            answers = translator.translate(line, **knobs)
        except ValueError as error:  # the other lines go on
            print(flush=True)
            print(f"line {number + 1}: {error}", file=sys.stderr)
            failed = True
            continue
        for found in answers:
            several = f"{number} ||| {found.text} ||| {found.score:.4f}"
            print(found.text if knobs["n_best"] == 1 else several, flush=True)
    return 2 if failed else 0


def synthesize(synthesizer, args, knobs):
    """Writes the speech of TEXT as a WAV file."""
    from kerasapp_lite.sound import write_wav

    speech = synthesizer.synthesize(args.text, **knobs)
    rate = synthesizer.audio["sample_rate"]
    file = io.BytesIO()
    write_wav(file, speech.audio, rate)
    output.write(args.output, file.getvalue())
    count = speech.left_out
    left_out = f", {count} character{'s' * (count != 1)} left out" if count else ""
    seconds = len(speech.audio) / rate
    print(f"{args.output}: {seconds:.2f} s, ended by {speech.stop_reason}{left_out}", file=sys.stderr)


def forecast(forecaster, args, knobs):
    """Writes a forecast as a CSV table: per step, the mean and the quantiles of each column."""
    history = tables.read(args.history, forecaster.columns)
    found = forecaster.forecast(history, **knobs)
    kinds = ["mean", *(f"q{100 * level:02.0f}" for level in forecaster.levels)]
    header = ["step", *(f"{column}_{kind}" for column in forecaster.columns for kind in kinds)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    for step, (means, quantiles) in enumerate(zip(*found, strict=True), len(history) + 1):
        rows = zip(means, quantiles, strict=True)
        writer.writerow([step, *(str(value) for mean, row in rows for value in (mean, *row))])
    if args.output:
        output.write(args.output, file.getvalue().encode())
    else:
        sys.stdout.write(file.getvalue())


def _visible(character):
    # A mark that joins the letter before would join the space here.
    shown = character.isprintable() and not character.isspace() and not unicodedata.combining(character)
    return character if shown else f"U+{ord(character):04X}"
