"""What a run writes for people: TensorBoard's curves beside history.csv."""

import csv

import pytest
import tensorflow as tf
from dense_task import DenseTask
from tensorflow.core.util import event_pb2

from kerasapp.training.fit import train
from kerasapp.training.schedule import learning_rate


def curves(run):
    """The points of TensorBoard's curves: name -> {step: value}."""
    found = {}
    for file in (run / "logs").iterdir():
        for record in tf.data.TFRecordDataset(str(file)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor).item()
    return found


def test_curves_have_the_rate_and_the_loss_of_their_step(tmp_path):
    task = DenseTask([3.0, 2.0], steps=40, steps_per_epoch=20)
    train(task, tmp_path / "run")
    found = curves(tmp_path / "run")
    with (tmp_path / "run" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["20", "40"]
    assert found.keys() == {"learning_rate", "loss/train", "valid/error"}
    assert found["valid/error"] == {20: 3.0, 40: 2.0}
    for row in rows:  # points and epochs come every 20 steps here
        step = int(row["step"])
        rate = learning_rate(step / 40, task.config.training)
        assert found["learning_rate"][step] == pytest.approx(rate, rel=1e-5) == float(row["learning_rate"])
        assert found["loss/train"][step] == pytest.approx(float(row["loss"]), rel=1e-5)
