"""Pictures of alignments: which source tokens each target token attended to."""

import io
import unicodedata
import warnings

import numpy as np

from kerasapp.plots import labels
from pipelines.atomic import replacing

CELL = 0.36  # inches of a token on an axis
LARGEST = 36.0  # inches of all tokens on an axis, at most: above that cells and letters shrink
LETTER = 30  # points of the letters per inch of a cell
DOTS = 150  # per inch


def alignment(path, source_tokens, target_tokens, alignment):
    """Draws an alignment as a heat map, source tokens on top and target tokens on the left, into a PNG file.

    Args:
        path: the file, written whole or not at all.
        source_tokens, target_tokens: lists of strings.
        alignment: float array [target, source], from 0 to 1.

    Raises: ValueError where the shapes do not fit; OSError where the file cannot be written.
    """
    picture = alignment_image(source_tokens, target_tokens, alignment)
    with replacing(path) as file:
        file.write(picture)


def png(figure):
    """A matplotlib figure, with all that lies around it, as the bytes of a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing")  # `labels.families` has said it
        figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.1)
    return file.getvalue()


def alignment_image(source_tokens, target_tokens, alignment):
    """The picture of `alignment` as the bytes of a PNG file."""
    from matplotlib.figure import Figure

    weights = np.asarray(alignment, np.float32)
    shape = (len(target_tokens), len(source_tokens))
    if weights.shape != shape or not weights.size:
        raise ValueError(f"alignment: the shape {weights.shape} is not that of target and source, {shape}")
    cell = min(CELL, LARGEST / max(shape))
    height, width = cell * shape[0], cell * shape[1]
    # A Figure of its own, not pyplot's: no global state changes. Labels and colour bar lie outside of it;
    # "tight" in `png` includes them.
    figure = Figure(figsize=(width, height), dpi=DOTS)
    axes = figure.add_axes((0, 0, 1, 1))
    image = axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    sources, targets = (
        [labels.label(token) for token in tokens] for tokens in (source_tokens, target_tokens)
    )
    style = {"fontsize": LETTER * cell, "fontfamily": labels.families("".join(sources + targets))}
    axes.xaxis.tick_top()
    axes.set_xticks(range(shape[1]), [_stacked(label) for label in sources], parse_math=False, **style)
    axes.set_yticks(range(shape[0]), targets, parse_math=False, **style)
    for text, label in zip(axes.get_xticklabels(), sources, strict=True):
        text.set_rotation(90 if _width(label) > 3 and not _is_wide(label) else 0)
    axes.tick_params(length=0)
    bar = figure.add_axes((1 + 0.15 / width, 0, 0.12 / width, 1))
    figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
    return png(figure)


def _stacked(label):
    """A label over a column: the characters of a wide Chinese one stand one below the other."""
    return "\n".join(label) if _is_wide(label) and _width(label) > 4 else label


def _is_wide(label):
    return any(unicodedata.east_asian_width(c) in "WF" for c in label)


def _width(label):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in label)
