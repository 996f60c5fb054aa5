"""What each runtime has to hold, and whether it does.

The runtimes of float32 have to give the answers of Keras: the same texts, tokens and counts, numbers within
`comparison.NEAR` or, where they come of many steps, `comparison.NEAR_IN_CHAINS`. Those whose weights are
rounded are held to what their answers are worth, where there is enough held-out data to tell.
"""

from kerasapp.verify.runtimes import EXACT, PHONE

_SMALL = {"bits_per_character": 0.005, "bleu": 0.3, "mcd_db": 0.01}
LOSS = {  # the most that may be lost: BLEU in points, the others as a share of what Keras has
    "float16": _SMALL,
    "dynamic": _SMALL,
    "int8": {"bits_per_character": 0.02, "bleu": 1.0, "mcd_db": 0.02},
}
ENOUGH = {"characters": 10_000, "sentences": 1_000, "utterances": 20}  # from which a loss can be told
WORDS = {"bits_per_character": "bits a character", "bleu": "BLEU", "mcd_db": "mel-cepstral distortion"}


def is_exact(runtime):
    """Whether a runtime computes in float32, and so has to give the answers of Keras."""
    return runtime in EXACT or runtime == f"{PHONE}float32"


def loss(quality, baseline):
    """What is lost against Keras's figures for the same items: name -> points of BLEU, or a share; negative
    where it is a gain. Empty where there is nothing to compare."""
    if not quality or not baseline or quality.get("against") == "keras":
        return {}
    found = {}
    for name in WORDS:
        if name not in quality:
            continue
        before, after = baseline[name], quality[name]
        found[name] = before - after if name == "bleu" else (after - before) / max(before, 1e-9)
    return found


def problems(runtime, row):
    """What a runtime's row breaks, in words; an empty list where all holds."""
    if row["error"]:
        return [row["error"]]
    if not row["items"]:
        return ["there is no answer of it, or none of Keras, to compare"]
    if is_exact(runtime):
        parts = {"alone": row, "in batches": row["batched"]}
        return [line for how, part in parts.items() if part for line in _differing(part, how)]
    bounds, quality = LOSS[runtime.removeprefix(PHONE)], row["quality"]
    if not any(quality.get(name, 0) >= least for name, least in ENOUGH.items()):
        return []
    return [
        f"{WORDS[name]}: {_amount(name, lost)} worse than Keras; {_amount(name, bounds[name])} are allowed"
        for name, lost in row["loss"].items()
        if lost > bounds[name]
    ]


def _differing(part, how):
    if part["first_difference"] is None:
        return []
    differing = round(part["items"] * (1.0 - part["equal"]))
    if differing:
        return [f"{differing} of {part['items']} answers differ, asked {how}"]
    output, largest = part["first_difference"]["output"], part["largest_difference"]
    return [f"{output} is off by more than is allowed, asked {how} (largest difference: {largest:.2g})"]


def _amount(name, value):
    return f"{value:.2f} points" if name == "bleu" else f"{value:.2%}"
