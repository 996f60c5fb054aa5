"""How far outcomes are from those that they should be."""

import numpy as np

# In a chain of many steps the last bits grow; elsewhere numbers are those of one sum.
NEAR = 1e-5
NEAR_IN_CHAINS = 1e-3
# Of speech that is the mean of an utterance, and this its largest: in one of thirty a difference of 1e-6 a
# step, as a product of matrices of another number of rows has it, grows to 4e-3 somewhere.
LARGEST_IN_SPEECH = 2e-2
SPOKEN = ("mel", "frame_means", "stop")
# Of a wave, its root mean square of the difference by its own: Griffin-Lim makes a thousandth of full scale
# of the last bits of a spectrogram.
NEAR_IN_SOUND = 0.1
SOUND = ("sound", "wav")
# What no rounding of weights changes: the ids that are read, and the form of a sound.
NEVER_ROUNDED = ("read", "characters", "left_out", "sample_rate", "size")


def compare_rows(rows, whole=False):
    """`compare` for a list of (item, found, expected)."""
    items, found, expected = zip(*rows, strict=True) if rows else ((), (), ())
    return compare(items, found, expected, whole)


def compare(items, found, expected, whole=False):
    """Compares what a runtime said with what it should have said, input by input.

    Numbers differ by |found - expected| / max(1, |expected|), log-mels by |found - expected|, and those that
    have a unit above 0 by |found - expected| / unit.

    Args:
        items: list of `Item`.
        found, expected: lists of `Outcome`, one for each item.
        whole: whether every output has to be there; otherwise only those that both have are compared.

    Returns: {"items": how many are compared, "equal": the share of them all of whose texts, tokens and whole
        numbers are equal, "largest_difference", "mean_difference": of the numbers, 0 where there are none,
        "sound_difference": the largest of waves, or None,
        "refused": items that both refuse, which are not among those compared, "first_difference": of the
        first item that is not as it should be, or None, "never_rounded": of the first item that rounding of
        weights cannot explain, or None}.
    """
    differing, differences, first, strict, refused = 0, [], None, None, 0
    for item, one, other in zip(items, found, expected, strict=True):
        if one.refused and other.refused:
            refused += 1
            continue
        wrong, new = _differences(one, other, whole)
        differing += wrong is not None
        differences += new
        far = next((name for name, away in new if _is_far(name, one, away)), None)
        if first is None and (wrong or far):
            first = _told(item, one, other, wrong or far)
        names = [name for name in NEVER_ROUNDED if one.exact.get(name) != other.exact.get(name)]
        names = [name for name in names if name in one.exact and name in other.exact]
        names = ["refused"] if wrong == "refused" else names
        if strict is None and names:
            strict = _told(item, one, other, names[0])
    sounds = [float(away[0]) for name, away in differences if name in SOUND]
    differences = [away.ravel() for name, away in differences if name not in SOUND]
    numbers = np.concatenate(differences) if differences else np.zeros(1)
    count = len(items) - refused
    return {
        "items": count,
        "equal": 1.0 - differing / count if count else 1.0,
        "largest_difference": float(numbers.max(initial=0.0)),
        "mean_difference": float(numbers.mean()) if numbers.size else 0.0,
        "sound_difference": max(sounds, default=None),
        "refused": refused,
        "first_difference": first,
        "never_rounded": strict,
    }


def joined(one, other):
    """Two comparisons as one."""
    total = max(one["items"] + other["items"], 1)
    mean = {
        name: sum(part[name] * part["items"] for part in (one, other)) / total if total > 1 else one[name]
        for name in ("equal", "mean_difference")
    }
    largest = max(part["largest_difference"] for part in (one, other))
    found = {name: one[name] + other[name] for name in ("items", "refused")}
    names = ("first_difference", "never_rounded", "sound_difference")
    firsts = {name: one[name] or other[name] for name in names}
    return {**found, **mean, "largest_difference": largest, **firsts}


def _is_far(name, outcome, away):
    """Whether the numbers of an output are further off than the arithmetic of float32 explains."""
    largest = away.max(initial=0.0)
    if name in SOUND:
        return largest > NEAR_IN_SOUND
    if name in SPOKEN or "mel" in outcome.numbers:
        return largest > LARGEST_IN_SPEECH or (away.size and away.mean() > NEAR_IN_CHAINS)
    return largest > (NEAR_IN_CHAINS if "quantiles" in outcome.numbers else NEAR)


def _differences(found, expected, whole):
    """The first output that is not equal, or None; and [(name, differences)] of the numbers."""
    if found.refused or expected.refused:
        return "refused", []
    both = [name for name in expected.exact if name in found.exact]
    wrong = next((name for name in both if found.exact[name] != expected.exact[name]), None)
    if wrong is None and whole:
        outputs = {**found.exact, **found.numbers}
        wrong = next((name for name in (*expected.exact, *expected.numbers) if name not in outputs), None)
    numbers = [
        (name, _away(name, found.numbers[name], value, expected))
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


def _away(name, found, expected, outcome):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return np.array([np.inf])
    if name in SOUND:
        loud = np.sqrt(np.mean(np.square(expected))) if expected.size else 0.0
        away = np.sqrt(np.mean(np.square(found - expected))) if expected.size else 0.0
        return np.array([away / max(loud, 1e-3)])
    units = _units(name, outcome)
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
        return outcome.text if output == "refused" else outcome.exact.get(output, "nothing")

    return {"input": item.shown, "output": output, "expected": value(expected), "found": value(found)}


def _array(values):
    """A number; of many the first few and how many there are."""
    flat = np.asarray(values).ravel()
    shown = ", ".join(f"{number:.6g}" for number in flat[:4])
    return shown if flat.size <= 4 else f"{shown} ... ({flat.size:,} numbers)"
