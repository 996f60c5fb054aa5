"""What every runtime is asked: the export's test vectors, lines of the user's, and held-out data.

The module that a task names for the stage "verify" has OUTCOMES (signature -> function of a row's outputs
that gives its `Outcome`), WORTH (a `kerasapp.verify.worth.Worth`, or None), and these functions
(`kerasapp.tasks.series.verify` is the shortest):

    stored(outputs): the `Outcome` in a test vector of a bundle.
    LOOPS: optional: name -> loop over signatures (see `kerasapp.verify.loops`); OUTCOMES has the name, too.
    asked(settings, origin): name -> value of the knobs for inputs that are no test vectors, where these are
        not the defaults. settings: `kerasapp.verify.checking.Settings`. origin: see `Item`.
    drawn(task, count): inputs at random, where there are no held-out data.
    held_out(task, split, count, scored): {"texts", "references", "scored"} (see `kerasapp.verify.held_out`).
    figures(answered): the quality of (`Item`, its `Outcome`, that of Keras), name -> number; {} without
        held-out data among them.
    shown(figures): these figures in words.
    given(request): optional: the inputs of a bundle's test vector, where they are not asked as they stand.
    ported(outputs): optional: the `Outcome` of all that a bundle's test vector has for ports.
    awkward(task): optional: list of (input, knobs) that are asked beside the others, such as an empty text.
    varied(i): optional: the knobs of the input number i of the held-out data, where they are others.
    probes(items, settings, signatures): optional: more items: loops, and the signatures beside the main one.
    likeness(item, found, expected): optional: how much an answer of rounded weights is like Keras's, from 0
        to 1; None where that says nothing. LIKE: the least mean of it for each precision.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasapp import spec
from kerasapp.artefact import EXTRA
from kerasapp.errors import ConfigError
from kerasapp.knobs import texts
from kerasapp.verify.outcomes import outcomes
from pipelines.text.special import FIRST

SEED = 0
# Blank; decomposed accents; what other normal forms change; line breaks; symbols that few models know.
AWKWARD = (
    "", " \t\n ", "e\u0301te\u0301 A\u030angstrom", "\ufb01ne \u00b2 \u2460 \uff0c\uff01", "a\r\nb\rc\n\nd",
    "\N{PARROT}\N{WOMAN}\u200d\N{GIRL} \N{SNOWMAN}", "the\u00a0end \u201cquoted\u201d",
)  # fmt: skip
PORT = "port"  # no signature: what docs/mobile.md has a port compare with the bundle's test vectors
OUTPUTS = "outputs"  # its input that has what the test vector says
DRAWN = 12  # tokens of a text of letters at random, or steps of a history


@dataclass(frozen=True, eq=False)  # as an array has no equality
class Item:
    """One input.

    task: the model's. signature: of the servable. inputs: name -> str, int, float or list of numbers, one
    row. origin: "vectors", "bundle", "data", "held-out" or "drawn". expected: the `Outcome` that is stored
    with a test vector. reference: of held-out data, a translation, a recording's log-mel [frames, mels], or
    what came after a history [steps, columns]. like: another input, whose answer has to be the same as far as
    both have the same outputs.
    """

    task: str
    signature: str
    inputs: dict
    origin: str
    expected: Any = None
    reference: Any = None
    like: "Item | None" = None

    @property
    def shown(self):
        """The inputs in one line: the texts, and the knobs that are not the defaults."""
        task = spec.spec(self.task)
        defaults = task.defaults
        inputs = {k: v for k, v in self.inputs.items() if k != OUTPUTS}
        kept = {k: v for k, v in inputs.items() if k not in defaults or v != defaults[k]}
        kept = {k: f"{len(v)} steps" if isinstance(v, list) else v for k, v in kept.items()}
        return f"{self.signature} {json.dumps(kept, ensure_ascii=False)}"


def columns(items):
    """The inputs of items of one signature as arrays [rows], name -> array."""
    task = spec.spec(items[0].task)
    knobs = {knob.name: knob for knob in task.knobs}
    return {name: _column([item.inputs[name] for item in items], knobs.get(name)) for name in items[0].inputs}


def _column(values, knob):
    if knob:
        return knob.array(values)
    if isinstance(values[0], str):
        return texts(values)
    if isinstance(values[0], list):
        return padded(values)
    return np.array(values, np.int32 if isinstance(values[0], int) else np.float32)


def padded(histories):
    """Arrays [time, ...] as one, float64 [rows, time, ...], zeros after each row's end."""
    arrays = [np.asarray(history, np.float64) for history in histories]
    shape = max((array.shape for array in arrays), key=len)
    found = np.zeros([len(arrays), max(map(len, arrays)), *shape[1:]])
    for row, array in zip(found, arrays, strict=True):
        if len(array):
            row[: len(array)] = array
    return found


def main_item(task, value, origin, reference=None, **knobs):
    """An item of a task's main signature, with its default knobs but for `knobs`."""
    described = spec.spec(task)
    length = {"lengths": len(value)} if isinstance(value, list) else {}
    inputs = {described.input: value, **length, **described.defaults, **knobs}
    return Item(task, described.signature, inputs, origin, reference=reference)


def default_item(item):
    """The item of `serving_default` for the same input, and the one of all knobs that it has to be like."""
    described = spec.spec(item.task)
    taken = {name: value for name, value in item.inputs.items() if name not in described.defaults}
    main = Item(item.task, described.signature, {**taken, **described.defaults}, "fixed")
    return Item(item.task, "serving_default", taken, "fixed", like=main), main


def random_texts(tokenizer, count, length=DRAWN):
    """Texts of tokens at random; of up to `DRAWN` of them, or of `length`."""
    import tensorflow as tf

    from pipelines.text import sentences

    draw = np.random.default_rng(SEED)
    ids = tf.constant(draw.integers(FIRST, tokenizer.size, [count, length]), tf.int32)
    lengths = draw.integers(3, length + 1, count) if length == DRAWN else np.full(count, length)
    texts = sentences.decode(tokenizer, ids, tf.constant(lengths, tf.int32)).numpy()
    return [text.decode() for text in texts]


def spread(total, count):
    """Places that stand for all: evenly spread."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)).tolist() if total else []


def vectors(version, task):
    """The items of an export's own test vectors, with the outcomes that they have to have.

    Raises: ConfigError where the file cannot be read.
    """
    path, found = version / EXTRA / "vectors.json", []
    known = spec.spec(task).load("verify").OUTCOMES
    try:
        for request in json.loads(path.read_text("utf-8")):
            if request["signature"] not in known:
                continue
            rows = len(next(iter(request["inputs"].values())))
            expected = outcomes(task, request["signature"], request["outputs"], rows)
            for i in range(rows):
                inputs = {name: values[i] for name, values in request["inputs"].items()}
                found.append(Item(task, request["signature"], inputs, "vectors", expected[i]))
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
        if not requests:
            return [], f"{path.name}: has no requests"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [], f"{path.name}: these are no test vectors: {error}"
    described = spec.spec(task)
    judged, main, defaults = described.load("verify"), described.signature, described.defaults
    given = getattr(judged, "given", lambda request: request["inputs"])
    ported = getattr(judged, "ported", None)
    found = [
        Item(task, main, {**defaults, **given(request)}, "bundle", judged.stored(request["outputs"]))
        for request in requests
    ]
    if ported:
        outputs = [request["outputs"] for request in requests]
        found += [
            Item(task, PORT, {**item.inputs, OUTPUTS: told}, "bundle", ported(told))
            for item, told in zip(found, outputs, strict=True)
        ]
    return found, None
