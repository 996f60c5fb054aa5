"""A report as a table: for a terminal, and as Markdown for the model card."""

from kerasapp import spec

COLUMNS = (
    "runtime", "holds", "equal", "in batches", "difference, mean", "quality", "loss", "MB", "memory, MB",
    "ms p50, p95", "start, s",
)  # fmt: skip


def show(report, console):
    """Prints a report on a `rich.console.Console`, with what is broken below it."""
    from rich.table import Table

    table = Table(*COLUMNS, show_edge=False, pad_edge=False, title=caption(report), title_justify="left")
    for cells in rows(report):
        table.add_row(*cells)
    console.print(table)
    for line in broken(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(report):
    """A report's table as Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows(report)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{caption(report)}\n\n{table}"


def caption(report):
    """What the columns mean, in a line."""
    data = f"held-out data: {report['split']}" if report["split"] else f"no data ({report['no_data']})"
    unit = spec.spec(report["task"]).unit
    return f"{report['items']} inputs, {data}; difference: the largest; ms per {unit}, asked alone"


def rows(report):
    """The cells of each runtime, lists of strings."""
    return [_cells(report["task"], name, row) for name, row in report["runtimes"].items()]


def broken(report):
    """Lines that tell what does not hold, each with the first input that shows it."""
    lines = []
    for name, row in report["runtimes"].items():
        lines += [f"{name}: {problem}" for problem in row["problems"]]
        parts = (row, row["batched"]) if row["problems"] else ()
        first = next((part["first_difference"] for part in parts if part and part["first_difference"]), None)
        if first:
            lines.append(f"  input     {first['input']}")
            lines.append(f"  {first['output']}")
            lines += [f"  expected  {first['expected']!r}", f"  found     {first['found']!r}"]
    return lines


def _cells(task, name, row):
    batched = row["batched"]
    return [
        name,
        "yes" if row["ok"] else "NO",
        _share(row),
        "alone only" if batched is None and not row["error"] else _share(batched),
        f"{row['largest_difference']:.1e}, {row['mean_difference']:.1e}" if row["items"] else "",
        _quality(task, row["quality"]),
        _loss(task, row["loss"]),
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


def _loss(task, loss):
    worth = spec.spec(task).load("verify").WORTH
    return ", ".join(f"{value:+.2f}" if worth.in_points else f"{value:+.2%}" for value in loss.values())
