"""Runs of `generation` against a discriminator: from another run, stopped and gone on with, used like any."""

import csv
import signal

import keras
import numpy as np
import pytest
from tiny import SMALL

import kerasapp
from kerasapp.cli import run
from kerasapp.training.callbacks import NumberGuard

FLAGS = [
    *SMALL, "--training.adversarial", "true", "--training.context", "6", "--training.rollouts", "2",
    "--training.warmup_steps", "3", "--training.discriminator_steps", "2", "--training.likelihood", "0.5",
    "--training.steps", "12", "--training.steps_per_epoch", "6", "--model.dropout", "0.2",
]  # fmt: skip


def train(folder, text_file, start, *flags):
    words = ["--run", str(folder), "--data.files", str(text_file), "--from", str(start), *FLAGS, *flags]
    return run(["train", "generation", *words])


@pytest.fixture(scope="module")
def adversarial_run(tmp_path_factory, text_file, tiny_run):
    folder = tmp_path_factory.mktemp("runs") / "adversarial"
    assert train(folder, text_file, tiny_run) == 0
    return folder


def weights(folder):
    return keras.models.load_model(folder / "best.keras").get_weights()


def test_it_starts_from_a_run_and_keeps_its_last_model(adversarial_run, tiny_run):
    with (adversarial_run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["best"] for row in rows] == ["True", "True"]
    before, after = (float(row["valid_nats_per_character"]) for row in rows)
    last = kerasapp.load(adversarial_run).evaluate("valid", streams=8)
    assert last["nats_per_character"] == pytest.approx(after, rel=1e-4) and before != after
    start = kerasapp.load(tiny_run).evaluate("valid", streams=8)["nats_per_character"]
    assert abs(before - start) < 0.1  # not from fresh weights, which have 3.5


def test_a_run_that_is_stopped_ends_with_the_weights_of_an_undisturbed_one(
    adversarial_run, tmp_path, text_file, tiny_run, monkeypatch
):
    guard = NumberGuard.on_train_batch_end

    def stop_at_7(self, batch, logs=None):
        guard(self, batch, logs)
        if self.state.step == 7:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(NumberGuard, "on_train_batch_end", stop_at_7)
    assert train(tmp_path / "stopped", text_file, tiny_run) == 130
    monkeypatch.undo()
    assert run(["train", "generation", "--run", str(tmp_path / "stopped")]) == 0
    for a, b in zip(weights(adversarial_run), weights(tmp_path / "stopped"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_a_run_to_start_from_it_ends_with_one_line(tmp_path, text_file, capsys):
    words = ["--run", str(tmp_path / "run"), "--data.files", str(text_file), *FLAGS]
    assert run(["train", "generation", *words]) == 2
    assert capsys.readouterr().err == (
        "error: training.adversarial: name a run trained by likelihood to start from: --from RUN\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--training.context", "16"],
            "training.context: 16 leaves nothing to write of",
        ),
        (["--training.strategy", "mirrored"], "training.strategy: mirrored does not go with"),
        (["--training.patience", "2"], "training.patience: 2 has nothing to wait for"),
        (["--training.warmup_steps", "12"], "training.warmup_steps: 12 is not below training.steps, 12"),
        (["--training.rollouts", "0"], "training.rollouts: 0 is not a whole number of at least 1"),
    ],
)
def test_settings_that_do_not_go_together_are_named(tmp_path, text_file, tiny_run, capsys, flags, message):
    assert train(tmp_path / "run", text_file, tiny_run, *flags) == 2
    assert message in capsys.readouterr().err
