"""Synthesis by a tiny model: the same speech alone and in any batch, always an end, figures, bad input."""

import dataclasses
import io

import contract
import numpy as np
import pytest
import soundfile
import tensorflow as tf

import kerasapp
from kerasapp.errors import ConfigError
from kerasapp.tasks.synthesis.servable import LONGEST, SPARE
from kerasapp.tasks.synthesis.spec import SPEC

DTYPES = {name: tf.int32 if isinstance(value, int) else tf.float32 for name, value in SPEC.defaults.items()}


@pytest.fixture(scope="module")
def synthesizer(speech_run):
    return kerasapp.load(speech_run)


def answer(synthesizer, texts, knobs):
    """All outputs of the servable."""
    tensors = {name: tf.constant(knobs[name], dtype) for name, dtype in DTYPES.items()}
    return {
        name: value.numpy()
        for name, value in synthesizer.servable.synthesize(tf.constant(texts), **tensors).items()
    }


def test_speech_is_the_same_alone_in_any_batch_and_at_any_padding(synthesizer):
    rng = np.random.default_rng(5)
    for _ in range(2):
        rows = int(rng.integers(3, 6))
        texts = [
            "".join(rng.choice(list("abcdefghxyz "), int(rng.integers(1, 12)))) + "a" for _ in range(rows)
        ]
        knobs = {
            "max_ratio": rng.choice([0.0, 0.05, 0.1], rows).tolist(),
            "stop_threshold": rng.choice([0.3, 0.5, 1.0], rows).tolist(),
            "window": rng.choice([0, 1, 3], rows).tolist(),
            "prenet_dropout": rng.choice([0.0, 0.5], rows).tolist(),
            "seed": rng.integers(0, 9, rows).tolist(),
        }
        together = answer(synthesizer, texts, knobs)
        for i, text in enumerate(texts):
            alone = answer(synthesizer, [text], {name: values[i : i + 1] for name, values in knobs.items()})
            for name, values in alone.items():
                row = together[name][i : i + 1]
                own = row[tuple(slice(size) for size in values.shape)]
                if name == "audio_bytes":
                    wave, other = (soundfile.read(io.BytesIO(file[0]))[0] for file in (own, values))
                    np.testing.assert_allclose(wave, other, rtol=1e-2, atol=2e-3, err_msg=name)
                elif name == "waveform":  # Griffin-Lim makes more of a last bit
                    np.testing.assert_allclose(own, values, rtol=1e-2, atol=1e-3, err_msg=name)
                elif name == "mel":
                    np.testing.assert_allclose(own, values, rtol=1e-4, atol=1e-4, err_msg=name)
                elif values.dtype == np.float32:
                    np.testing.assert_allclose(own, values, rtol=1e-3, atol=1e-4, err_msg=name)
                else:
                    np.testing.assert_array_equal(own, values, err_msg=name)


def test_every_answer_ends_and_says_why(synthesizer):
    by_cap, by_token = synthesizer.synthesize(["abc", "abc"], stop_threshold=[1.0, 0.0], max_ratio=0.1)
    assert (by_cap.stop_reason, by_token.stop_reason) == ("cap", "stop_token")
    step = 2 * 0.0125  # seconds
    assert by_cap.seconds == pytest.approx(3 * 0.1 + SPARE, abs=step)
    assert by_token.seconds == pytest.approx(step)
    for speech in (by_cap, by_token):
        assert len(speech.audio) == round(speech.seconds * speech.sample_rate) == 100 * len(speech.mel)
        assert speech.alignment.shape == (len(speech.stop), 4) and speech.tokens == ["a", "b", "c", "</s>"]
        np.testing.assert_allclose(speech.alignment.sum(axis=1), 1.0, rtol=1e-4)
        assert np.all((speech.stop >= 0) & (speech.stop <= 1)) and np.abs(speech.audio).max() > 0


def test_the_window_holds_the_attention_to_small_steps_forward(synthesizer):
    (speech,) = synthesizer.synthesize(["abcdefgh" * 3], window=1, stop_threshold=1.0)
    places = speech.alignment.argmax(axis=1)
    assert places[0] <= 1 and np.all(np.diff(places) <= 1) and np.all(np.diff(places) >= -1)
    for place, row in zip(places[:-1], speech.alignment[1:], strict=True):
        assert not np.any(np.delete(row, [i for i in (place - 1, place, place + 1) if 0 <= i < len(row)]))


def test_dropout_varies_speech_by_the_seed_alone(synthesizer):
    one, same, other, plain = synthesizer.synthesize(
        ["abc"] * 4, seed=[1, 1, 2, 1], prenet_dropout=[0.5, 0.5, 0.5, 0.0], stop_threshold=1.0
    )
    np.testing.assert_allclose(one.mel, same.mel, rtol=1e-4, atol=1e-4)
    assert np.abs(one.mel - other.mel).max() > 1e-3 and np.abs(one.mel - plain.mel).max() > 1e-3


def test_characters_that_the_model_lacks_are_left_out_and_counted(synthesizer):
    plain, odd = synthesizer.synthesize(["abc", "a👍b?c漢"])
    assert (plain.left_out, odd.left_out) == (0, 3)
    assert odd.tokens == plain.tokens
    np.testing.assert_allclose(odd.mel, plain.mel, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("text", ["", "   ", "\t\n", "👍", "漢字", "\0", "?!"])
def test_a_text_in_which_nothing_can_be_read_is_an_error(synthesizer, text):
    assert synthesizer.check(["abc", text]) == [
        None,
        "has nothing to read aloud: no character that the model knows",
    ]
    with pytest.raises(ValueError, match="text 2 has nothing to read aloud"):
        synthesizer.synthesize(["abc", text])
    with pytest.raises(tf.errors.InvalidArgumentError, match="text: a row has nothing to read aloud"):
        synthesizer.servable.serving_default(tf.constant(["abc", text]))


def test_a_text_that_is_too_long_is_an_error(synthesizer):
    assert synthesizer.check(["a" * LONGEST]) == [None]
    with pytest.raises(ValueError, match="text 1 has 10,000 characters as it is spoken; at most 600"):
        synthesizer.synthesize(["a" * 10_000])
    with pytest.raises(tf.errors.InvalidArgumentError, match="text: a row has more than 600 characters"):
        synthesizer.servable.serving_default(tf.constant(["a" * 10_000]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_ratio", -1.0),
        ("max_ratio", float("nan")),
        ("stop_threshold", 1.5),
        ("window", -1),
        ("prenet_dropout", 0.95),
        ("window", 601),
        ("seed", 0.5),
        ("beam_size", 4),
    ],
)
def test_a_knob_out_of_range_is_an_error(synthesizer, name, value):
    with pytest.raises(ValueError, match=name):
        synthesizer.synthesize(["abc"], **{name: value})
    if name in SPEC.defaults and name != "seed":
        knobs = {**{key: [default] for key, default in SPEC.defaults.items()}, name: [value]}
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name}: must"):
            answer(synthesizer, ["abc"], knobs)


def test_no_texts_have_no_speech(synthesizer):
    assert synthesizer.synthesize([]) == []


def test_long_texts_are_in_smaller_batches(synthesizer):
    done = []
    lengths = [LONGEST, 3, LONGEST, 2, LONGEST, LONGEST, LONGEST]
    texts = ["ab" * (length // 2) + "a" * (length % 2) for length in lengths]
    answers = synthesizer.synthesize(texts, progress=done.append, stop_threshold=0.0)
    assert [len(answer.tokens) - 1 for answer in answers] == lengths
    assert done == pytest.approx([4 / 7, 1.0])  # padding included, no batch has more than 2,400 characters


def test_encode_step_and_postnet_make_the_same_spectrogram(synthesizer):
    signatures = synthesizer.servable.signatures()
    texts = ["abc", "hgfed"]
    tokens = signatures["tokenize"](text=tf.constant(texts))
    assert tokens["lengths"].numpy().tolist() == [4, 6]
    states = dict(signatures["encode"](ids=tokens["ids"], lengths=tokens["lengths"]))
    frames, stops = [], []
    for _ in range(20):
        found = dict(signatures["step"](**states))
        frames.append(found.pop("frames"))
        stops.append(found.pop("stop"))
        found.pop("alignment")
        states |= found
    frames = tf.concat(frames, axis=1)  # [batch, frames, mels]
    mel = signatures["postnet"](frames=frames, count=tf.constant([40, 40]))["mel"].numpy()
    for i, speech in enumerate(synthesizer.synthesize(texts, stop_threshold=1.0, max_ratio=0.0)):
        np.testing.assert_allclose(tf.stack(stops, axis=1)[i], speech.stop[:20], rtol=1e-3, atol=1e-5)
        # The postnet sees frames after the 40th there: compare what is far from them.
        np.testing.assert_allclose(mel[i, :30], speech.mel[:30], rtol=1e-3, atol=1e-3)


def test_the_figures_of_an_evaluation(synthesizer):
    figures = synthesizer.evaluate("valid")
    assert figures["items"] == synthesizer.task.corpus.sizes["valid"] > 0
    for share in ("stopped_by_token", "aligned_utterances", "coverage", "sharpness"):
        assert 0 <= figures[share] <= 1
    for distance in ("mel_l1", "mcd_db", "mel_real_time_factor", "audio_real_time_factor"):
        assert figures[distance] > 0
    assert figures["unread"] == 0
    clips, deviation = synthesizer.task.corpus.split("valid"), np.array(synthesizer.task.tokenizer.deviation)
    mean = np.array(synthesizer.task.tokenizer.mean)
    frames = [np.clip((clips.mel(i) - mean) / deviation, -8, 8) * deviation for i in range(len(clips))]
    assert all(len(f) % 2 == 0 for f in frames)  # otherwise silence fills the last group, and counts
    expected = np.mean(np.concatenate([np.abs(f).mean(axis=1) for f in frames]))
    assert figures["mean_frame_mel_l1"] == pytest.approx(expected, rel=1e-4)
    steps = [np.abs(np.diff(f, axis=0, prepend=np.zeros_like(f[:1]))).mean(axis=1) for f in frames]
    assert figures["last_frame_mel_l1"] == pytest.approx(np.mean(np.concatenate(steps)), rel=1e-4)


def test_a_split_without_clips_is_an_error(synthesizer, speech_run):
    task = kerasapp.Synthesis(
        config=dataclasses.replace(
            synthesizer.task.config,
            data=dataclasses.replace(synthesizer.task.config.data, split=(0.9, 0.1, 0.0)),
        ),
        tokenizer=synthesizer.task.tokenizer,
    )
    with pytest.raises(ConfigError, match="leaves nothing for test"):
        task.evaluate(synthesizer, "test")


def test_an_export_speaks_without_kerasapp(synthesizer, speech_export):
    version = speech_export / "1"
    requests = [
        {
            "signature": "synthesize",
            "inputs": {"text": ["abc"], **{n: [v] for n, v in SPEC.defaults.items()}},
        },
        {"signature": "serving_default", "inputs": {"text": ["abc"]}},
    ]
    spoken, default = contract.answers_without_kerasapp(version, requests)
    (speech,) = synthesizer.synthesize(["abc"])
    assert spoken["stop_reason"] == [speech.stop_reason] and default["sample_rate"] == [8000]
    np.testing.assert_allclose(spoken["mel"][0], speech.mel, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(default["seconds"], [speech.seconds])
    assert set(default) == {"audio_bytes", "sample_rate", "seconds"}
    (again,) = kerasapp.load(speech_export).synthesize(["abc"])
    np.testing.assert_array_equal(again.mel, speech.mel)
