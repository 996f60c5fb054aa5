"""Draws the figures of docs/equations.md, and those of docs/zh/equations.md.

    PYTHONPATH=tests python docs/equations_figures.py

The numbers come from the NumPy reference in tests/, which the text explains. A few seconds; no training.
"""

import functools
import io
from pathlib import Path

import numpy as np
import reference
import reference_recurrent
from matplotlib.figure import Figure
from PIL import Image

from kerasapp.plots import labels

DOCS = Path(__file__).parent
FOLDERS = {"en": DOCS / "figures", "zh": DOCS / "zh" / "figures"}
BLUE, RED, GREEN, GREY = "#2a6fb0", "#c23b3b", "#3b8f4f", "#777777"
ZH = {
    "weight of x₁": "x₁ 的权重",
    "weight of x₂": "x₂ 的权重",
    "step": "步数",
    "loss": "损失",
    "against the gradient": "沿负梯度",
    "rate too large": "学习率过大",
    "along the gradient: wrong sign": "沿梯度：符号反了",
    "steps back in time": "往回传的步数",
    "gradient by the state, relative": "对状态的梯度（相对值）",
    "size of query and keys": "查询与键的维数",
    "largest of 10 weights, mean": "10 个权重中最大者的均值",
    "dot": "点积",
    "scaled dot": "缩放点积",
    "all weights equal": "权重全部相等",
    "forward: values": "前向：数值",
    "backward: gradients": "反向：梯度",
    "encoder": "编码器",
    "decoder": "解码器",
    "attention": "注意力",
    "softmax, weighted sum": "softmax，加权和",
    "fed back": "反馈",
}


def descent(say):
    """A neuron with two weights: where three ways to step lead."""
    random = np.random.default_rng(0)
    x = random.normal(size=[40, 2]) * [1.0, 2.0]
    targets = reference.dense(x, np.array([[1.0], [-0.6]]), np.zeros(1))

    def loss(w):
        return reference.mean_squared_error(targets, reference.dense(x, w, np.zeros(1)))

    def path(rate, steps=25):
        w, seen = np.array([[-1.2], [0.9]]), []
        for _ in range(steps):
            seen.append((*w[:, 0], loss(w)))
            y = reference.dense(x, w, np.zeros(1))
            dy = reference.mean_squared_error_back(targets, y)
            (w,) = reference.gradient_descent([w], [reference.dense_back(dy, x, w, np.zeros(1))[1]], rate)
        return np.array(seen)

    figure = Figure(figsize=(7.6, 3.1), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    grid = np.meshgrid(np.linspace(-2, 2.6, 60), np.linspace(-2, 1.8, 60))
    heights = [loss(np.array([[a], [b]])) for a, b in zip(*(g.ravel() for g in grid))]
    left.contour(*grid, np.reshape(heights, grid[0].shape), levels=14, colors="#bbbbbb", linewidths=0.7)
    for rate, colour, name in (
        (0.1, BLUE, "against the gradient"),
        (0.262, GREEN, "rate too large"),
        (-0.03, RED, "along the gradient: wrong sign"),
    ):
        seen = path(rate)
        left.plot(*seen[:, :2].T, "o-", color=colour, markersize=2.5, linewidth=1)
        right.plot(seen[:, 2], color=colour, label=say(name))
    left.plot(1, -0.6, "k*", markersize=8)
    left.set(xlim=(-2, 2.6), ylim=(-2, 1.8), xlabel=say("weight of x₁"), ylabel=say("weight of x₂"))
    right.set(yscale="log", ylim=(1e-4, 300), xlabel=say("step"), ylabel=say("loss"))
    right.legend(fontsize=8, frameon=False, loc="lower left")
    return figure


def start_weights(cell, features, units, random, forget=1.0, kept=0.0, gain=1.0):
    """As Keras draws them: Glorot for inputs, orthogonal for h, biases of 0 but an LSTM's forget gate's."""
    gates = {"simple_rnn": 1, "gru": 3, "lstm": 4}[cell]
    limit = np.sqrt(6 / (features + gates * units))
    q, r = np.linalg.qr(random.normal(size=[gates * units, units]))
    bias = np.zeros([2, gates * units] if cell == "gru" else gates * units)
    if cell == "lstm":
        bias[units : 2 * units] = forget
    if cell == "gru":
        bias[0, :units] = kept
    return {
        "kernel": random.uniform(-limit, limit, [features, gates * units]),
        "recurrent_kernel": gain * (q * np.sign(np.diag(r))).T,
        "bias": bias,
    }


def vanishing(say, time=100, units=32, tries=10):
    """The gradient by the state, from the last step back, of cells as they are before training."""
    figure = Figure(figsize=(5.6, 3.3), dpi=110, layout="constrained")
    axes = figure.subplots()
    kinds = (
        ("SimpleRNN, 3 U", "simple_rnn", {"gain": 3.0}, RED, "--"),
        ("SimpleRNN", "simple_rnn", {}, RED, "-"),
        ("GRU", "gru", {}, GREEN, "-"),
        ("GRU, $b_z=5$", "gru", {"kept": 5.0}, GREEN, ":"),
        ("LSTM, $b_f=0$", "lstm", {"forget": 0.0}, BLUE, "--"),
        ("LSTM, $b_f=1$", "lstm", {"forget": 1.0}, BLUE, "-"),
        ("LSTM, $b_f=5$", "lstm", {"forget": 5.0}, BLUE, ":"),
    )
    for name, cell, options, colour, line in kinds:
        found = [norms(cell, time, units, np.random.default_rng(i), options) for i in range(tries)]
        axes.plot(np.exp(np.mean(np.log(found), axis=0)), line, color=colour, label=name)
    axes.set(yscale="log", ylim=(1e-16, 1e3), xlabel=say("steps back in time"))
    axes.set_ylabel(say("gradient by the state, relative"))
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    axes.grid(color="#eeeeee")
    return figure


def norms(cell, time, units, random, options):
    """|dL/d state| after each step, the last one's first, relative to it; a random L of the last h."""
    weights = start_weights(cell, units, units, random, **options)
    _, step_back = reference_recurrent.STEPS[cell]
    states = tuple(np.zeros(units) for _ in range(2 if cell == "lstm" else 1))
    _, _, saved = reference_recurrent.recurrent(cell, random.normal(size=[time, units]), states, weights)
    dstates = (random.normal(size=units), *(np.zeros(units) for _ in states[1:]))
    found = []
    for kept in reversed(saved):
        found.append(np.sqrt(sum(np.sum(d**2) for d in dstates)))
        _, dstates, _ = step_back(dstates, kept, weights)
    return np.array(found) / found[0]


def scaled(say, positions=10, tries=400):
    """How sharp a softmax is before training, by the size of what is multiplied."""
    random, sizes = np.random.default_rng(0), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    figure = Figure(figsize=(4.8, 2.8), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, colour, power in (("dot", RED, 0), ("scaled dot", BLUE, 0.5)):
        largest = []
        for size in sizes:
            query, memory = random.normal(size=[tries, size]), random.normal(size=[tries, positions, size])
            scores = np.einsum("tf,tsf->ts", query, memory) / size**power
            largest.append(reference.softmax(scores).max(-1).mean())
        axes.plot(sizes, largest, "o-", color=colour, markersize=3, label=say(name))
    axes.axhline(1 / positions, color=GREY, linewidth=0.8, linestyle=":", label=say("all weights equal"))
    axes.set(xscale="log", ylim=(0, 1.02), xlabel=say("size of query and keys"))
    axes.set_xticks(sizes[::2], [str(size) for size in sizes[::2]])
    axes.set_ylabel(say("largest of 10 weights, mean"))
    axes.legend(fontsize=8, frameon=False, loc=(0.5, 0.45))
    return figure


def unrolled(say):
    """A recurrent network as a deep one whose layers share their weights."""
    figure, axes = _canvas(7.0, 2.9)
    for t in range(4):
        x = 1.5 + 1.9 * t
        last = t == 3
        index = "T" if last else str(t + 1)
        _box(axes, x, 1.5, f"$h_{index}$")
        _box(axes, x, 0.3, f"$x_{index}$", "#f3f3f3")
        _box(axes, x, 2.7, f"$L_{index}$", "#f3f3f3")
        _arrow(axes, (x - 0.1, 0.55), (x - 0.1, 1.25), BLUE)
        _arrow(axes, (x - 0.1, 1.75), (x - 0.1, 2.45), BLUE)
        _arrow(axes, (x + 0.1, 2.45), (x + 0.1, 1.75), RED)
        _arrow(axes, (x - 1.55, 1.6), (x - 0.35, 1.6), BLUE)
        _arrow(axes, (x - 0.35, 1.4), (x - 1.55, 1.4), RED)
        axes.text(x - 0.95, 1.68, "$U$", ha="center", color=BLUE, fontsize=9)
        axes.text(x - 0.95, 1.1, "$U^\\top$", ha="center", color=RED, fontsize=9)
        axes.text(x - 0.17, 0.88, "$W$", ha="right", color=BLUE, fontsize=9)
    axes.text(-0.2, 1.5, "$h_0$", ha="center", va="center", fontsize=11)
    axes.text(1.5, -0.25, say("forward: values"), color=BLUE, fontsize=9, ha="center")
    axes.text(5.3, -0.25, say("backward: gradients"), color=RED, fontsize=9, ha="center")
    axes.set(xlim=(-0.6, 7.7), ylim=(-0.4, 3.05))
    return figure


def encoder_decoder(say):
    """A translator at its first step."""
    figure, axes = _canvas(7.4, 3.7)
    for s in range(3):
        x = 0.8 + 1.25 * s
        _box(axes, x, 0.3, f"$x_{s + 1}$", "#f3f3f3")
        _box(axes, x, 1.3, f"$m_{s + 1}$")
        _arrow(axes, (x, 0.55), (x, 1.05), BLUE)
        _arrow(axes, (x, 1.55), (2.05 + 0.12 * (s - 1), 2.4), GREEN, 0.6 + 1.6 * (s == 1))
        if s:
            _arrow(axes, (x - 0.97, 1.36), (x - 0.27, 1.36), BLUE)
            _arrow(axes, (x - 0.27, 1.24), (x - 0.97, 1.24), BLUE)
    _box(axes, 2.05, 2.65, say("attention"), "#e6f3e8", 1.5)
    axes.text(2.05, 3.05, say("softmax, weighted sum"), ha="center", color=GREEN, fontsize=8)
    for t in range(3):
        x = 5.0 + 1.5 * t
        _box(axes, x, 0.3, ("<s>", "$y_1$", "$y_2$")[t], "#f3f3f3")
        _box(axes, x, 1.3, f"$h_{t + 1}$")
        _box(axes, x, 2.65, f"$v_{t + 1}$", "#fdf0e0")
        _box(axes, x, 3.65, f"$y_{t + 1}$", "#f3f3f3")
        _arrow(axes, (x, 0.55), (x, 1.05), BLUE)
        _arrow(axes, (x, 1.55), (x, 2.4), BLUE)
        _arrow(axes, (x, 2.9), (x, 3.4), BLUE)
        if t:
            _arrow(axes, (x - 1.22, 1.3), (x - 0.27, 1.3), BLUE)
            _arrow(axes, (x - 1.25, 2.45), (x - 0.22, 1.53), GREY)
    axes.text(5.85, 2.05, say("fed back"), color=GREY, fontsize=8, ha="left")
    _arrow(axes, (3.57, 1.3), (4.73, 1.3), BLUE)
    _arrow(axes, (4.73, 1.5), (2.85, 2.48), GREEN)
    _arrow(axes, (2.85, 2.72), (4.73, 2.72), GREEN)
    axes.text(4.1, 2.0, "$q=h_1$", color=GREEN, fontsize=9, ha="left")
    axes.text(3.8, 2.92, "$c_1=\\sum_s a_{1s}\\,m_s$", color=GREEN, fontsize=9, ha="center")
    axes.text(2.05, -0.2, say("encoder"), ha="center", fontsize=9)
    axes.text(6.5, -0.2, say("decoder"), ha="center", fontsize=9)
    axes.set(xlim=(0.3, 8.5), ylim=(-0.35, 3.95))
    return figure


def _canvas(width, height):
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    return figure, axes


def _box(axes, x, y, text, colour="#e4eef8", width=0.5):
    from matplotlib.patches import FancyBboxPatch

    corner = (x - width / 2, y - 0.24)
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch(corner, width, 0.48, style, facecolor=colour, edgecolor="#555555"))
    axes.text(x, y, text, ha="center", va="center", fontsize=10)


def _arrow(axes, start, end, colour, width=1.2):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": width})


def main():
    from matplotlib import rc_context

    for language, folder in FOLDERS.items():
        folder.mkdir(parents=True, exist_ok=True)
        words = ZH if language == "zh" else {}
        say = functools.partial(lambda words, text: words.get(text, text), words)
        with rc_context({"font.family": labels.families("".join(words.values()) or "a")}):
            for draw in (descent, vanishing, scaled, unrolled, encoder_decoder):
                path = folder / f"{draw.__name__}.png"
                picture = io.BytesIO()
                draw(say).savefig(picture)
                # Few colours: half the size, and no difference to the eye.
                Image.open(picture).convert("RGB").quantize(64).save(path, optimize=True)
                print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
