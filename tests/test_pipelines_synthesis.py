"""Batches of clips: order, limits, padding, guide and masks."""

import numpy as np
import pytest
import tensorflow as tf
from clip_folders import AUDIO, write_clips

from pipelines.speech.clips import PADDING
from pipelines.synthesis import prepare, steps_per_pass, training_batches, validation_batches

LIMITS = {"reduction": 3, "batch_frames": 500, "batch_size": 9}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """60 training clips of 48 to 96 frames."""
    folder = tmp_path_factory.mktemp("batches")
    corpus = prepare(
        directory=write_clips(folder / "data", 60), settings=AUDIO, cache=folder, split=(1, 0, 0)
    )
    return corpus.split("train")


def take(dataset, count):
    """[(inputs and targets by name), ...] as NumPy arrays."""
    return [{n: a.numpy() for n, a in {**x, **y}.items()} for x, y in dataset.take(count)]


def same(batches, others):
    return len(batches) == len(others) and all(
        one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)
        for one, two in zip(batches, others, strict=True)
    )


def fingerprints(batches):
    """A clip of a batch, told by its tokens and its first frames."""
    return [
        (tuple(row[row > 0].tolist()), mel[:3].tobytes())
        for batch in batches
        for row, mel in zip(batch["tokens"], batch["mel_out"], strict=True)
    ]


def test_each_pass_has_every_clip_once(clips):
    steps = steps_per_pass(clips, **LIMITS)
    batches = take(training_batches(clips, seed=0, **LIMITS), 2 * steps)
    first, second = fingerprints(batches[:steps]), fingerprints(batches[steps:])
    assert len(set(first)) == len(first) == 60 and set(second) == set(first) and second != first


def test_batches_keep_to_their_limits(clips):
    steps = steps_per_pass(clips, **LIMITS)
    odd, real = 0, []
    for batch in take(training_batches(clips, seed=0, **LIMITS), steps):
        rows, frames, mels = batch["mel_out"].shape
        assert rows <= 9 and rows * frames <= 500 and mels == 6
        assert batch["mel_in"].shape == (rows, frames // 3, 6) and batch["stop"].shape == (rows, frames // 3)
        assert (batch["stop"][:, -1] != PADDING).any() and batch["tokens"][
            :, -1
        ].any()  # no wider than needed
        odd += rows > 1 and rows % 2
        real.append((batch["stop"] != PADDING).ravel())
    assert odd <= 1
    assert 0 < 1 - np.mean(np.concatenate(real)) < 0.25


@pytest.mark.parametrize("start", [1, 13, 40])
def test_training_batches_are_a_function_of_seed_and_step(clips, start):
    settings = {**LIMITS, "guide_steps": 30, "time_mask": 4, "frequency_mask": 2}
    whole = take(training_batches(clips, seed=1, **settings), start + 3)
    assert same(whole[start:], take(training_batches(clips, seed=1, start_step=start, **settings), 3))
    assert not same(whole[start:], take(training_batches(clips, seed=2, start_step=start, **settings), 3))


def test_the_guide_fades_out(clips):
    batches = take(training_batches(clips, seed=0, guide_steps=4, **LIMITS), 6)
    full = take(training_batches(clips, seed=0, guide_steps=10**9, **LIMITS), 6)
    for step, (batch, whole) in enumerate(zip(batches, full, strict=True)):
        weight = max(0, 1 - step / 4)
        np.testing.assert_allclose(batch["alignment"], weight * whole["alignment"], atol=1e-6)
    assert not take(training_batches(clips, seed=0, **LIMITS), 1)[0]["alignment"].any()


def test_masks_hide_a_block_of_the_input_alone(clips):
    plain = take(training_batches(clips, seed=0, **LIMITS), 8)
    hidden = take(training_batches(clips, seed=0, time_mask=5, frequency_mask=2, **LIMITS), 8)
    shares = []
    for one, two in zip(plain, hidden, strict=True):
        assert same([{**one, "mel_in": 0}], [{**two, "mel_in": 0}])
        changed = one["mel_in"] != two["mel_in"]
        assert (two["mel_in"][changed] == 0).all()  # the mean
        assert not changed[one["mel_in"] == PADDING].any()
        for row in changed:
            steps, channels = row.all(1), row[1:].all(0)
            assert row.any(1).sum() == 0 or (steps.sum() <= 5 and channels.sum() <= 2)
        shares.append(changed.mean())
    assert 0.02 < np.mean(shares) < 0.6


def test_validation_goes_once_over_all_clips_longest_first(clips):
    batches = take(validation_batches(clips, **LIMITS), -1)
    assert same(batches, take(validation_batches(clips, **LIMITS), -1))
    prints = fingerprints(batches)
    assert len(set(prints)) == len(prints) == 60
    widths = [batch["mel_out"].shape[1] for batch in batches]
    assert widths == sorted(widths, reverse=True)
    for batch in batches:
        rows, frames, _ = batch["mel_out"].shape
        assert rows <= 9 and rows * frames <= 500 and not batch["alignment"].any()


def test_the_shapes_of_elements_are_known(clips):
    expected = {"tokens": 2, "mel_in": 3, "mel_out": 3, "stop": 2, "alignment": 3}
    for dataset in (
        training_batches(clips, seed=0, time_mask=2, **LIMITS),
        validation_batches(clips, **LIMITS),
    ):
        inputs, targets = dataset.element_spec
        specs = {**inputs, **targets}
        assert {name: len(spec.shape) for name, spec in specs.items()} == expected
        assert specs["mel_in"].shape[2] == specs["mel_out"].shape[2] == 6
        assert specs["tokens"].dtype == tf.int32
