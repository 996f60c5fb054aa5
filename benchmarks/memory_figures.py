"""The figures of benchmarks/memory.py: how long each cell remembers, and how far gradients reach."""

import functools
import io

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from memory_tasks import CELLS, TESTS, build, reach
from PIL import Image

from kerasapp.plots import labels

# The colours of Okabe & Ito, which the colour-blind can tell apart; each cell has its own line and mark.
LOOKS = {
    "SimpleRNN": ("#D55E00", ":", "s"),
    "GRU": ("#009E73", "--", "^"),
    "LSTM": ("#0072B2", "-", "o"),
    "LSTM, attention": ("#CC79A7", "-.", "D"),
    "LSTM, plain start": ("#555555", (0, (5, 1, 1, 1, 1, 1)), "v"),
}
ZH = {
    "LSTM, attention": "LSTM 加注意力",
    "LSTM, plain start": "LSTM，普通初始化",
    "adding": "加法",
    "copying": "复制",
    "longest lag solved, by seed; hollow: longer ones not run": "各种子解出的最长时滞；空心：未跑更长的",
    "none": "无",
    "steps before the answer": "距答案的步数",
    "|d answer / d input|": "答案对输入的梯度范数",
    "before training, lag 400": "训练前，时滞 400",
    "after training": "训练后",
    "{cell}, lag {lag}": "{cell}，时滞 {lag}",
}


def remembered(runs, solved=0.99):
    """The longest lag that each seed solved, 0 for none; `runs` are those of one test and cell."""
    longest = {run["seed"]: 0 for run in runs}
    for run in runs:
        if run["right"] >= solved:
            longest[run["seed"]] = max(longest[run["seed"]], run["lag"])
    return [longest[seed] for seed in sorted(longest)]


def memories(runs, say):
    """Bars up to the longest lag that the median seed solved; a mark per seed, hollow if it tried no more."""
    tests = list(dict.fromkeys(run["test"] for run in runs))
    cells = list(dict.fromkeys(run["cell"] for run in runs))
    lags = sorted({run["lag"] for run in runs})
    figure = Figure(figsize=(4.3 * len(tests) + 0.8, 0.7 + 0.5 * len(cells)), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(tests), sharey=True, squeeze=False)[0]
    for axes, test in zip(panels, tests):
        for row, cell in enumerate(cells):
            of_cell = [run for run in runs if (run["test"], run["cell"]) == (test, cell)]
            found = remembered(of_cell)
            ranks = [
                lags.index(lag) + 1 if lag else 0 for lag in found
            ]  # lags are evenly spaced, 0 among them
            colour, _, mark = LOOKS[cell]
            axes.barh(row, np.median(ranks), 0.62, color=colour, alpha=0.35)
            heights = row + 0.17 * (np.arange(len(ranks)) - (len(ranks) - 1) / 2)
            for rank, height, seed in zip(ranks, heights, sorted({run["seed"] for run in of_cell})):
                tried = max(run["lag"] for run in of_cell if run["seed"] == seed)
                stopped = rank and tried == lags[rank - 1] != lags[-1]
                look = {"markersize": 6, "markerfacecolor": "white" if stopped else colour}
                axes.plot(rank, height, mark, color=colour, **look, clip_on=False, zorder=3)
        axes.set(title=say(test), xlim=(0, len(lags) + 0.1))
        axes.set_xticks(range(len(lags) + 1), [say("none"), *map(str, lags)])
        axes.set_yticks(range(len(cells)), [say(cell) for cell in cells])
        axes.grid(axis="x", color="#dddddd")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    figure.supxlabel(say("longest lag solved, by seed; hollow: longer ones not run"), fontsize=10)
    return figure


def gradients(runs, say, lag=400, seeds=3):
    """How much the answer to adding depends on each input, before and after training."""
    figure = Figure(figsize=(9.4, 3.6), dpi=110, layout="constrained")
    before, after = figure.subplots(1, 2, sharey=True)
    for name in dict.fromkeys(run["cell"] for run in runs):
        colour, line, _ = LOOKS[name]
        drawn = {"color": colour, "linestyle": line, "linewidth": 1.6}
        before.plot(untrained(name, lag, seeds), **drawn, label=say(name))
        with_gradient = [run for run in runs if run["cell"] == name and "gradient" in run]
        if with_gradient:  # of the longest lag solved or, if none is, of the one tried
            run = max(with_gradient, key=lambda run: (run["right"] >= 0.99, run["lag"]))
            text = say("{cell}, lag {lag}").format(cell=say(name), lag=run["lag"])
            after.plot(run["gradient"], **drawn, label=text)
    before.set(title=say("before training, lag 400"), ylabel=say("|d answer / d input|"))
    after.set(title=say("after training"))
    for axes in (before, after):
        axes.set(yscale="log", ylim=(1e-9, 10), xlim=(0, lag), xlabel=say("steps before the answer"))
        axes.grid(color="#eeeeee")
        axes.legend(fontsize=8, frameon=False)
    return figure


@functools.cache  # for figures in several languages
def untrained(name, lag, seeds):
    """`reach` before training: the geometric mean of some seeds."""
    test = TESTS["adding"]
    norms = [reach(build(CELLS[name], test, lag, seed), test, lag) for seed in range(seeds)]
    return np.exp(np.mean(np.log(np.maximum(norms, 1e-30)), axis=0))


def draw(runs, folder, language="en"):
    """Writes memory.png, and memory_gradients.png if there are runs of adding."""
    phrases = ZH if language == "zh" else {}
    pictures = {"memory": memories}
    if any(run["test"] == "adding" for run in runs):
        pictures["memory_gradients"] = gradients
    with rc_context({"font.family": labels.families("".join(phrases.values()) or "a")}):
        for name, picture in pictures.items():
            raw = io.BytesIO()
            picture(runs, lambda text: phrases.get(text, text)).savefig(raw)
            # Few colours halve the size, without a visible difference.
            Image.open(raw).convert("RGB").quantize(64).save(folder / f"{name}.png", optimize=True)
