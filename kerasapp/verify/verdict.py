"""What each runtime has to hold, and whether it does.

The runtimes of float32 have to give the answers of Keras: the same texts, tokens and counts, numbers within
`comparison.NEAR` or, where they come of many steps, `comparison.NEAR_IN_CHAINS`. Those whose weights are
rounded have to give answers that are like Keras's, and worth as much.
"""

import numpy as np

from kerasapp.verify.measuring import one_line
from kerasapp.verify.runtimes import EXACT, phone

ENOUGH = 6  # inputs that a runtime must have answered, at least: with fewer nothing is verified
GROUPS = 10  # of items, by whose losses the deviation of the loss is estimated
GROSS = 0.1  # share that rounding may lose of a figure, however few the data are
DEVIATIONS = 3.0  # that a loss from few data may exceed its bound by


def is_exact(runtime):
    """Whether a runtime computes in float32, and so has to give the answers of Keras."""
    return runtime in EXACT or phone(runtime)[1] == "float32"


def worth(judged, answered):
    """What answers are worth, as keys of a row: "quality", "loss" and "loss_deviation", see `loss`;
    "likeness", see `alike`; "unfit": why they have no worth, as their form is another, or None."""
    try:
        quality, lost, deviated = loss(judged, answered)
        found = {"quality": quality, "loss": lost, "loss_deviation": deviated}
        return {**found, "likeness": alike(judged, answered), "unfit": None}
    except (ValueError, KeyError, IndexError, TypeError, ZeroDivisionError) as error:
        nothing = {"quality": {}, "loss": {}, "loss_deviation": None, "likeness": {}}
        return {**nothing, "unfit": f"the answers have another form than Keras's: {one_line(error)}"}


def loss(judged, answered):
    """What answers are worth less than Keras's.

    Args:
        judged: the task's module for the stage "verify".
        answered: list of (`Item`, its `Outcome`, that of Keras).

    Returns: (the figures, the loss: the figure's name -> loss (see `Worth`), its deviation, or None). Empty
        where there is nothing to compare.
    """
    worth, quality, lost = judged.WORTH, *_lost(judged, answered)
    if lost is None:
        return quality, {}, None
    return quality, {worth.figure: lost}, deviation(judged, answered)


def deviation(judged, answered):
    """The standard deviation of a loss: that of groups of the items, by the root of how many there are."""
    groups = [_lost(judged, answered[start::GROUPS])[1] for start in range(GROUPS)]
    groups = [lost for lost in groups if lost is not None]
    return float(np.std(groups, ddof=1) / np.sqrt(len(groups))) if len(groups) > 2 else None


def _lost(judged, answered):
    """The figures, and the loss or None."""
    quality, worth = judged.figures(answered) if answered else {}, judged.WORTH
    if not worth or worth.figure not in quality or quality.get("against") == "keras":
        return quality, None
    baseline = judged.figures([(item, other, one) for item, one, other in answered])
    return quality, worth.loss(quality, baseline)


def alike(judged, answered):
    """How much answers are like Keras's, a mean from 0 to 1 for each signature."""
    likeness = getattr(judged, "likeness", None)
    found = {}
    for item, one, other in answered:
        share = likeness(item, one, other) if likeness else float(one.exact == other.exact)
        if share is not None:
            found.setdefault(item.signature, []).append(share)
    return {name: float(np.mean(shares)) for name, shares in found.items()}


def problems(runtime, row, judged):
    """What a runtime's row breaks, in words; an empty list where all holds.

    Args:
        judged: the task's module for the stage "verify".
    """
    if row["error"]:
        return [row["error"]]
    if not row["items"]:
        return ["there is no answer of it, or none of Keras, to compare"]
    compared = row["answered"] if runtime == "keras" else row["items"]  # it is compared with what is stored
    if compared < ENOUGH or row["answered"] < row["asked"]:
        told = f"{row['answered']} of {row['asked']} inputs were answered, {compared} compared"
        return [f"not verified: {told}; at least {ENOUGH} are needed, and all that Keras answers"]
    unfit = [row["unfit"]] if row.get("unfit") else []
    if is_exact(runtime):
        parts = {"alone": row, "in batches": row["batched"]}
        lines = [line for how, part in parts.items() if part for line in differing(part, how)]
        return lines or unfit
    return [*unfit, *_strict(row), *_unlike(runtime, row, judged), *_worse(runtime, row, judged.WORTH)]


def _strict(row):
    first = row["never_rounded"]
    return [f"{first['output']} differs, which no rounding of weights explains"] if first else []


def _unlike(runtime, row, judged):
    least = getattr(judged, "LIKE", {}).get(phone(runtime)[1], 0.0)
    return [
        f"{name}: answers are like Keras's to {share:.0%}; at least {least:.0%} are needed"
        for name, share in row["likeness"].items()
        if share < least
    ]


def _worse(runtime, row, worth):
    if not worth:
        return []
    bound = worth.bound(phone(runtime)[1])
    spare = 0.0 if row["quality"].get(worth.count, 0) >= worth.enough else row["loss_deviation"]
    if spare is None:  # too few data for a deviation
        bound, spare = np.inf if worth.in_points else max(bound, GROSS), 0.0
    more = f" (the deviation of the loss is {worth.amount(spare)})" if spare else ""
    return [
        f"{worth.words}: {worth.amount(lost)} worse than Keras; {worth.amount(bound)} are allowed{more}"
        for lost in row["loss"].values()
        if lost > bound + DEVIATIONS * spare
    ]


def differing(part, how):
    """Lines that tell how many answers of a comparison differ, or which numbers do."""
    if part["first_difference"] is None:
        return []
    count = round(part["items"] * (1.0 - part["equal"]))
    if count:
        return [f"{count} of {part['items']} answers differ, asked {how}"]
    output, largest = part["first_difference"]["output"], part["largest_difference"]
    return [f"{output} is off by more than is allowed, asked {how} (largest difference: {largest:.2g})"]
