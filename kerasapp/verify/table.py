"""A report as a table: short for a terminal of 80 columns, and with all figures, also as Markdown."""

from kerasapp import spec
from kerasapp.verify.verdict import is_exact

SHORT = ("runtime", "holds", "inputs", "refused", "worst difference")
COLUMNS = (
    "runtime", "holds", "equal", "in batches", "refused", "difference, mean", "quality", "loss", "like Keras",
    "MB", "memory, MB", "ms p50, p95", "start, s",
)  # fmt: skip


def show(report, console, verbose=False):
    """Prints a report on a `rich.console.Console`, with what is broken below it."""
    from rich.table import Table

    columns, cells = (COLUMNS, rows(report)) if verbose else (SHORT, short(report))
    table = Table(*columns, show_edge=False, pad_edge=False, box=None)
    for line in cells:
        table.add_row(*line)
    for line in caption(report, verbose):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    for line in broken(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(report):
    """A report's table as Markdown, with all figures."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows(report)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{' '.join(caption(report, verbose=True))}\n\n{table}"


def caption(report, verbose=False):
    """What was asked, and what the columns mean, in lines."""
    data = (
        f"held-out data: {report['split']}" if report["split"] else f"no held-out data ({report['no_data']})"
    )
    lines = [f"{report['items']} inputs; {data}."]
    if verbose:
        unit = spec.spec(report["task"]).unit
        lines.append(
            f"Difference: the largest, and the mean; loss: with its deviation; ms per {unit}, asked alone."
        )
    return lines


def short(report):
    """The cells of each runtime for 80 columns, with the worst difference in words."""
    return [
        [name, "yes" if row["ok"] else "NO", str(row["items"]), str(row["refused"]), _worst(report, name)]
        for name, row in report["runtimes"].items()
    ]


def rows(report):
    """The cells of each runtime with all figures, lists of strings."""
    return [_cells(report["task"], name, row) for name, row in report["runtimes"].items()]


def broken(report):
    """Lines that tell what does not hold, each with the first input that shows it."""
    lines = []
    for name, row in report["runtimes"].items():
        lines += [f"{name}: {problem}" for problem in row["problems"]]
        parts = (row, row["batched"]) if row["problems"] else ()
        firsts = [part[key] for part in parts if part for key in ("never_rounded", "first_difference")]
        first = next(filter(None, firsts), None)
        if first:
            lines.append(f"  input     {first['input']}")
            lines.append(f"  {first['output']}")
            lines += [f"  expected  {first['expected']!r}", f"  found     {first['found']!r}"]
    return lines


def _worst(report, name):
    """The worst difference in words, alone or in batches."""
    row = report["runtimes"][name]
    if row["error"] or not row["items"]:
        return "nothing was compared"
    parts = [part for part in (row, row["batched"]) if part]
    differing = max(round(part["items"] * (1.0 - part["equal"])) for part in parts)
    largest = max(part["largest_difference"] for part in parts)
    words = [f"{differing} differ"] if differing else []
    if is_exact(name) and largest:
        words.append(f"numbers by {largest:.0e}")
    if not is_exact(name) and row["loss"]:
        words.append(f"loss {_loss(report['task'], row)}")
    return "; ".join(words) or "none"


def _cells(task, name, row):
    batched = row["batched"]
    return [
        name,
        "yes" if row["ok"] else "NO",
        _share(row),
        "alone only" if batched is None and not row["error"] else _share(batched),
        str(row["refused"]),
        f"{row['largest_difference']:.1e}, {row['mean_difference']:.1e}" if row["items"] else "",
        _quality(task, row["quality"]),
        _loss(task, row),
        f"{min(row['likeness'].values()):.0%}" if row["likeness"] else "",
        _number(row["bytes"] / 1e6, ".2f"),
        _number(row["peak_memory_bytes"] and row["peak_memory_bytes"] / 1e6, ".0f"),
        "" if row["latency_p50_ms"] is None else f"{row['latency_p50_ms']:.3f}, {row['latency_p95_ms']:.3f}",
        _number(row["startup_seconds"], ".1f"),
    ]


def _share(part):
    return f"{part['equal']:.1%} of {part['items']}" if part and part["items"] else "none"


def _number(value, form):
    return "" if value is None else format(value, form)


def _quality(task, quality):
    return spec.spec(task).load("verify").shown(quality) if quality else "no data"


def _loss(task, row):
    """A loss with its standard deviation, such as "+0.12% ±0.03%"."""
    worth, spread = spec.spec(task).load("verify").WORTH, row["loss_deviation"]
    form = ".2f" if worth and worth.in_points else ".2%"
    more = "" if spread is None else f" ±{spread:{form}}"
    return ", ".join(f"{value:+{form}}{more}" for value in row["loss"].values())
