"""Heat maps: cells where they belong, any label, a font that has the letters or a word about it."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from kerasapp.plots import alignment as plots
from kerasapp.plots import labels


def picture(*words):
    return np.asarray(Image.open(io.BytesIO(plots.alignment_image(*words))).convert("L"), int)


def test_target_goes_down_and_source_to_the_right():
    weights = np.zeros([2, 3])
    weights[1, 0] = 1.0
    drawn = picture(["a", "b", "c"], ["d", "e"], weights)
    blank = picture(["a", "b", "c"], ["d", "e"], np.zeros([2, 3]))
    assert drawn.shape == blank.shape
    rows, columns = np.nonzero(drawn != blank)
    cell = plots.CELL * plots.DOTS
    assert len(rows) == pytest.approx(cell**2, rel=0.1)  # one cell and no other
    bottom = np.nonzero(blank[:, : blank.shape[1] // 2] < 60)[
        0
    ].max()  # of the frame; the colour bar is right
    assert rows.max() == pytest.approx(bottom, abs=4)  # the last row
    assert rows.min() == pytest.approx(bottom - cell, abs=4)
    assert columns.max() < drawn.shape[1] / 2  # the first column


@pytest.mark.parametrize(
    "tokens",
    [["</s>"], ["$x^2$", "$", "\n", "\x00", "\t", "", " "], ["👍", "我们去", "e\u0301", "\u202e", "x" * 500]],
)
def test_any_label_can_be_drawn(tokens):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert picture(tokens, tokens, np.eye(len(tokens))).size


def test_long_sentences_make_no_endless_picture():
    rows, columns = picture(["a"] * 300, ["b"], np.zeros([1, 300])).shape
    assert columns < (plots.LARGEST + 3) * plots.DOTS and rows < 3 * plots.DOTS


def test_the_shape_has_to_fit():
    for weights in (np.zeros([3, 2]), np.zeros([6])):
        with pytest.raises(ValueError, match=r"\(2, 3\)"):
            plots.alignment_image(["a", "b", "c"], ["d", "e"], weights)


def test_the_file_is_a_png_and_nothing_else_is_left(tmp_path):
    plots.alignment(tmp_path / "a.png", ["a"], ["b"], np.ones([1, 1]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert Image.open(tmp_path / "a.png").format == "PNG"


def test_drawing_leaves_pyplot_alone():
    code = (
        "import sys; from kerasapp.plots.alignment import alignment_image as draw; draw(['a'], ['b'], [[1]]);"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_without_a_font_the_package_to_install_is_named_once(monkeypatch, capsys):
    from matplotlib import font_manager

    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *words, **more: [])
    labels._advise.cache_clear()
    for _ in range(2):
        plots.alignment_image(["我"], ["I"], np.ones([1, 1]))
    assert capsys.readouterr().err.count("the package fonts-noto-cjk") == 1


def test_a_font_that_has_the_letters_is_taken(tmp_path, monkeypatch, capsys):
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib import font_manager

    def box():
        pen = TTGlyphPen(None)
        for i, point in enumerate([(0, 0), (0, 900), (900, 900), (900, 0)]):
            (pen.lineTo if i else pen.moveTo)(point)
        pen.closePath()
        return pen.glyph()

    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "wo"])
    builder.setupCharacterMap({ord("我"): "wo"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "wo": box()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "wo": (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Tiny Han", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "tiny.ttf")
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    paths = [str(tmp_path / name) for name in ("damaged.ttf", "tiny.ttf")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *words, **more: paths)
    fonts = list(font_manager.fontManager.ttflist)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)
    labels._advise.cache_clear()
    black = picture(["我"], ["I"], np.zeros([1, 1]))
    assert capsys.readouterr().err == ""
    assert any(entry.name == "Tiny Han" for entry in fonts)
    # The label, 11 points high, is a filled square of that font.
    side = round(0.9 * plots.LETTER * plots.CELL / 72 * plots.DOTS) - 3
    filled = np.lib.stride_tricks.sliding_window_view(black < 60, (side, side)).all((2, 3))
    assert filled.any()
