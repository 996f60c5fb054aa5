"""Pictures of forecasts: the past, and the bands in which the next values should lie."""

import numpy as np

from kerasapp.plots.alignment import png
from pipelines.atomic import replacing

WIDTH, HEIGHT = 8.0, 2.6  # inches, of each column's picture
DOTS = 120  # per inch
BAND, LINE, PAST, CAME = "#4c78a8", "#1f4e79", "#444444", "#d1495b"
MOST_DATES = 9  # below the picture


def forecast(path, *contents):
    """Draws a forecast into a PNG file, whole or not at all; `contents` as for `forecast_image`.

    Raises: OSError if the file cannot be written.
    """
    picture = forecast_image(*contents)
    with replacing(path) as file:
        file.write(picture)


def forecast_image(history, quantiles, levels, columns, names=None, observed=None):
    """A picture of a forecast as the bytes of a PNG file: a panel per column, one below the other.

    Args:
        history: [time, columns], the past.
        quantiles: [horizon, columns, levels]. levels: of the quantiles, rising, with 0.5 in the middle; each
            pair around it becomes a band.
        columns: their names.
        names: one per step of history and horizon; None numbers the steps, and the forecast starts at 1.
        observed: [steps, columns], the true values if they are known.
    """
    from matplotlib.figure import Figure

    past, ahead = np.arange(1 - len(history), 1), np.arange(1, len(quantiles) + 1)
    figure = Figure(figsize=(WIDTH, HEIGHT * len(columns)), dpi=DOTS, layout="constrained")
    every = figure.subplots(len(columns), 1, sharex=True, squeeze=False)[:, 0]
    for i, (axes, column) in enumerate(zip(every, columns, strict=True)):
        axes.plot(past, history[:, i], color=PAST, linewidth=0.9)
        _draw_bands(axes, ahead, quantiles[:, i], levels)
        if observed is not None and len(observed):
            steps = np.arange(1, len(observed) + 1)
            axes.plot(steps, observed[:, i], color=CAME, linewidth=0.9, label="observed")
        axes.set_ylabel(column, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    every[0].legend(loc="upper left", fontsize=7, frameon=False)
    if names is not None:
        places = np.unique(np.linspace(0, len(names) - 1, min(MOST_DATES, len(names))).astype(int))
        every[-1].set_xticks(places + past[0] if len(past) else places + 1, [names[p] for p in places])
    return png(figure)


def _draw_bands(axes, steps, quantiles, levels):
    """The median [steps], and around it a band for each pair of levels, the widest the palest."""
    middle = list(levels).index(0.5)
    for j in range(middle):
        share = levels[-1 - j] - levels[j]
        low, high = quantiles[:, j], quantiles[:, -1 - j]
        if len(steps) == 1:  # a band of one step has no width
            axes.plot([steps[0]] * 2, [low[0], high[0]], color=BAND, alpha=0.25 + 0.2 * j, linewidth=4)
            continue
        axes.fill_between(
            steps, low, high, color=BAND, alpha=0.18 + 0.12 * j, linewidth=0, label=f"{share:.0%}"
        )
    axes.plot(steps, quantiles[:, middle], color=LINE, linewidth=1.2, marker="." if len(steps) == 1 else None,
              label="median")  # fmt: skip
