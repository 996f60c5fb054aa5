"""All that the runtimes of an export are asked: what never changes, then what the settings ask for."""

import itertools
from typing import NamedTuple

from kerasapp import spec
from kerasapp.verify import runtimes
from kerasapp.verify.inputs import Item, bundle_vectors, default_item, main_item, vectors

DEFAULTS = 3  # test vectors that `serving_default` is asked, too, beside two of the fixed inputs


class Questions(NamedTuple):
    """items: list of `Item`. specs: inputs of each signature. split: of the held-out data, or None. missing:
    why there are none. bundle: what is wrong with the bundle's test vectors, or None. fault: why there are no
    other questions than test vectors, or None."""

    items: list
    specs: dict
    split: str | None
    missing: str | None
    bundle: str | None
    fault: str | None = None


def questions(version, task, settings):
    """The `Questions` for a version.

    Raises: ConfigError where its test vectors cannot be read.
    """
    stored, broken = vectors(version, task), None
    if (version / "tflite" / "metadata.json").is_file():
        more, broken = bundle_vectors(version / "tflite", task)
        stored += more
    described = spec.spec(task)
    judged, main = described.load("verify"), described.signature
    count = max(0, settings.items - sum(item.signature == main for item in stored))
    job = {"folder": str(version), "count": count, "scored": settings.scored if count else 0}
    found = runtimes.child("kerasapp.verify.held_out", {**job, "patience": settings.patience})
    if isinstance(found, str):
        return Questions(stored, {}, None, found, broken, f"its inputs cannot be made: {found}")
    fixed = [main_item(task, value, "fixed", **knobs) for value, knobs in found["awkward"]]
    mains = [item for item in [*stored, *fixed] if item.signature == main]
    probes = getattr(judged, "probes", lambda *_: [])(mains, settings, found["specs"].keys())
    lines = [main_item(task, line, "data", **judged.asked(settings, "data")) for line in settings.lines]
    others = _mixed([*fixed, *probes, *lines, *_drawn(task, judged, found, settings)])
    items = [*stored, *_defaults(judged, [*mains[:DEFAULTS], *fixed[1:4:2]]), *others]
    return Questions(items, found["specs"], found["split"], found["missing"], broken)


def _defaults(judged, mains):
    """Items of `serving_default` and, before each, the one that it has to be like."""
    if "serving_default" not in judged.OUTCOMES:
        return []
    pairs = [default_item(item) for item in mains]
    return [item for pair in pairs for item in reversed(pair)]


def _mixed(items):
    """Something of each kind first, in case that Keras is too slow to be asked all."""
    kinds = {}
    for item in items:
        kinds.setdefault((item.signature, item.origin), []).append(item)
    rounds = itertools.zip_longest(*kinds.values())
    return [item for one_of_each in rounds for item in one_of_each if item]


def _drawn(task, judged, found, settings):
    """Held-out inputs, or random ones; and texts to score."""
    origin = "held-out" if found["split"] else "drawn"
    knobs = judged.asked(settings, origin)
    varied = getattr(judged, "varied", lambda i: {})
    references = found["references"] or [None] * len(found["texts"])
    asked = [
        main_item(task, text, origin, reference, **{**knobs, **varied(i)})
        for i, (text, reference) in enumerate(zip(found["texts"], references, strict=True))
    ]
    inputs = [one if isinstance(one, dict) else {"text": one} for one in found["scored"]]
    return [*asked, *(Item(task, "score", one, "held-out") for one in inputs)]
