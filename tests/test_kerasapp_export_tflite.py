"""Files for phones: built-in operations alone, the answers of the servable, states of their own."""

import dataclasses
import functools
import os

import numpy as np
import pytest
import tensorflow as tf
from tflite_signatures import opened, padded, zeros

import kerasapp
from kerasapp.cli import run
from kerasapp.errors import ConfigError
from kerasapp.export import tflite, tflite_worker
from kerasapp.export.tflite_file import operations, require_builtin
from kerasapp.tasks.generation.model import step as model_step

PRECISIONS = ("float32", "float16", "dynamic", "int8")
# What a number of an answer may be off, relative to the largest one, after one call of a signature.
LOSS = {"float32": 1e-5, "float16": 5e-3, "dynamic": 0.1, "int8": 0.15}


# === Built-in operations ===


def test_a_graph_that_needs_flex_is_refused():
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(tf.linalg.det).get_concrete_function(tf.TensorSpec([3, 3]))]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    content = converter.convert()
    assert "custom FlexMatrixDeterminant" in operations(content)
    with pytest.raises(ConfigError, match="--tflite float32: FlexMatrixDeterminant would need Flex"):
        require_builtin(content, "--tflite float32")


@pytest.mark.parametrize("bundle", ["tiny_bundle", "reversal_bundle", "speech_bundle"])
def test_no_file_has_another_operation(bundle, request):
    bundle = request.getfixturevalue(bundle)
    for precision in PRECISIONS:
        found = require_builtin((bundle / f"{precision}.tflite").read_bytes(), precision)
        assert "FULLY_CONNECTED" in found and "VAR_HANDLE" not in found


# === Each precision answers ===


def largest_error(found, expected):
    """Of all numbers of two answers, relative to the largest of its output."""
    assert found.keys() == expected.keys()
    return max(
        np.abs(found[name] - expected[name]).max() / max(np.abs(expected[name]).max(), 1e-3) for name in found
    )


def example(signature, memory):
    """Inputs of a signature: five letters, what was encoded of them, else small random numbers."""
    draw, inputs = np.random.default_rng(0), {}
    for name, detail in signature.get_input_details().items():
        shape = tuple(detail["shape"])
        if name in memory:
            inputs[name] = np.repeat(memory[name], shape[0] // len(memory[name]), axis=0)
        elif name == "ids":
            inputs[name] = np.resize(np.array([4, 5, 6, 7, 3], "int32"), shape)
        elif name in ("length", "count"):
            inputs[name] = np.array([5], "int32")
        else:
            inputs[name] = draw.uniform(-0.3, 0.3, shape).astype("float32")
    return inputs


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("bundle", ["tiny_bundle", "reversal_bundle", "speech_bundle"])
def test_each_precision_answers_nearly_as_float32(bundle, precision, request):
    bundle = request.getfixturevalue(bundle)
    exact, signatures = opened(bundle), opened(bundle, precision)
    assert signatures.keys() == exact.keys()
    memory = exact["encode"](**example(exact["encode"], {})) if "encode" in exact else {}
    for name, signature in signatures.items():
        inputs = example(signature, memory)
        found, expected = signature(**inputs), exact[name](**inputs)
        if name == "encode":  # what lies beyond the text is anything
            found, expected = ({k: v[:, :5] for k, v in answer.items()} for answer in (found, expected))
        assert largest_error(found, expected) < LOSS[precision], name


# === The answers of the servable ===


def greedy(signatures, ids, length, never=4):
    """The likeliest ids after `ids`, and the states at the end."""
    prefill, step = signatures["prefill"], signatures["step"]
    states = zeros(step)
    room = prefill.get_input_details()["ids"]["shape"][1]
    for start in range(0, len(ids), room):
        part = ids[start : start + room]
        states = prefill(ids=padded(part, room), length=np.array([len(part)], "int32"), **states)
        logits = states.pop("logits")
    found = []
    for _ in range(length):
        found.append(never + int(logits[0, never:].argmax()))
        states = step(ids=np.array(found[-1:], "int32"), **states)
        logits = states.pop("logits")
    return found


def test_generation_is_the_servables(tiny_bundle, tiny_run):
    generator, signatures = kerasapp.load(tiny_run), opened(tiny_bundle)
    tokenizer = generator.servable.tokenizer
    for prompt in ("", "ROMEO:", "人生如梦，" * 30):  # the last one of three chunks
        ids = [tokenizer.line_break_id, *tokenizer.encode(tf.constant([prompt])).to_list()[0]]
        found = greedy(signatures, ids, 60)
        text = tokenizer.decode(tf.constant([found]), tf.constant([60])).numpy()[0].decode()
        assert text == generator.generate([prompt], length=60, temperature=0.0)[0]


def translated(signatures, ids, most, never=3):
    """The likeliest ids for a source, without the end."""
    room = signatures["encode"].get_input_details()["ids"]["shape"][1]
    inputs = signatures["encode"](ids=padded(ids, room), length=np.array([len(ids)], "int32"))
    found, token = [], 2
    while len(found) < most:
        answer = signatures["step"](ids=np.array([token], "int32"), **inputs)
        token = never + int(answer["logits"][0, never:].argmax())
        if token == 3:
            break
        found.append(token)
        inputs |= {name: answer[name] for name in inputs if name in answer}
    return found


def test_translations_are_the_servables(reversal_bundle, reversal_run):
    translator, signatures = kerasapp.load(reversal_run), opened(reversal_bundle)
    source, target = translator.servable.source_tokenizer, translator.servable.target_tokenizer
    draw = np.random.default_rng(1)
    texts = [" ".join(draw.choice(list("abcdefgh"), size)) for size in (1, 3, 4, 5, 6, 7, 8, 8, 14, 30)]
    expected = [answer.text for answer in translator.translate(texts, beam_size=1)]
    for text, answer in zip(texts, expected, strict=True):
        ids = [*source.encode(tf.constant([text])).to_list()[0], source.end_id]
        found = translated(signatures, ids, 2 * (len(ids) - 1) + 10)
        text = target.decode(tf.constant([found], tf.int32), tf.constant([len(found)])).numpy()[0].decode()
        assert text.split() == answer.split()


def test_rows_of_beams_are_those_of_single_steps(reversal_bundle):
    signatures = opened(reversal_bundle)
    room = signatures["encode"].get_input_details()["ids"]["shape"][1]
    memory = signatures["encode"](ids=padded([5, 4, 6, 4, 7, 3], room), length=np.array([6], "int32"))
    beam = signatures["step_beam"].get_input_details()
    draw, rows = np.random.default_rng(2), beam["ids"]["shape"][0]
    several = {  # the states have a row for each beam, what is prepared of the sentence has one
        name: draw.uniform(0, 0.2, detail["shape"]).astype("float32")
        for name, detail in beam.items()
        if name not in ("ids", "keys", "values", "mask")
    }
    ids = np.arange(4, 4 + rows, dtype="int32")
    together = signatures["step_beam"](ids=ids, **{**memory, **several})
    for i in range(rows):
        own = {name: value[i : i + 1] for name, value in several.items()}
        alone = signatures["step"](ids=ids[i : i + 1], **{**memory, **own})
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][i : i + 1], value, atol=1e-5)


def test_speech_is_the_servables(speech_bundle, speech_run):
    synthesizer, signatures = kerasapp.load(speech_run), opened(speech_bundle)
    text, context = "abgh" * 9, 4  # the postnet has two layers of width 5: two frames each, on either side
    ids = synthesizer.servable.tokenize(tf.constant([text]))["ids"].numpy()[0].tolist()
    room = signatures["encode"].get_input_details()["ids"]["shape"][1]
    inputs = signatures["encode"](ids=padded(ids, room), length=np.array([len(ids)], "int32"))
    inputs |= zeros(signatures["step"], "frame")
    speech = synthesizer.synthesize([text], max_ratio=0.05, stop_threshold=1.0)[0]
    frames = []
    for _ in range(len(speech.mel) // 2):
        answer = signatures["step"](**inputs)
        frames.append(answer["frames"][0])
        inputs |= {name: answer[name] for name in inputs if name in answer}
    frames = np.concatenate(frames)  # [frames, mels]
    window = signatures["postnet"].get_input_details()["frames"]["shape"][1]
    assert len(frames) > window  # several windows
    mel, done = [], 0
    while done < len(frames):
        start = max(0, done - context)
        part = frames[start : start + window]
        inputs = {"frames": np.pad(part, [[0, window - len(part)], [0, 0]])[None]}
        refined = signatures["postnet"](count=np.array([len(part)], "int32"), **inputs)
        end = len(frames) if start + window >= len(frames) else start + window - context
        mel.append(refined["mel"][0, done - start : end - start])
        done = end
    np.testing.assert_allclose(np.concatenate(mel), speech.mel, atol=1e-3)


# === States ===


def test_a_thousand_steps_do_not_drift_from_keras(tiny_bundle, tiny_run):
    model = kerasapp.load(tiny_run).model
    keras_step, step = tf.function(functools.partial(model_step, model)), opened(tiny_bundle)["step"]
    expected, found = ({name: tf.zeros([1, model.units]) for name in model.state_names}, zeros(step))
    for token in np.random.default_rng(0).integers(4, model.vocabulary_size, [1000, 1]).astype("int32"):
        (logits, expected), found = keras_step(token, expected), step(ids=token, **found)
        np.testing.assert_allclose(found.pop("logits"), logits, atol=1e-4)


def test_interpreters_side_by_side_and_one_after_the_other_share_no_state(speech_bundle, tiny_bundle):
    def encoded(signatures, ids):
        room = signatures["encode"].get_input_details()["ids"]["shape"][1]
        return signatures["encode"](ids=padded(ids, room), length=np.array([len(ids)], "int32"))

    first, second = opened(speech_bundle), opened(speech_bundle)
    texts = [5, 6, 7, 3], [9, 8, 4, 4, 6, 3]
    expected = [encoded(opened(speech_bundle), ids) for ids in texts]
    for _ in range(2):  # some operations of TensorFlow Lite write over the states that they are given
        for signatures, ids, answer in ((first, texts[0], 0), (second, texts[1], 1), (first, texts[1], 1)):
            for name, value in encoded(signatures, ids).items():
                np.testing.assert_array_equal(value, expected[answer][name])

    one, other = opened(tiny_bundle), opened(tiny_bundle)
    prompts = [4, 5, 6], [7, 8, 9, 10]
    alone = [greedy(opened(tiny_bundle), prompt, 5) for prompt in prompts]
    assert [greedy(one, prompts[0], 5), greedy(other, prompts[1], 5), greedy(one, prompts[1], 5)] == [
        *alone,
        alone[1],
    ]


# === A converter that crashes ===


def test_a_crash_of_the_converter_is_an_error_that_names_it(tmp_path, tiny_run, monkeypatch, capsys):
    worker = tmp_path / "worker.py"
    worker.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(tflite_worker, "__file__", str(worker))
    folder = tmp_path / "models"
    assert run(["export", str(tiny_run), "--to", str(folder), "--tflite", "dynamic"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error == (
        "error: --tflite dynamic, generation with lstm: TensorFlow's converter crashed (SIGSEGV)"
    )
    assert os.listdir(folder / "tiny") == []


def test_a_task_whose_bundle_nobody_could_ask_is_refused_before_it_is_converted(tmp_path, monkeypatch):
    task = kerasapp.Generation(preset="tinyshakespeare")
    known = task.described()
    without = dataclasses.replace(known, modules={**known.modules})
    del without.modules["phone"]
    monkeypatch.setattr(type(task), "described", lambda _: without)
    monkeypatch.setattr(tflite, "run_converter", lambda *_: pytest.fail("it was converted"))
    with pytest.raises(ConfigError, match="generation has no phone"):
        tflite.convert(task, None, ["float32"], tmp_path)


def test_what_the_converter_refuses_is_an_error_with_its_words(tmp_path, monkeypatch):
    worker = tmp_path / "worker.py"
    worker.write_text("raise ValueError('no such form')")
    monkeypatch.setattr(tflite_worker, "__file__", str(worker))
    function = tf.function(lambda x: {"y": x + 1}).get_concrete_function(tf.TensorSpec([1], name="x"))
    with pytest.raises(
        ConfigError, match="--tflite int8, a graph: TensorFlow's converter failed: ValueError: no such form"
    ):
        tflite.run_converter({"int8": ({"f": function}, ())}, "a graph")
