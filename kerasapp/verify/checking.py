"""`verify`: an export's runtimes asked one after the other, and what came of it."""

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasapp import spec
from kerasapp.artefact import EXTRA
from kerasapp.config import parsing
from kerasapp.errors import ConfigError
from kerasapp.verify import runtimes, verdict
from kerasapp.verify.comparison import compare
from kerasapp.verify.inputs import Item, bundle_vectors, main_item, vectors
from kerasapp.verify.measuring import Measured

START, PHONE_START = 6.0, 1.0  # seconds that a runtime needs to start, at most times
LEAST_KERAS = 3.0  # seconds that Keras gets: what it has not answered nobody is asked
LEAST, MOST = 1.0, 4.0  # and the others


@dataclass(frozen=True)
class Settings:
    """How much is asked.

    runtimes: those to ask, Keras aside, which always is; None for all there are.
    items: inputs, test vectors among them. lines: texts of the user's own, in addition. length: of generated
    texts. scored: held-out texts of 256 tokens that a model of generation scores. beam_size: of held-out
    sentences and lines. seconds: for all together, as far as starting the runtimes leaves any; None asks for
    everything. patience: seconds that reading the held-out data may take.
    """

    runtimes: Sequence[str] | None = None
    items: int = 50
    lines: Sequence[str] = ()
    length: int = 100
    scored: int = 48
    beam_size: int = 4
    seconds: float | None = None
    patience: float = 600.0


QUICK = Settings(items=20, length=40, scored=4, seconds=50.0, patience=15.0)


def verify(version, settings=None, progress: Callable[[str, float], None] = lambda runtime, share: None):
    """Asks every runtime of an export the same, alone and in batches.

    Args:
        version: the folder of a version, published or not.
        settings: see `Settings`.
        progress: function that gets the runtime that is asked and the share done.

    Returns: a dict, as `kerasapp verify --json` prints it (docs/verify.md).
    Raises: ConfigError for a folder that is no export.

    Example:
        >>> verify("saved_models/shakespeare/1")["ok"]  # doctest: +SKIP
        True
    """
    version, settings = Path(version), settings or Settings()
    started = time.monotonic()
    task = parsing.load(version / EXTRA / "config.yaml").task
    names = _names(version, settings.runtimes)
    progress("data", 0.0)
    items, about = _items(version, task, settings)
    clock = _Clock(names, started, settings.seconds)
    measured = _ask_all(version, task, items, names, clock, progress)
    rows = {}
    for name in names:
        asked = [item for item in items if runtimes.takes(name, item, task)]
        said = zip(items, measured["keras"].alone)  # as far as the time was enough
        expected = [outcome for item, outcome in said if runtimes.takes(name, item, task)]
        rows[name] = _row(name, version, task, asked, measured[name], expected)
        broken = about["bundle"] if runtimes.phone(name) else None
        rows[name]["problems"] += [broken] if broken else []
        rows[name]["ok"] = not rows[name]["problems"]
    return {
        "ok": all(row["ok"] for row in rows.values()),
        "task": task,
        "items": len(items),
        "split": about["split"],
        "no_data": about["missing"],
        "seconds": round(time.monotonic() - started, 3),
        "runtimes": rows,
    }


def _names(version, wanted):
    """The runtimes to ask, Keras first. Raises: ConfigError for one that the version does not have."""
    names = runtimes.names(version)
    for name in wanted or ():
        if name not in names:
            raise ConfigError(f"{version}: has no runtime {name!r}; there are {', '.join(names)}")
    return [name for name in names if wanted is None or name in wanted or name == "keras"]


def _items(version, task, settings):
    """The items, and {"split", "missing", "bundle": what is wrong with the bundle's test vectors}."""
    bundle, broken = version / "tflite", None
    found = vectors(version, task)
    if (bundle / "metadata.json").is_file():
        more, broken = bundle_vectors(bundle, task)
        found += more
    described = spec.spec(task)
    asked = described.load("verify").asked
    found += [main_item(task, line, "data", **asked(settings, "data")) for line in settings.lines]
    main = sum(item.signature == described.signature for item in found) - len(settings.lines)
    if settings.items <= main:
        return found, {"split": None, "missing": "none was asked for", "bundle": broken}
    job = {"folder": str(version), "count": settings.items - main, "scored": settings.scored}
    more = runtimes.child("kerasapp.verify.held_out", job, settings.patience)
    if isinstance(more, str):
        return found, {"split": None, "missing": more, "bundle": broken}
    origin = "held-out" if more["split"] else "drawn"
    knobs = asked(settings, origin)
    references = more["references"] or [None] * len(more["texts"])
    pairs = zip(more["texts"], references, strict=True)
    asked = [main_item(task, text, origin, reference, **knobs) for text, reference in pairs]
    scored = [Item(task, "score", {"text": text}, "held-out") for text in more["scored"]]
    few = len(asked) // 4  # where the time is short, something of each
    return [*found, *asked[:few], *scored, *asked[few:]], {**more, "bundle": broken}


class _Clock:
    """Shares the time out among the runtimes that are still to come; None for as long as it takes."""

    def __init__(self, names, started, seconds):
        self._left, self._end = list(names), seconds and started + seconds

    def next(self):
        """The seconds of the next runtime, for what it is asked alone, and again for batches."""
        if not self._end:
            return None
        starts = [PHONE_START if runtimes.phone(n) else START for n in self._left if n != "grpc"]
        free = self._end - time.monotonic() - sum(starts)
        least = LEAST_KERAS if self._left[0] == "keras" else LEAST
        share = free / (2 * len(self._left))
        self._left.pop(0)
        return min(max(share, least), MOST)


def _ask_all(version, task, items, names, clock, progress):
    """The `Measured` of each runtime. What Keras has not answered in time the others are not asked."""
    found, known, server = {}, items, None
    with contextlib.ExitStack() as stack:
        for place, name in enumerate(names):
            progress(name, place / len(names))
            seconds = clock.next()
            if name in ("rest", "grpc"):  # one server for both
                server = stack.enter_context(runtimes.Served(version)) if name == "rest" else server
                found[name] = server.ask(name, known, seconds)
            else:
                stack.close()
                asked = [item for item in known if runtimes.takes(name, item, task)]
                found[name] = runtimes.run(name, version, asked, seconds)
            if name == "keras" and found[name].alone:
                known = items[: len(found[name].alone)]
    return found


def _row(name, version, task, items, measured: Measured, expected):
    """A runtime's row, but for "ok".

    Args:
        items: those that it could be asked. expected: what Keras said to them, as far as it did.
    """
    count = min(len(measured.alone), len(expected))
    kept = list(range(count))
    if runtimes.phone(name):  # fixed shapes: what is too long for a phone is told, and no fault
        kept = [i for i in kept if not measured.alone[i].refused or expected[i].refused]
    alone = [(items[i], measured.alone[i], expected[i]) for i in kept]
    batched = [(items[i], outcome, expected[i]) for i, outcome in measured.batched or () if i < count]
    wanted = alone
    if name == "keras":  # is what the others are compared with, and itself with what the export stores
        wanted = [(item, found, item.expected) for item, found, _ in alone if item.expected]
    row = {**compare(*_columns(wanted)), "error": measured.error}
    row["refused"] = sum(outcome.refused is not None for outcome in measured.alone)
    row["batched"] = None if measured.batched is None else compare(*_columns(batched))
    judged = spec.spec(task).load("verify")
    answered = [(item, one, k) for item, one, k in alone if not one.refused and not k.refused]
    row["quality"] = judged.figures(answered) if answered else {}
    baseline = judged.figures([(item, k, one) for item, one, k in answered]) if answered else {}
    row["loss"] = verdict.loss(judged.WORTH, row["quality"], baseline)
    row["bytes"] = size(name, version)
    row["peak_memory_bytes"] = measured.peak
    percentiles = np.percentile(measured.latencies, [50, 95]) * 1e3 if measured.latencies else (None, None)
    row["latency_p50_ms"], row["latency_p95_ms"] = (p if p is None else float(p) for p in percentiles)
    row["startup_seconds"] = measured.startup
    row["problems"] = verdict.problems(name, row, judged.WORTH)
    return row


def _columns(rows):
    """Rows of three as three lists."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else ([], [], [])


def size(name, version):
    """The bytes on disk that a runtime needs."""
    if name == "keras":
        return (version / EXTRA / "model.keras").stat().st_size
    if bundled := runtimes.phone(name):
        file = version / "tflite" / f"{bundled[1]}.tflite"
        return file.stat().st_size if file.is_file() else 0
    parts = [
        version / "saved_model.pb",
        *(version / "variables").rglob("*"),
        *(version / "assets").rglob("*"),
    ]
    return sum(path.stat().st_size for path in parts if path.is_file())


def as_json(report):
    """A report as one line of JSON; what is no number there, such as infinity, as a string."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one) for one in value]
        return str(value) if isinstance(value, float) and not np.isfinite(value) else value

    return json.dumps(plain(report), ensure_ascii=False)
