"""`translation` on a phone: the graphs, and what a runtime has to know of them."""

from dataclasses import replace

import numpy as np
import tensorflow as tf

from kerasapp.export.tflite_parts import Reader, Table, View, Weights, every_third, nonempty, padded, run
from kerasapp.tasks.translation.answers import LONGEST as MOST
from kerasapp.tasks.translation.answers import SPARE
from kerasapp.tasks.translation.model import encode
from kerasapp.tasks.translation.model import step as model_step
from kerasapp.tasks.translation.spec import SPEC
from pipelines.text import sentences

LONGEST = 128  # tokens of a source sentence, its end among them, at most
BEAMS = 4  # rows of `step_beam`
SAMPLED = 24  # sentences that the ranges of int8 are measured on
TOLERANCE = 1e-3  # of float32's scores


def signatures(task, model, precision):
    """The functions of the file, one sentence each.

    encode: "ids" int32 [1, LONGEST] with the end token, "length" int32 [1] -> "keys", "values" and "mask",
        which stay through all steps, and the first states.
    step: "ids" int32 [1], all that `encode` gives -> "logits" [1, vocabulary], "alignment" [1, LONGEST],
        states.
    step_beam: the same of `BEAMS` beams of the sentence: "ids", "logits", "alignment" and the states have
        BEAMS rows; keys, values and mask have one.
    """
    weights, view = Weights(model), _view(model, precision)

    @tf.function(autograph=False)
    def read(ids, length):
        with weights():
            real = tf.sequence_mask(length, LONGEST)
            prepared, states = encode(view, tf.where(real, ids, 0))
        return nonempty({**prepared, **states})

    @tf.function(autograph=False)
    def step(ids, **inputs):
        states = {name: inputs.pop(name) for name in model.state_names}
        with weights():
            logits, alignment, states = model_step(view, ids, states, _of_rows(inputs, ids.shape[0]))
        return {"logits": logits, "alignment": alignment, **states}

    encoder = read.get_concrete_function(
        tf.TensorSpec([1, LONGEST], tf.int32, "ids"), tf.TensorSpec([1], tf.int32, "length")
    )
    steps = {}
    for name, rows in (("step", 1), ("step_beam", BEAMS)):
        specs = {
            key: tf.TensorSpec([rows if key in model.state_names else 1, *out.shape[1:]], out.dtype, key)
            for key, out in encoder.structured_outputs.items()
        }
        steps[name] = step.get_concrete_function(tf.TensorSpec([rows], tf.int32, "ids"), **specs)
    return {"encode": encoder, **steps}


def _view(model, precision):
    weights = Weights(model)
    return View(
        model,
        source_embedding=Table(model.source_embedding, precision),
        target_embedding=Table(model.target_embedding, precision),
        encoders=[Reader(encoder, weights) for encoder in model.encoders],
    )


def _of_rows(prepared, rows):
    """What is prepared of one sentence, for several rows: the attention spreads all but what is small."""
    mask, values = prepared["mask"], prepared["values"]
    if values.shape[1] == 1:  # of no attention: one vector
        values = tf.tile(values, [rows, 1, 1])
    return {**prepared, "mask": tf.tile(mask, [rows, 1]), "values": values}


def samples(task, model, functions):
    """Inputs from the training data (see `kerasapp.export.tflite`)."""
    end = task.tokenizer[0].end_id
    inputs = next(iter(task.training_data()))[0]
    sources, targets = (inputs[name].numpy()[:SAMPLED] for name in ("source", "target_in"))
    sources = [padded(row[(row != 0) & (row != end)], end, LONGEST) for row in sources]
    for source, target in zip(sources, targets, strict=True):
        yield "encode", source
        encoded = run(functions["encode"], source)
        for inputs in every_third(functions["step"], encoded, "ids", target[target != 0]):
            yield "step", inputs
            beams = {name: np.repeat(inputs[name], BEAMS, 0) for name in ("ids", *model.state_names)}
            yield "step_beam", {**inputs, **beams}


def description(task, model):
    """What the metadata have of this task alone."""
    limits = {"source": LONGEST - 1, "target": MOST, "spare": SPARE, "beams": BEAMS}
    most = {"beam_size": BEAMS, "n_best": BEAMS}  # lower than a server's
    knobs = [replace(knob, most=most.get(knob.name, knob.most)) for knob in SPEC.knobs]
    return {"limits": limits, "knobs": [knob.described() for knob in knobs]}


def tokenizers(task):
    """The vocabularies by name."""
    return dict(zip(("source", "target"), task.tokenizer, strict=True))


def vectors(servable):
    """Requests and what a port has to give for them, as JSON values: the ids that `encode` reads, and the
    translations by a greedy search and by `BEAMS` beams."""
    tokenizer = servable.source_tokenizer
    ids = np.random.default_rng(0).integers(4, tokenizer.size, [5, 12])
    texts = sentences.decode(tokenizer, tf.constant(ids, tf.int32), tf.constant([0, 1, 4, 8, 12])).numpy()
    texts = [*texts, " e\u0301 \t\N{SNOWMAN}\r\n".encode()]  # a decomposed accent, an unknown character
    knobs = {knob.name: np.full(len(texts), knob.default) for knob in SPEC.knobs}
    found = []
    read = servable.tokenize(tf.constant(texts))
    for beams in (1, BEAMS):
        knobs["beam_size"] = np.full(len(texts), beams)
        columns = {name: tf.constant(knob, SPEC.knob(name).dtype) for name, knob in knobs.items()}
        answer = servable.translate(tf.constant(texts), **columns)
        for i, text in enumerate(texts):
            outputs = {
                "read": read["ids"][i, : read["lengths"][i]].numpy().tolist(),
                "text": answer["translation"][i].numpy().decode(),
                "score": float(answer["score"][i]),
                "pieces": [piece.decode() for piece in answer["target_tokens"][i].numpy() if piece],
            }
            inputs = {"source": text.decode(), **{name: knob[i].item() for name, knob in knobs.items()}}
            found.append({"inputs": inputs, "outputs": outputs})
    return {"tolerance": {"score": TOLERANCE}, "requests": found}
