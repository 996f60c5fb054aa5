"""Pictures of speech: spectrogram, attention and stop probability, one under the other, by the second."""

import itertools

import numpy as np

from kerasapp.plots import labels
from kerasapp.plots.alignment import DOTS, png
from pipelines.atomic import replacing

SECOND = 1.6  # inches of a second of speech, where that gives a width within these limits
NARROWEST, WIDEST = 6.5, 30.0
SPECTROGRAM, STOP = 2.2, 0.9  # inches of height
CHARACTER = 0.14  # inches of a character's row
LOWEST, HIGHEST = 2.0, 8.0  # inches of all of them: more characters than fit have their words as labels
DEEPEST = 80.0  # dB below the loudest that have a colour of their own
HERTZ = (100, 250, 500, 1000, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000)  # ticks
DECIBELS = 20 / np.log(10)  # of a natural logarithm of an amplitude


def synthesis(path, **contents):
    """Draws how a text was read aloud into a PNG file, whole or not at all: `synthesis_image` of `contents`.

    Raises: ValueError if the shapes do not fit or are empty; OSError if the file cannot be written.
    """
    picture = synthesis_image(**contents)
    with replacing(path) as file:
        file.write(picture)


def comparison_image(target, speech, settings):
    """The picture of a `Speech` under the recording of the same text, as the bytes of a PNG file.

    Args:
        target: float array [frames, mels], the recording's log-mels.
        speech: has mel, alignment, tokens and stop as `synthesis` takes them.
        settings: the `AudioConfig`.
    """
    contents = {name: getattr(speech, name) for name in ("mel", "alignment", "tokens", "stop")}
    scale = {name: getattr(settings, name) for name in ("hop_seconds", "mel_frequencies")}
    return synthesis_image(**contents, **scale, target=target)


def synthesis_image(*, mel, alignment, tokens, stop, hop_seconds, mel_frequencies, target=None):
    """A picture of how a text was read aloud, as the bytes of a PNG file.

    Args:
        mel: float array [frames, mels], log-mels; NaN is left blank.
        alignment: float array [steps, tokens], from 0 to 1. The steps divide the time of the frames evenly.
        tokens: list of strings, the characters.
        stop: float array [steps], the probability that the speech ends there.
        hop_seconds: of a frame.
        mel_frequencies: float array [mels], the middle of each channel in Hz (see `AudioConfig`); None
            numbers the channels.
        target: the log-mels [frames, mels] of a recording, drawn at the top; None for none.

    Raises: ValueError if the shapes do not fit or are empty.
    """
    from matplotlib.figure import Figure

    mel, alignment, stop = (np.asarray(array, np.float32) for array in (mel, alignment, stop))
    _check_shapes(mel, alignment, tokens, stop, mel_frequencies)
    mels = {"spectrogram": mel} if target is None else {"recording": np.asarray(target), "synthesised": mel}
    seconds = len(mel) * hop_seconds
    longest = max(len(array) for array in mels.values()) * hop_seconds
    heights = [SPECTROGRAM] * len(mels) + [min(HIGHEST, max(LOWEST, CHARACTER * len(tokens))), STOP]
    width = min(WIDEST, max(NARROWEST, SECOND * longest))
    # A Figure of its own, not pyplot's: drawing changes nothing in the program around.
    figure = Figure(figsize=(width, sum(heights) + 0.5 * len(heights)), dpi=DOTS, layout="constrained")
    rows = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    levels = _levels(mels.values())
    for axes, (title, array) in zip(rows[:-2], mels.items(), strict=True):
        _draw_mel(figure, axes, array, hop_seconds, mel_frequencies, levels)
        axes.set_title(title, fontsize=9, loc="left")
    _draw_alignment(figure, rows[-2], alignment, tokens, seconds)
    _draw_stop(rows[-1], stop, seconds)
    rows[-1].set_xlim(0, longest)
    rows[-1].set_xlabel("seconds")
    return png(figure)


def _check_shapes(mel, alignment, tokens, stop, mel_frequencies):
    mels = mel.shape[-1] if mel_frequencies is None else len(mel_frequencies)
    expected = {
        "mel": (mel, (len(mel), mels)),
        "alignment": (alignment, (len(stop), len(tokens))),
        "stop": (stop, (len(stop),)),
    }
    for name, (array, shape) in expected.items():
        if array.shape != shape or not array.size:
            raise ValueError(f"{name}: the shape {array.shape} is not {shape}, or it is empty")


def _levels(mels):
    """The dB of the darkest and of the lightest colour."""
    loudest = max(np.nanmax(mel) for mel in mels) * DECIBELS
    softest = min(np.nanmin(mel) for mel in mels) * DECIBELS
    return max(softest, loudest - DEEPEST), loudest


def _draw_mel(figure, axes, mel, hop_seconds, mel_frequencies, levels):
    image = axes.imshow(
        mel.T * DECIBELS,
        extent=(0, len(mel) * hop_seconds, 0, mel.shape[1]),
        vmin=levels[0], vmax=levels[1], cmap="magma", origin="lower", aspect="auto", interpolation="nearest",
    )  # fmt: skip
    if mel_frequencies is None:
        axes.tick_params(axis="y", labelsize=8)
        axes.set_ylabel("channel")
    else:
        ticks = [hertz for hertz in HERTZ if mel_frequencies[0] <= hertz <= mel_frequencies[-1]]
        places = np.interp(ticks, mel_frequencies, np.arange(len(mel_frequencies)) + 0.5)
        axes.set_yticks(places, [f"{hertz:,}" for hertz in ticks], fontsize=8)
        axes.set_ylabel("Hz")
    figure.colorbar(image, ax=axes, pad=0.01, fraction=0.05, label="dB")


def _draw_alignment(figure, axes, alignment, tokens, seconds):
    image = axes.imshow(
        alignment.T,
        extent=(0, seconds, 0, len(tokens)),
        vmin=0.0, vmax=1.0, cmap="Blues", origin="lower", aspect="auto", interpolation="nearest",
    )  # fmt: skip
    if len(tokens) * CHARACTER <= HIGHEST:
        marks = [(i + 0.5, labels.label(token)) for i, token in enumerate(tokens)]
    else:
        marks = _words(tokens)
    places, texts = zip(*marks, strict=True)
    style = {"fontsize": 7, "fontfamily": labels.families("".join(texts)), "parse_math": False}
    axes.set_yticks(places, texts, **style)
    axes.tick_params(axis="y", length=2)
    axes.set_ylabel("characters")
    figure.colorbar(image, ax=axes, pad=0.01, fraction=0.05, label="attention")


def _words(tokens):
    """(middle, label) of words, or of pieces of the text, as many as are legible."""
    starts = [0] + [i + 1 for i, token in enumerate(tokens[:-1]) if token.isspace()] + [len(tokens)]
    words = [(begin, end) for begin, end in itertools.pairwise(starts) if begin < end]
    spacing = len(tokens) * CHARACTER / HIGHEST  # characters in the height of a label
    marks, last = [], -np.inf
    for begin, end in words:
        middle = (begin + end) / 2
        text = "".join(tokens[begin:end]).strip()
        if text and middle - last >= spacing:
            marks.append((middle, labels.label(text)))
            last = middle
    return marks or [(len(tokens) / 2, labels.label("".join(tokens)))]


def _draw_stop(axes, stop, seconds):
    edges = np.linspace(0, seconds, len(stop) + 1)
    axes.stairs(stop, edges, color="tab:red", fill=True, alpha=0.35)
    axes.stairs(stop, edges, color="tab:red", baseline=None)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("stop")
    axes.set_title("probability of the end", fontsize=9, loc="left")
    axes.grid(axis="y", linewidth=0.3)
