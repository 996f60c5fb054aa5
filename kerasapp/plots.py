"""Pictures: which source tokens each target token looked at."""

import functools
import io
import os
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np

CELL = 0.36  # inches of a token on an axis
LARGEST = 36.0  # inches of all tokens on an axis, at most: above that cells and letters shrink
LETTER = 30  # points of the letters for each inch of a cell
DOTS = 150  # an inch
LONGEST_LABEL = 24  # characters
# Fonts to try first, as parts of their files' names; then all others that are installed.
LIKELY = ("NotoSansCJK", "NotoSansSC", "SourceHanSans", "wqy", "PingFang", "msyh", "Hiragino", "Noto")
PLACEHOLDERS = ("LastResort", "AdobeBlank")  # fonts that have a box for every character


def alignment(path, source_tokens, target_tokens, alignment):
    """Draws an alignment as a heat map, source tokens on top and target tokens on the left, into a PNG file.

    Args:
        path: the file, written whole or not at all.
        source_tokens, target_tokens: lists of strings.
        alignment: float array [target, source], from 0 to 1.

    Raises: ValueError where the shapes do not fit; OSError where the file cannot be written.
    """
    picture = alignment_image(source_tokens, target_tokens, alignment)
    path = Path(path)
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        beside.write_bytes(picture)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def alignment_image(source_tokens, target_tokens, alignment):
    """The picture of `alignment` as the bytes of a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    weights = np.asarray(alignment, np.float32)
    shape = (len(target_tokens), len(source_tokens))
    if weights.shape != shape or not weights.size:
        raise ValueError(f"alignment: the shape {weights.shape} is not that of target and source, {shape}")
    cell = min(CELL, LARGEST / max(shape))
    height, width = cell * shape[0], cell * shape[1]
    # A Figure of its own, not pyplot's: drawing changes nothing in the program around. Labels and colour bar
    # lie outside of it; "tight" below takes them in.
    figure = Figure(figsize=(width, height), dpi=DOTS)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    image = axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    sources, targets = [_label(token) for token in source_tokens], [_label(token) for token in target_tokens]
    style = {"fontsize": LETTER * cell, "fontfamily": _families("".join(sources + targets))}
    axes.xaxis.tick_top()
    axes.set_xticks(range(shape[1]), [_stacked(label) for label in sources], parse_math=False, **style)
    axes.set_yticks(range(shape[0]), targets, parse_math=False, **style)
    for text, label in zip(axes.get_xticklabels(), sources, strict=True):
        text.set_rotation(90 if _width(label) > 3 and not _is_wide(label) else 0)
    axes.tick_params(length=0)
    bar = figure.add_axes((1 + 0.15 / width, 0, 0.12 / width, 1))
    figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing")  # `_families` has said it
        figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.1)
    return file.getvalue()


def _label(token):
    """A token as it can be drawn: no spaces alone, no control characters, not too long."""
    if token and not token.strip(" "):
        return "\N{OPEN BOX}" * len(token)
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in token)
    return shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1]}…"


def _stacked(label):
    """A label over a column: where one of Chinese letters is too wide, they stand one below the other."""
    return "\n".join(label) if _is_wide(label) and _width(label) > 4 else label


def _is_wide(label):
    return any(unicodedata.east_asian_width(c) in "WF" for c in label)


def _width(label):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in label)


def _families(text):
    """Names of fonts that have the characters of a text together; of the first that has it is each drawn.

    What none has is told on standard error, once.
    """
    from matplotlib import font_manager

    families, missing = ["DejaVu Sans"], _lacking(font_manager.findfont("DejaVu Sans"), frozenset(text))
    for path in _installed() if missing else ():
        lacking = _lacking(path, missing)
        if len(lacking) < len(missing):
            known = {entry.fname for entry in font_manager.fontManager.ttflist}
            if path not in known:  # installed after matplotlib made its list
                font_manager.fontManager.addfont(path)
            families.append(font_manager.get_font(path).family_name)
            missing = lacking
        if not missing:
            break
    if missing:
        _advise()
    return families


def _lacking(path, characters):
    return frozenset(c for c in characters if ord(c) not in _characters(path))


@functools.lru_cache(maxsize=256)
def _characters(path):
    """The code points that a font can draw."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):  # damaged, or of a kind that matplotlib cannot read
        return frozenset()


def _installed():
    """Paths of the installed fonts, the likely ones first, regular ones before bold ones."""
    from matplotlib import font_manager

    def rank(path):
        likely = [i for i, name in enumerate(LIKELY) if name.lower() in path.lower()]
        return (likely[0] if likely else len(LIKELY), "regular" not in path.lower(), path)

    paths = font_manager.findSystemFonts()
    return sorted((path for path in paths if not any(name in path for name in PLACEHOLDERS)), key=rank)


@functools.cache  # once is enough
def _advise():
    print(
        "no installed font has all the letters of a picture's labels, and boxes stand for some: install one, "
        "such as the package fonts-noto-cjk for Chinese, Japanese and Korean (apt install fonts-noto-cjk)",
        file=sys.stderr,
    )
