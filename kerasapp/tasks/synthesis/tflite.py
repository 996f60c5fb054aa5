"""`synthesis` on a phone: the graphs, and what a runtime has to know of them."""

import numpy as np
import tensorflow as tf

from kerasapp.export.tflite_parts import Reader, Table, View, Weights, every_third, nonempty, padded, run
from kerasapp.task import filled
from kerasapp.tasks.synthesis.answers import SPARE
from kerasapp.tasks.synthesis.model import encode, postnet
from kerasapp.tasks.synthesis.model import step as model_step
from kerasapp.tasks.synthesis.spec import SPEC
from pipelines.speech.audio import log_floor
from pipelines.speech.clips import PADDING

LONGEST = 256  # characters of a text, its end among them, at most
CHUNK = 64  # frames that a call of `postnet` refines
SAMPLED = 12  # clips that the ranges of int8 are measured on
RATIO = 0.2  # most seconds per character of a test vector
TOLERANCE = 1e-3  # of float32's log-mels


def signatures(task, model, precision):
    """The functions of the file, one text each.

    encode: "ids" int32 [1, LONGEST] with the end token, "length" int32 [1] -> "keys", "values" and "mask",
        which stay through all steps (except the mask, if the attention has a window), and the
        first states.
    step: "frame" [1, mels], normalised, zeros at first, all that `encode` gives -> "frames" [1, reduction,
        mels], "frame", the last of them, "stop" [1], the probability of the stop token, "alignment" [1,
        LONGEST], states.
    postnet: "frames" [1, CHUNK + 2 * context, mels] of the steps, "count" int32 [1] of them that are there ->
        "mel" of the same shape, log-mels; those that have `context` frames, or an end of the speech, on
        either side are those of the whole speech.
    """
    weights, voice, settings = Weights(model), task.tokenizer, task.config.audio
    view = View(
        model,
        embedding=Table(model.embedding, precision),
        encoder=Reader(model.encoder, weights),
    )

    @tf.function(autograph=False)
    def read(ids, length):
        with weights():
            prepared, states = encode(view, tf.where(tf.sequence_mask(length, LONGEST), ids, 0))
        return nonempty({**prepared, **states})

    @tf.function(autograph=False)
    def step(frame, **inputs):
        states = {name: inputs.pop(name) for name in model.state_names}
        with weights():
            frames, stop, alignment, states = model_step(view, frame, states, inputs)
        found = {"frames": frames, "frame": frames[:, -1], "stop": tf.sigmoid(stop)}
        return {**found, "alignment": alignment, **states}

    @tf.function(autograph=False)
    def refine(frames, count):
        mask = tf.sequence_mask(count, frames.shape[1], tf.float32)
        with weights():
            mel = postnet(model, frames, mask)
        mel = mel * tf.constant(voice.deviation) + tf.constant(voice.mean)
        return {"mel": tf.where(mask[:, :, tf.newaxis] > 0, mel, log_floor(settings))}

    encoder = read.get_concrete_function(
        tf.TensorSpec([1, LONGEST], tf.int32, "ids"), tf.TensorSpec([1], tf.int32, "length")
    )
    specs = {key: tf.TensorSpec(out.shape, out.dtype, key) for key, out in encoder.structured_outputs.items()}
    frames = tf.TensorSpec([1, CHUNK + 2 * context(model), model.mels], tf.float32, "frames")
    return {
        "encode": encoder,
        "step": step.get_concrete_function(tf.TensorSpec([1, model.mels], tf.float32, "frame"), **specs),
        "postnet": refine.get_concrete_function(frames, tf.TensorSpec([1], tf.int32, "count")),
    }


def context(model):
    """Frames on either side that a frame of the postnet depends on."""
    return model.settings["postnet_layers"] * (model.settings["postnet_width"] // 2)


def samples(task, model, functions):
    """Inputs from the training data (see `kerasapp.export.tflite`)."""
    end = task.tokenizer.tokenizer.end_id
    given, wanted = next(iter(task.training_data()))
    texts, mels, outs = (x.numpy()[:SAMPLED] for x in (given["tokens"], given["mel_in"], wanted["mel_out"]))
    for text, mel, out in zip(texts, mels, outs, strict=True):
        text = padded(text[(text != 0) & (text != end)], end, LONGEST)
        yield "encode", text
        encoded = run(functions["encode"], text)
        for inputs in every_third(functions["step"], encoded, "frame", mel[mel[:, 0] > PADDING / 2]):
            yield "step", inputs
        frames = np.zeros([1, CHUNK + 2 * context(model), model.mels], np.float32)
        out = out[out[:, 0] > PADDING / 2][: frames.shape[1]]
        frames[0, : len(out)] = out
        yield "postnet", {"frames": frames, "count": np.array([len(out)], np.int32)}


def description(task, model):
    """What the metadata have of this task alone."""
    audio, voice = task.config.audio, task.tokenizer
    names = ("sample_rate", "window", "hop", "fft_size", "mels", "f_min", "floor_db")
    names += ("griffin_lim_iterations", "griffin_lim_momentum")
    return {
        "limits": {"text": LONGEST - 1, "spare_seconds": SPARE},
        "reduction": model.reduction,
        "postnet_context": context(model),
        "cleaning": {"language": task.config.data.language},
        "audio": {**{name: getattr(audio, name) for name in names}, "f_max": audio.f_top},
        "mel": {"mean": voice.mean, "deviation": voice.deviation, "floor": log_floor(audio)},
    }


def tokenizers(task):
    """The vocabularies by name."""
    return {"vocabulary": task.tokenizer.tokenizer}


def vectors(servable):
    """Requests and what a port has to give for them, as JSON values: the ids that `encode` reads, and of the
    log-mels each frame's mean and the whole of three frames."""
    size = servable.tokenizer.size
    ids = np.random.default_rng(0).integers(4, size, [3, 24])
    texts = servable.tokenizer.decode(tf.constant(ids, tf.int32), tf.constant([3, 9, 24]))
    texts = [*texts.numpy(), "Mr. e\u0301 \N{SNOWMAN} $3.50, 21st".encode()]  # cleaned, and partly unknown
    texts = [text for text in texts if servable.tokenize(tf.constant([text]))["lengths"][0] > 1]
    found = []
    for text in texts:
        columns = {name: knob[:1] for name, knob in filled(SPEC.knobs, tf.constant([text])).items()}
        columns["max_ratio"] = tf.constant([RATIO])
        spoken = servable.spectrogram(tf.constant([text]), **columns)
        mel, frames = spoken["mel"].numpy()[0], int(spoken["frames"][0])
        shown = sorted({0, frames // 2, frames - 1})
        outputs = {
            "read": servable.tokenize(tf.constant([text]))["ids"].numpy()[0].tolist(),
            "frames": frames,
            "stop_reason": spoken["stop_reason"].numpy()[0].decode(),
            "frame_means": mel.mean(axis=1).tolist(),
            "mel": {str(i): mel[i].tolist() for i in shown},
        }
        found.append({"inputs": {"text": text.decode(), "max_ratio": RATIO}, "outputs": outputs})
    return {"tolerance": {"mel": TOLERANCE}, "requests": found}
