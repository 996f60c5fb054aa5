"""`verify`: what all runtimes of an export answer, and what came of it."""

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
from kerasapp.verify.asking import ask_all
from kerasapp.verify.comparison import compare_rows, joined
from kerasapp.verify.inputs import PORT
from kerasapp.verify.measuring import ASSERTION, Measured
from kerasapp.verify.outcomes import Outcome


@dataclass(frozen=True)
class Settings:
    """How much is asked.

    runtimes: those to ask, Keras aside, which always is; None for all there are.
    items: inputs, test vectors among them, beside those that never change. lines: texts of the user's own, in
    addition. length: of generated texts. scored: held-out texts that are scored. beam_size: of held-out
    sentences and lines. seconds: of the processor for Keras alone, once it has answered `measuring.LEAST`
    inputs; what it has not answered then nobody is asked; None asks for everything. patience: seconds that
    reading the held-out data may take, and the validation figure, on a machine that does nothing else.
    at_once: runtimes that are asked at the same time: more than one is quicker, and makes their latencies
    longer.
    """

    runtimes: Sequence[str] | None = None
    items: int = 50
    lines: Sequence[str] = ()
    length: int = 100
    scored: int = 48
    beam_size: int = 4
    seconds: float | None = None
    patience: float = 600.0
    at_once: int = 1


QUICK = Settings(items=20, length=40, scored=4, seconds=2.0, patience=15.0, at_once=2)


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
    asked, measured = ask_all(version, task, names, settings, progress)
    given = [item for item in asked.items if runtimes.takes("keras", item, task)]
    said = dict(zip(map(id, given), measured["keras"].alone, strict=False))  # as far as there was time
    rows = {}
    for name in names:
        rows[name] = _row(name, version, task, asked.items, measured[name], said)
        broken = asked.bundle if runtimes.phone(name) else asked.fault if name == "keras" else None
        rows[name]["problems"] += [broken] if broken else []
        rows[name]["ok"] = not rows[name]["problems"]
    return {
        "ok": all(row["ok"] for row in rows.values()),
        "task": task,
        "items": len(said),
        "split": asked.split,
        "no_data": asked.missing,
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


def _row(name, version, task, items, measured: Measured, said):
    """A runtime's row, but for "ok".

    Args:
        items: all there are. said: what Keras said to them, as far as it did, by the items' ids.
    """
    known = [item for item in items if id(item) in said or item.signature == PORT]
    asked = [item for item in known if runtimes.takes(name, item, task)]
    expected = [_expected(name, version, item, said, task) for item in asked]
    whole = not runtimes.phone(name)
    alone = list(zip(asked, measured.alone, expected, strict=False))
    batched = [(asked[i], outcome, expected[i]) for i, outcome in measured.batched or ()]
    wanted = alone
    if name == "keras":  # is what the others are compared with, and itself with what the export stores
        wanted = [(item, found, item.expected) for item, found, _ in alone if item.origin == "vectors"]
    row = compare_rows(wanted, whole and name != "keras")
    if name == "keras":
        pairs = [(item, found, said[id(item.like)]) for item, found, _ in alone if id(item.like) in said]
        row = joined(row, compare_rows(pairs))
    row |= {"error": measured.error, "asked": len(asked), "answered": len(measured.alone)}
    row["batched"] = None if measured.batched is None else compare_rows(batched, whole)
    judged = spec.spec(task).load("verify")
    answered = [(item, one, k) for item, one, k in alone if not one.refused and not k.refused]
    row |= verdict.worth(judged, answered)
    row["bytes"] = size(name, version)
    row["peak_memory_bytes"] = measured.peak
    percentiles = np.percentile(measured.latencies, [50, 95]) * 1e3 if measured.latencies else (None, None)
    row["latency_p50_ms"], row["latency_p95_ms"] = (p if p is None else float(p) for p in percentiles)
    row["startup_seconds"] = measured.startup
    row["problems"] = [*verdict.problems(name, row, judged), *measured.faults, *_unexplained(name, alone)]
    return row


def _unexplained(name, alone):
    """Refusals of a graph that none of its own assertions explains, or another than Keras's."""
    for item, outcome, expected in alone:
        if not outcome.refused or runtimes.phone(name):
            continue
        if name == "keras" and ASSERTION not in outcome.refused:
            yield f"{item.shown}: {outcome.refused}"
        if name != "keras" and _reason(outcome.refused) != _reason(expected.refused or outcome.refused):
            yield f"{item.shown}: refused, but not as Keras does: {outcome.refused}"


def _reason(refused):
    """What an assertion says, such as "text: a row has nothing to read aloud"."""
    return refused.partition(f"{ASSERTION}: [")[2].partition("]")[0]


def _expected(name, version, item, said, task):
    """What a runtime has to answer: what Keras did, or a refusal of what is beyond a bundle's limits."""
    expected = said.get(id(item), item.expected)
    if not runtimes.phone(name) or item.signature == PORT:
        return expected
    refuses = getattr(spec.spec(task).load("phone"), "refuses", None)
    if refuses and refuses(runtimes.limits(version), item, expected):
        return Outcome(refused="it is beyond the limits of the bundle")
    return expected


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
