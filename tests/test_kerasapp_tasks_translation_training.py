"""A training of translation: what it writes for TensorBoard, resume, sentences that are too long."""

import csv
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2
from tiny import LETTERS, reversed_words

import kerasapp
from kerasapp import api
from kerasapp.cli import run
from kerasapp.errors import Interrupted
from kerasapp.training import fit as training
from kerasapp.training.schedule import Schedule


def small_task(pairs, **training_keys):
    return kerasapp.Translation(
        data={"pairs": str(pairs), "tokenizer": "characters", "split": (0.9, 0, 0.1)},
        model={"units": 8, "embedding_size": 4, "cell": "gru", "recurrent_dropout": 0.1},
        training={"batch_size": 16, "steps": 12, "steps_per_epoch": 10, "average": 0.9, **training_keys},
    )


@pytest.fixture
def some_pairs(tmp_path):
    """120 pairs, each the only one with its number."""
    sources = [" ".join(LETTERS[(i * k) % 8] for k in range(3, 8)) + f" {i}" for i in range(120)]
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{reversed_words(source)}\n" for source in sources))
    return path


def test_tensorboard_has_figures_translations_and_alignments_of_each_epoch(reversal_run):
    values = {}
    for path in (reversal_run / "logs").iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                values.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor)
    with (reversal_run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    tags = {"valid/bleu", "valid/nats_per_token", "translations", *(f"alignment/{i}" for i in range(3))}
    assert tags | {"loss/train", "learning_rate"} <= set(values)
    assert all(list(values[tag]) == steps for tag in tags)
    np.testing.assert_allclose(list(values["valid/bleu"].values()), [float(r["valid_bleu"]) for r in rows])
    assert values["valid/bleu"][steps[-1]] == pytest.approx(100)

    table = values["translations"][steps[-1]].item().decode().splitlines()
    assert table[0] == "| source | translation | reference |" and len(table) == 2 + 8
    for line in table[2:]:
        source, translation, reference = (cell.strip() for cell in line.strip("|").split("|"))
        assert translation == reference == reversed_words(source)
    width, height, picture = values["alignment/0"][steps[-1]].tolist()
    assert tf.io.decode_png(picture).shape == (int(height), int(width), 3)


def test_a_run_stopped_and_resumed_ends_with_the_weights_of_an_undisturbed_one(
    tmp_path, some_pairs, monkeypatch
):
    training.train(small_task(some_pairs), tmp_path / "calm")
    count = Schedule.on_train_batch_end

    def interrupt(schedule, batch, logs=None):
        count(schedule, batch, logs)
        if schedule.state.step == 7:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Schedule, "on_train_batch_end", interrupt)
        with pytest.raises(Interrupted):
            training.train(small_task(some_pairs), tmp_path / "stopped")
    assert training.train(small_task(some_pairs), tmp_path / "stopped").step == 12
    calm, stopped = (keras.models.load_model(tmp_path / name / "best.keras") for name in ("calm", "stopped"))
    for a, b in zip(calm.get_weights(), stopped.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    histories = [
        list(csv.DictReader((tmp_path / name / "history.csv").open())) for name in ("calm", "stopped")
    ]
    for a, b in zip(*histories, strict=True):
        del a["seconds"], b["seconds"]
        assert a == b


def test_without_validation_pairs_nothing_is_validated(some_pairs):
    task = kerasapp.Translation(
        data={"pairs": str(some_pairs), "tokenizer": "characters", "split": (1, 0, 0)},
        training={"steps": 1},
    )
    assert task.validate(None) == {} and task.datasets()[1] is None
    task.summarise(None)


def test_a_sentence_too_long_to_translate_ends_neither_training_nor_evaluation(tmp_path, some_pairs):
    long = " ".join("abc" * 200)  # 1,199 tokens
    for side, text in (("source", f"{long}\na b c\n"), ("target", "a\nc b a\n")):
        (tmp_path / side).write_text(text)
    files = {"valid_source": str(tmp_path / "source"), "valid_target": str(tmp_path / "target")}
    task = kerasapp.Translation(
        data={"pairs": str(some_pairs), "tokenizer": "characters", **files},
        model={"units": 8, "embedding_size": 4},
        training={"steps": 1},
    )
    model = task.serving_model(task.build())
    figures = task.validate(model)
    assert np.isfinite(figures["nats_per_token"])
    translator = task.predictor(task, model, task.serving(model))
    figures = task.evaluate(translator, "valid", beam_size=1, output=tmp_path / "translations")
    assert (tmp_path / "translations").read_text().split("\n")[0] == ""
    assert figures["unfinished"] >= 1 and figures["items"] == 2


def test_joint_subwords_train_from_the_command_line_and_survive_any_sentence(tmp_path, some_pairs):
    words = ["--run", str(tmp_path / "run"), "--data.pairs", str(some_pairs), "--data.vocabulary_size", "300"]
    words += ["--data.joint_vocabulary", "true", "--model.units", "8", "--model.embedding_size", "4"]
    assert run(["train", "translation", *words, "--training.steps", "2"]) == 0
    translator = api.load(tmp_path / "run")
    assert len({tokenizer.fingerprint() for tokenizer in translator.task.tokenizer}) == 1
    keras.utils.set_random_seed(1)  # empties TensorFlow's caches
    odd = ["", "👍🏽 e\u0301", "\0", "中文 a b", b"\xff\xfe", "\u2581a", "a\nb", "a " * 300]
    for sentence, found in zip(odd, translator.translate(odd, beam_size=2), strict=True):
        assert found.text == " ".join(found.text.split())
        assert found.alignment.shape == (len(found.target_tokens), len(found.source_tokens))
        assert (found.source_tokens[-1:] == ["</s>"]) == bool(sentence)
    assert translator.translate(["中文"])[0].source_tokens[:2] == ["▁", "<0xE4>"]
