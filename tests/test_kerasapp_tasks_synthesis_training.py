"""Synthesis in training: texts that cannot be read, logs, the files that a voice is made of, the card."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

import kerasapp
from kerasapp.errors import ConfigError
from kerasapp.tasks.synthesis import task as synthesis
from kerasapp.tasks.synthesis.answers import Speech
from pipelines.errors import DataError


def logged(folder):
    """All of TensorBoard's values of a folder: tag -> {step: value}."""
    values = {}
    for file in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                values.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor)
    return values


@pytest.fixture
def synthesizer(speech_run):
    return kerasapp.load(speech_run)


def with_texts(monkeypatch, synthesizer, change):
    """The synthesizer's corpus with validation texts that `change` makes of them."""
    corpus = synthesizer.task.corpus
    texts = change(corpus.texts("valid"))
    monkeypatch.setattr(type(corpus), "texts", lambda self, split: texts)
    return texts


def test_texts_that_cannot_be_read_count_as_not_stopped_and_not_aligned(monkeypatch, synthesizer, tmp_path):
    task = synthesizer.task
    texts = with_texts(monkeypatch, synthesizer, lambda texts: ["漢", "a" * 601, *texts[2:]])
    assert len(texts) == 3
    monkeypatch.setattr(task, "_serving_model", synthesizer.model, raising=False)
    good = Speech(*[None] * len(Speech._fields))._replace(
        mel=task.corpus.split("valid").mel(2), stop_reason="stop_token", aligned=True, coverage=1.0,
        backward_steps=0, sharpness=0.5, seconds=0.3, audio=np.zeros(2400, np.float32), sample_rate=8000,
        alignment=np.ones([2, 2], np.float32), tokens=["a", "</s>"], stop=np.ones(2, np.float32),
    )  # fmt: skip
    monkeypatch.setattr(synthesis.Synthesizer, "synthesize", lambda self, given, **knobs: [good] * len(given))
    figures = synthesizer.evaluate("valid")
    assert (figures["unread"], figures["items"]) == (2, 3)
    assert figures["stopped_by_token"] == figures["aligned_utterances"] == pytest.approx(1 / 3)
    assert (figures["coverage"], figures["sharpness"], figures["mel_l1"]) == (1.0, 0.5, 0.0)
    assert task.validate(synthesizer.model)["aligned_utterances"] == pytest.approx(1 / 3)
    with tf.summary.create_file_writer(str(tmp_path)).as_default(7):
        task.summarise(synthesizer.model)
    sounds = {"speech/0_recording", "speech/1_recording", "speech/2_recording", "speech/2_synthesised"}
    assert set(logged(tmp_path)) == {*sounds, "speech/2"}


def test_a_split_in_which_nothing_can_be_read_is_an_error(monkeypatch, synthesizer):
    with_texts(monkeypatch, synthesizer, lambda texts: ["漢"] * len(texts))
    with pytest.raises(DataError, match="none of the 3 texts of valid can be read"):
        synthesizer.evaluate("valid")


def test_speech_of_three_to_six_seconds_is_timed_where_there_is_such(monkeypatch, synthesizer):
    seconds = dict(zip("abcdefgh", [1.0, 3.0, 5.0, 7.0, 2.0, 6.0, 6.1, 4.0], strict=True))
    answers = [Speech(*[None] * len(Speech._fields))._replace(seconds=s) for s in seconds.values()]
    assert synthesis._timed([*seconds, "i"], [*answers, None]) == ["b", "c", "f", "h"]
    assert synthesis._timed(["a", "d", "i"], [answers[0], answers[3], None]) == ["a", "d"]


def test_the_real_time_factors_say_how_long_the_speech_was(synthesizer):
    factors = synthesizer.real_time_factors(["abc", "abcdefgh"])
    lasted = [speech.seconds for speech in synthesizer.synthesize(["abc", "abcdefgh"])]
    assert factors.pop("timed_seconds") == pytest.approx(np.mean(lasted))
    assert set(factors) == {"mel_real_time_factor", "audio_real_time_factor"}
    assert min(factors.values()) > 0


def test_the_logs_have_the_parts_of_the_loss_and_recordings_beside_what_is_synthesised(speech_run):
    values = logged(speech_run / "logs")
    names = ("mel_out", "stop", "alignment")
    steps = values["loss/train"]
    assert steps
    for step, total in steps.items():
        parts = [values[f"loss/train_{name}"][step] for name in names]
        assert all(part > 0 for part in parts) and np.sum(parts) == pytest.approx(total, rel=1e-3)
    players = {tag for tag in values if tag.startswith("speech/")}
    shown = {f"speech/{row}{kind}" for row in range(3) for kind in ("", "_recording", "_synthesised")}
    assert players == shown


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        ("{", "not a file of mel statistics"),
        ("[1, 2]", "not a file of mel statistics"),
        ('{"mean": [0.0]}', "not a file of mel statistics"),
        ('{"mean": 1.0, "deviation": 1.0}', "not a file of mel statistics"),
        ('{"mean": [0.0, 1.0], "deviation": [1.0]}', "a deviation above 0, for each"),
        ('{"mean": [], "deviation": []}', "a deviation above 0, for each"),
        ('{"mean": [0.0], "deviation": [0.0]}', "a deviation above 0, for each"),
        ('{"mean": [NaN], "deviation": [1.0]}', "a deviation above 0, for each"),
        ('{"mean": [0.0], "deviation": [1.0]}', "1 mel channels, and audio.mels is 20"),
    ],
)
def test_damaged_statistics_are_named(speech_run, tmp_path, content, words):
    run = shutil.copytree(speech_run, tmp_path / "run")
    file = run / "statistics.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises((DataError, ConfigError)) as error:
        kerasapp.load(run)
    assert "statistics.json" in str(error.value) and words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_voice_is_the_same_after_saving(speech_run, tmp_path):
    voice = kerasapp.Synthesis.load_tokenizer(speech_run)
    voice.save(tmp_path)
    again = kerasapp.Synthesis.load_tokenizer(tmp_path)
    assert again[1:] == voice[1:] and again.tokenizer.fingerprint() == voice.tokenizer.fingerprint()
    assert json.loads((tmp_path / "statistics.json").read_text()).keys() == {"mean", "deviation"}


def test_the_card_tells_the_versions_of_what_reads_sound(speech_export):
    card = (speech_export / "1" / "assets.extra" / "kerasapp" / "model_card.md").read_text("utf-8")
    for package in ("tensorflow-io", "soundfile", "soxr", "num2words"):
        assert f"| {package} |" in card
