"""What each runtime has to hold, and whether it does.

The runtimes of float32 have to give the answers of Keras: the same texts, tokens and counts, numbers within
`comparison.NEAR` or, where they come of many steps, `comparison.NEAR_IN_CHAINS`. Those whose weights are
rounded are held to what their answers are worth, where there is enough held-out data to tell.
"""

from kerasapp.verify.runtimes import EXACT, phone


def is_exact(runtime):
    """Whether a runtime computes in float32, and so has to give the answers of Keras."""
    return runtime in EXACT or phone(runtime)[1] == "float32"


def loss(worth, quality, baseline):
    """What is lost against Keras's figures for the same items: the figure's name -> loss (see `Worth`). Empty
    where there is nothing to compare."""
    if not worth or worth.figure not in quality or not baseline or quality.get("against") == "keras":
        return {}
    return {worth.figure: worth.loss(quality, baseline)}


def problems(runtime, row, worth):
    """What a runtime's row breaks, in words; an empty list where all holds. worth: the task's `Worth`."""
    if row["error"]:
        return [row["error"]]
    if not row["items"]:
        return ["there is no answer of it, or none of Keras, to compare"]
    if is_exact(runtime):
        parts = {"alone": row, "in batches": row["batched"]}
        return [line for how, part in parts.items() if part for line in _differing(part, how)]
    if not worth or row["quality"].get(worth.count, 0) < worth.enough:
        return []
    bound = worth.bound(phone(runtime)[1])
    return [
        f"{worth.words}: {worth.amount(lost)} worse than Keras; {worth.amount(bound)} are allowed"
        for lost in row["loss"].values()
        if lost > bound
    ]


def _differing(part, how):
    if part["first_difference"] is None:
        return []
    differing = round(part["items"] * (1.0 - part["equal"]))
    if differing:
        return [f"{differing} of {part['items']} answers differ, asked {how}"]
    output, largest = part["first_difference"]["output"], part["largest_difference"]
    return [f"{output} is off by more than is allowed, asked {how} (largest difference: {largest:.2g})"]
