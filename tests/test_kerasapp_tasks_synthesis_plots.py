"""Pictures of speech: each thing at its second, any text, any length, blanks where there is no sound."""

import io
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerasapp.tasks.synthesis import plots as plots_audio
from kerasapp.tasks.synthesis.audio_config import AudioConfig

SETTINGS = AudioConfig(sample_rate=8000, mels=64, f_max=4000)
AXES = {"hop_seconds": SETTINGS.hop_seconds, "mel_frequencies": SETTINGS.mel_frequencies}


def speech(text="four zero", steps=20, reduction=2):
    tokens = [*text, "</s>"]
    return {
        "mel": np.full([steps * reduction, 64], -3.0, np.float32),
        "alignment": np.zeros([steps, len(tokens)], np.float32),
        "tokens": tokens,
        "stop": np.zeros(steps, np.float32),
    }


def pixels(**changes):
    given = speech()
    for name, (place, value) in changes.items():
        given[name][place] = value
    picture = plots_audio.synthesis_image(**given, **AXES)
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), int)


def centre(drawn, blank):
    """Middle of what differs between two pictures, as shares of (height, width), and how many pixels."""
    assert drawn.shape == blank.shape
    rows, columns = np.nonzero((drawn != blank).any(2))
    return rows.mean() / len(drawn), columns.mean() / drawn.shape[1], len(rows)


def test_time_goes_right_and_each_thing_is_at_its_second():
    blank, places = pixels(), {}
    for moment in (2, 17):  # steps of 20
        frames = slice(2 * moment, 2 * moment + 2)
        loud = {"mel": ((frames, slice(40, 44)), np.nan)}
        found = [
            centre(pixels(**change), blank)
            for change in (loud, {"alignment": ((moment, 4), 1.0)}, {"stop": (moment, 1.0)})
        ]
        rows, columns = [row for row, _, _ in found], [column for _, column, _ in found]
        assert np.ptp(columns) < 0.01  # one under the other
        assert rows == sorted(rows) and rows[0] < 0.35 < rows[1] < 0.8 < rows[2]
        places[moment] = np.mean(columns)
    assert places[2] < 0.35 and 0.6 < places[17] < 0.9


def test_low_frequencies_and_the_first_characters_are_at_the_bottom():
    blank = pixels()
    low, high = (centre(pixels(mel=((slice(None), band), np.nan)), blank)[0] for band in (3, 60))
    assert high < low
    first, last = (centre(pixels(alignment=((5, token), 1.0)), blank)[0] for token in (0, 9))
    assert last < first


@pytest.mark.parametrize("text", ["", "$x^2$ \\frac{", "我们去 👍", "word " * 120, "x" * 500, "\n\t\x00"])
def test_any_text_can_be_drawn(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = plots_audio.synthesis_image(**speech(text), **AXES)
    width, height = Image.open(io.BytesIO(picture)).size
    assert height < 2500 and width < 2500


def test_long_speech_makes_no_endless_picture():
    picture = plots_audio.synthesis_image(**speech(steps=3000, reduction=1), **AXES)
    assert Image.open(io.BytesIO(picture)).width < (plots_audio.WIDEST + 2) * plots_audio.DOTS


def test_a_recording_stands_at_the_top():
    said = SimpleNamespace(**speech())
    alone = plots_audio.synthesis_image(**speech(), **AXES)
    both = plots_audio.comparison_image(np.zeros([70, 64], np.float32), said, SETTINGS)
    heights = [Image.open(io.BytesIO(picture)).height for picture in (alone, both)]
    assert heights[1] > heights[0] + 200


@pytest.mark.parametrize(
    ("name", "shape"), [("mel", [40, 63]), ("alignment", [19, 10]), ("alignment", [20, 9]), ("stop", [20, 1])]
)
def test_the_shape_has_to_fit(name, shape):
    with pytest.raises(ValueError, match="shape"):
        plots_audio.synthesis_image(**speech() | {name: np.zeros(shape)}, **AXES)


def test_nothing_cannot_be_drawn():
    with pytest.raises(ValueError, match="empty"):
        plots_audio.synthesis_image(**speech(steps=0), **AXES)


def test_channels_without_frequencies_are_numbered():
    with_hertz, numbered = (
        plots_audio.synthesis_image(**speech(), hop_seconds=0.0125, mel_frequencies=frequencies)
        for frequencies in (SETTINGS.mel_frequencies, None)
    )
    assert with_hertz != numbered
    with pytest.raises(ValueError, match="mel"):
        plots_audio.synthesis_image(
            **{**speech(), "mel": np.zeros([40])}, hop_seconds=1, mel_frequencies=None
        )


def test_the_file_is_a_png_and_nothing_else_is_left(tmp_path):
    plots_audio.synthesis(tmp_path / "a.png", **speech(), **AXES)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert Image.open(tmp_path / "a.png").format == "PNG"
