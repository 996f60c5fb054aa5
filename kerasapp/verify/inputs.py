"""What every runtime is asked: the export's test vectors, lines of the user's, and held-out data."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasapp.artefact import EXTRA
from kerasapp.errors import ConfigError
from kerasapp.knobs import texts
from kerasapp.tasks.generation import answers as generation_answers
from kerasapp.tasks.series import answers as series_answers
from kerasapp.tasks.synthesis import answers as synthesis_answers
from kerasapp.tasks.translation import answers as translation_answers
from kerasapp.verify import outcomes

MAIN = {  # the signature that answers, and its text or history, of each task
    "generation": ("generate", "prompt"),
    "translation": ("translate", "source"),
    "synthesis": ("synthesize", "text"),
    "series": ("forecast", "history"),
}
DEFAULTS = {
    "generate": generation_answers.DEFAULTS,
    "translate": translation_answers.DEFAULTS,
    "synthesize": synthesis_answers.DEFAULTS,
    "forecast": series_answers.DEFAULTS,
    "score": {},
    "embed": {},
}
GREEDY = {"temperature": 0.0}  # sampling is compared by the test vectors


@dataclass(frozen=True, eq=False)  # as an array has no equality
class Item:
    """One input.

    signature: of the servable. inputs: name -> str, int, float or list of numbers, one row. origin:
    "vectors", "bundle", "data", "held-out" or "drawn". expected: the `Outcome` that is stored with a test
    vector. reference: of held-out data, a translation, a recording's log-mel [frames, mels], or what came
    after a history [steps, columns].
    """

    signature: str
    inputs: dict
    origin: str
    expected: Any = None
    reference: Any = None

    @property
    def shown(self):
        """The inputs in one line: the texts, and the knobs that are not the defaults."""
        defaults = DEFAULTS[self.signature]
        kept = {k: v for k, v in self.inputs.items() if k not in defaults or v != defaults[k]}
        if "history" in kept:
            kept["history"] = f"{len(kept['history'])} steps"
        return f"{self.signature} {json.dumps(kept, ensure_ascii=False)}"


def columns(items):
    """The inputs of items of one signature as arrays [rows], name -> array."""
    defaults, found = DEFAULTS[items[0].signature], {}
    for name in items[0].inputs:
        values = [item.inputs[name] for item in items]
        if name == "history":
            found[name] = series_answers.padded(values)["history"]
        elif name == "lengths":
            found[name] = np.array(values, np.int32)
        elif isinstance(defaults.get(name, ""), str):
            found[name] = texts(values)
        else:
            found[name] = np.array(values, np.int32 if isinstance(defaults[name], int) else np.float32)
    return found


def main_item(task, text, origin, reference=None, **knobs):
    """An item of a task's main signature, with its default knobs but for `knobs`."""
    signature, name = MAIN[task]
    length = {"lengths": len(text)} if name == "history" else {}
    inputs = {name: text, **length, **DEFAULTS[signature], **knobs}
    return Item(signature, inputs, origin, reference=reference)


def vectors(version):
    """The items of an export's own test vectors, with the outcomes that they have to have.

    Raises: ConfigError where the file cannot be read.
    """
    path = version / EXTRA / "vectors.json"
    found = []
    try:
        for request in json.loads(path.read_text("utf-8")):
            if request["signature"] not in outcomes.SIGNATURES:
                continue
            rows = len(next(iter(request["inputs"].values())))
            expected = outcomes.outcomes(request["signature"], request["outputs"], rows)
            for i in range(rows):
                inputs = {name: values[i] for name, values in request["inputs"].items()}
                found.append(Item(request["signature"], inputs, "vectors", expected[i]))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ConfigError(f"{path}: these are no test vectors: {error}") from None
    return found


def bundle_vectors(bundle, task):
    """The items of a bundle's test vectors, which ports are checked with; and what is wrong with the file.

    Returns: (list of `Item`, None), or ([], one line).
    """
    path = bundle / "vectors.json"
    try:
        content = path.read_bytes()
        wanted = json.loads((bundle / "metadata.json").read_text("utf-8"))["vectors"]["sha256"]
        if hashlib.sha256(content).hexdigest() != wanted:
            return [], f"{path.name}: is damaged: its SHA-256 is not that of metadata.json"
        requests = json.loads(content)["vectors"]["requests"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [], f"{path.name}: these are no test vectors: {error}"
    signature, _ = MAIN[task]
    return [
        Item(signature, {**DEFAULTS[signature], **request["inputs"]}, "bundle", _stored(request["outputs"]))
        for request in requests
    ], None


def _stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    if "quantiles" in outputs:
        return outcomes.forecast(outputs["mean"], outputs["quantiles"])
    if "frames" in outputs:
        exact = {name: outputs[name] for name in ("frames", "stop_reason")}
        numbers = {"frame_means": np.float32(outputs["frame_means"])}
        return outcomes.Outcome(f"{outputs['frames']} frames", exact, numbers)
    name = "translation" if "score" in outputs else "text"
    numbers = {"score": np.float32(outputs["score"])} if "score" in outputs else {}
    return outcomes.Outcome(outputs["text"], {name: outputs["text"]}, numbers)
