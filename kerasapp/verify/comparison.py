"""How far outcomes are from those that they should be."""

import numpy as np

# In a chain of many steps the last bits grow; elsewhere numbers are those of one sum.
NEAR = 1e-5
NEAR_IN_CHAINS = 1e-3
# Of speech that is the mean of an utterance, and this its largest: in one of thirty a difference of 1e-6 a
# step, as a product of matrices of another number of rows has it, grows to 4e-3 somewhere.
LARGEST_IN_SPEECH = 2e-2
SPOKEN = ("mel", "frame_means", "stop")


def compare(items, found, expected):
    """Compares what a runtime said with what it should have said, input by input.

    Numbers differ by |found - expected| / max(1, |expected|), log-mels by |found - expected|, and those that
    have a unit above 0 by |found - expected| / unit.

    Args:
        items: list of `Item`.
        found, expected: lists of `Outcome`, one for each item.

    Returns: {"items", "equal": the share of items all of whose texts, tokens and whole numbers are equal,
        "largest_difference", "mean_difference": of the numbers, 0 where there are none, "refused": items
        without an answer, "first_difference": of the first item that is not as it should be, or None}.
    """
    differing, differences, first = 0, [], None
    for item, one, other in zip(items, found, expected, strict=True):
        wrong, new = _differences(one, other)
        differing += wrong is not None
        differences += new
        far = next((name for name, away in new if _is_far(name, one, away)), None)
        if first is None and (wrong or far):
            first = _told(item, one, other, wrong or far)
    numbers = np.concatenate([away.ravel() for _, away in differences]) if differences else np.zeros(1)
    return {
        "items": len(items),
        "equal": 1.0 - differing / len(items) if items else 1.0,
        "largest_difference": float(numbers.max(initial=0.0)),
        "mean_difference": float(numbers.mean()) if numbers.size else 0.0,
        "refused": sum(outcome.refused is not None for outcome in found),
        "first_difference": first,
    }


def _is_far(name, outcome, away):
    """Whether the numbers of an output are further off than the arithmetic of float32 explains."""
    largest = away.max(initial=0.0)
    if name in SPOKEN or "mel" in outcome.numbers:
        return largest > LARGEST_IN_SPEECH or (away.size and away.mean() > NEAR_IN_CHAINS)
    return largest > (NEAR_IN_CHAINS if "quantiles" in outcome.numbers else NEAR)


def _differences(found, expected):
    """The first output that is not equal, or None; and [(name, differences)] of the numbers.

    Only what both have is compared: a phone gives fewer outputs than a server.
    """
    if found.refused or expected.refused:
        return (None if found.refused and expected.refused else "refused"), []
    both = [name for name in expected.exact if name in found.exact]
    wrong = next((name for name in both if found.exact[name] != expected.exact[name]), None)
    numbers = [
        (name, _away(found.numbers[name], value, _units(name, expected)))
        for name, value in expected.numbers.items()
        if name in found.numbers and (wrong is None or np.shape(found.numbers[name]) == np.shape(value))
    ]
    return wrong, numbers


def _units(name, expected):
    """What a difference of 1 is in the numbers of an outcome."""
    if name in SPOKEN:
        return 1.0
    relative = np.maximum(1.0, np.abs(np.asarray(expected.numbers[name], np.float64)))
    unit = expected.units.get(name, 0.0)
    return np.where(unit > 0, unit, relative)


def _away(found, expected, units):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return np.array([np.inf])
    with np.errstate(invalid="ignore"):
        away = np.abs(found - expected) / units
    away = np.where(found == expected, 0.0, away)  # two infinities
    return np.where(np.isnan(away), np.inf, away)


def _told(item, found, expected, output):
    def value(outcome):
        if outcome.refused:
            return f"refused: {outcome.refused}"
        if output in outcome.numbers:
            return _array(outcome.numbers[output])
        return outcome.exact.get(output, outcome.text)

    return {"input": item.shown, "output": output, "expected": value(expected), "found": value(found)}


def _array(values):
    """A number; of many the first few and how many there are."""
    flat = np.asarray(values).ravel()
    shown = ", ".join(f"{number:.6g}" for number in flat[:4])
    return shown if flat.size <= 4 else f"{shown} ... ({flat.size:,} numbers)"
