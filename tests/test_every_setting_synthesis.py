"""Every setting of `synthesis` acts: one row or more per field of its configuration."""

import contextlib

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from settings import (
    Row,
    Table,
    batches,
    becomes,
    characters_gained,
    first_inputs,
    grows,
    kept_in_cache,
    losses,
    noise,
    only_after,
    outputs,
    parameters,
    refuses_unknown,
)

import kerasapp
from pipelines.errors import DataError

RATE, CLIPS = 2000, 10
NEPERS = np.log(10) / 20  # nats of a decibel


def write(folder, octave):
    """Clips of 0.45 to 0.6 s of sound, of which each is louder than the one before, between quiet ends; and
    a table that has one clip more."""
    (folder / "wavs").mkdir(parents=True)
    for i in range(CLIPS):
        time = np.arange(round((0.45 + i / 60) * RATE)) / RATE
        ends = 1e-4 * np.random.default_rng(i).normal(size=300)
        tone = 0.02 * (i + 2) * np.sin(2 * np.pi * (100 * octave + 10 * i) * time)
        soundfile.write(folder / "wavs" / f"{i}.wav", np.concatenate([ends, tone, ends]), RATE)
    lines = [f"{i}|Clip {i} ﬁ{'x' * i}\n" for i in range(CLIPS + 1)]
    (folder / "metadata.csv").write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The working folder, with all files that the rows name."""
    path = tmp_path_factory.mktemp("settings")
    write(path / "clips", 1)
    write(path / "others", 2)
    with contextlib.chdir(path):
        yield


def passes(task):
    """Batches of the training data, more than a pass has."""
    return task.training_data().take(5)


def clips(task):
    """The log-mels of the training clips [frames, mels], the longest first, in nats."""
    voice, found = task.tokenizer, {}
    for _, targets in passes(task):
        for mel in targets["mel_out"].numpy():
            mel = mel[mel[:, 0] > -50] * voice.deviation + voice.mean
            found[mel.tobytes()] = mel
    return sorted(found.values(), key=len, reverse=True)


def lengths(task):
    return [len(mel) for mel in clips(task)]


def longer(before, after):
    return all(b > a for a, b in zip(before, after, strict=True))


def halved(before, after):
    """Whether there are half as many frames, beside the silent one at the end."""
    return [frames - 1 for frames in after] == [-(-(frames - 1) // 2) for frames in before]


def quieter_by(decibels):
    def holds(before, after):
        loud = before[0] > before[0].max() - 2
        return np.allclose(before[0][loud] - after[0][loud], decibels * NEPERS, atol=0.02)

    return holds


def texts(task):
    """What is learned to be read, sorted."""
    found = [sentence for split in ("train", "valid", "test") for sentence in task.corpus.texts(split)]
    return sorted(found)


def characters(task):
    """The text that the tokens of all clips stand for, sorted."""
    ids = task.tokenizer.tokenizer.encode(texts(task))
    decoded = task.tokenizer.tokenizer.decode(ids.to_tensor(), ids.row_lengths())
    return [text.decode() for text in decoded.numpy()]


def without_ligature(before, after):
    return all("ﬁ" in a and b == a.replace("ﬁ", "fi") for a, b in zip(before, after, strict=True))


def shares(task):
    return [len(task.corpus.texts(split)) for split in ("train", "valid", "test")]


def is_refused(task):
    """Whether the missing clip ends the training."""
    try:
        return not task.corpus
    except DataError as error:
        return "1 of 11 clips cannot be used" in str(error)


def largest_batch(task):
    """Of the training data: most clips of a batch, and most frames, padding included."""
    shapes = [targets["mel_out"].shape[:2] for _, targets in passes(task)]
    return max(clips for clips, _ in shapes), max(clips * frames for clips, frames in shapes)


def steps(task):
    """Decoder steps of a batch, and frames of its targets."""
    inputs, targets = first_inputs(task)
    return inputs["mel_in"].shape[1], targets["mel_out"].shape[1]


def hidden(task):
    """Of the first batches: what the decoder sees of the recordings, and what it is to say."""
    return [
        (inputs["mel_in"].numpy(), targets["mel_out"].numpy())
        for inputs, targets in task.training_data().take(2)
    ]


def hides(axis):
    """The condition that some steps (1) or channels (2) of the inputs are 0, and all else is as it was."""

    def holds(before, after):
        changed = 0
        for (seen, said), (masked, same) in zip(before, after, strict=True):
            zero = np.all((masked == 0) | (seen < -50), axis=3 - axis, keepdims=True)
            expected = np.where(zero & (seen > -50), 0, seen)
            if not np.array_equal(masked, expected) or not np.array_equal(said, same):
                return False
            changed += np.any(masked != seen)
        return changed > 0

    return holds


def guide(task):
    """The guides of the attention in the first three steps of training."""
    return [targets["alignment"].numpy() for _, targets in task.training_data().take(3)]


def fades(before, after):
    """From 2 steps in place of 4: weights of 1, 1/2, 0 in place of 1, 3/4, 1/2."""
    ratios = (1, 0.5 / 0.75, 0)
    pairs = zip(before, after, ratios, strict=True)
    return all(old.max() > 0 and np.allclose(new, old * ratio, atol=1e-6) for old, new, ratio in pairs)


def doubles(name):
    """The condition that one of the losses is twice what it was, and all others the same."""
    return lambda before, after: all(
        np.isclose(after[key], before[key] * (2 if key == name else 1)) and before[key] > 0 for key in before
    )


def sound(task):
    """The wave of a spectrogram, by the servable, operation by operation."""
    tf.config.run_functions_eagerly(True)
    try:
        servable = task.servable(task.build(training=False))
        mel = tf.random.stateless_normal([1, 8, task.config.audio.mels], [1, 2]) - 3.0
        answer = servable.mel_to_audio(mel, tf.constant([8]))
        return answer["sample_rate"].numpy(), answer["waveform"].numpy()
    finally:
        tf.config.run_functions_eagerly(False)


BASE = {
    "data.directory": "clips",
    "data.language": "none",
    "data.split": [0.4, 0.4, 0.2],
    "data.max_seconds": 1.0,
    "data.max_failures": 0.5,
    "data.batch_frames": 300,
    "audio.sample_rate": RATE,
    "audio.mels": 6,
    "audio.f_max": 1000.0,
    "audio.griffin_lim_iterations": 2,
    "model.embedding_size": 4,
    "model.encoder_layers": 1,
    "model.encoder_width": 3,
    "model.encoder_units": 4,
    "model.attention_size": 4,
    "model.filters": 2,
    "model.filter_width": 3,
    "model.prenet_units": 4,
    "model.prenet_dropout": 0.0,
    "model.decoder_units": 4,
    "model.decoder_layers": 1,
    "model.reduction": 2,
    "model.postnet_layers": 1,
    "model.postnet_channels": 4,
    "model.postnet_width": 3,
    "model.dropout": 0.0,
    "training.batch_size": 4,
    "training.guide_steps": 4,
    "training.precision": "float32",
}

ROWS = {
    "data.directory": [Row(clips, "others")],
    "data.language": [
        Row(texts, "english", lambda before, after: "Clip 3 ﬁxxx" in before and "clip three fixxx" in after)
    ],
    "data.normalisation": [Row(characters, "NFKC", without_ligature)],
    "data.split": [Row(shares, [0.6, 0.1, 0.3], becomes([6, 1, 3]))],
    "data.max_seconds": [
        Row(lambda task: sum(shares(task)), 0.62, lambda before, after: before == CLIPS > after)
    ],
    "data.max_failures": [Row(is_refused, 0.05, becomes(True))],
    "data.batch_frames": [Row(largest_batch, 150, lambda before, after: before[1] > 150 >= after[1])],
    "data.time_mask": [Row(hidden, 3, hides(1))],
    "data.frequency_mask": [Row(hidden, 4, hides(2))],
    "data.cache": [Row(kept_in_cache, "cache")],
    "data.allow_unknown": [Row(refuses_unknown, True, becomes(False))],
    "data.extend_vocabulary": [Row(characters_gained, True, lambda none, some: none == 0 < some)],
    "audio.sample_rate": [Row(sound, 3000), Row(clips, 3000)],
    "audio.window_ms": [Row(clips, 40.0)],
    "audio.hop_ms": [Row(lengths, 25.0, halved, {"model.reduction": 1})],
    "audio.mels": [Row(lambda task: clips(task)[0].shape[1], 5, becomes(5))],
    "audio.f_min": [Row(clips, 100.0)],
    "audio.f_max": [Row(clips, 800.0), Row(clips, None, given={"audio.f_max": 800.0})],
    "audio.floor_db": [
        Row(lambda task: round(min(map(np.min, clips(task))) / NEPERS), -40.0, becomes(-40)),
    ],
    "audio.trim_db": [Row(lengths, 0.0, longer)],
    "audio.padding_ms": [Row(lengths, 100.0, longer)],
    "audio.loudness_db": [Row(clips, -30.0, quieter_by(7)), Row(clips, None)],
    "audio.griffin_lim_iterations": [Row(sound, 4)],
    "audio.griffin_lim_momentum": [Row(sound, 0.0)],
    "model.embedding_size": [Row(parameters, 6)],
    "model.encoder_layers": [
        Row(parameters, 2, grows(3 * 4 * 4 + 2 * 4)),
        Row(parameters, 0, grows(-3 * 4 * 4 - 2 * 4)),
    ],
    "model.encoder_width": [Row(parameters, 5, grows(2 * 4 * 4))],
    "model.encoder_units": [Row(parameters, 6)],
    "model.attention": [
        Row(parameters, "additive", grows(-3 * 2 - 2 * 4)),
        Row(parameters, "general", grows(-2 * 4 - 3 * 2 - 2 * 4 - 4 * 4)),
    ],
    "model.attention_size": [Row(parameters, 6, grows(2 * (4 + 4 + 1 + 1 + 2)))],
    "model.filters": [Row(parameters, 3, grows(3 + 4))],
    "model.filter_width": [Row(parameters, 5, grows(2 * 2))],
    "model.prenet_units": [Row(parameters, 6, grows(7 * 2 + 7 * 6 - 5 * 4 + 2 * 4 * 4))],
    "model.prenet_dropout": [Row(noise, 0.5, only_after)],
    "model.decoder_units": [Row(parameters, 6)],
    "model.decoder_layers": [Row(parameters, 2, grows(4 * 4 * (4 + 4 + 1)))],
    "model.reduction": [
        Row(parameters, 3, grows((4 + 1) * 6)),
        Row(steps, 3, lambda two, three: two[0] > three[0] and three[1] == 3 * three[0]),
    ],
    "model.postnet_layers": [
        Row(parameters, 2, grows(3 * 6 * 4 + 2 * 4 + 3 * (4 - 6) * 6)),
        Row(parameters, 0, grows(-3 * 6 * 6 - 6)),
    ],
    "model.postnet_channels": [Row(parameters, 5, grows(3 * 6 + 2 + 3 * 6), {"model.postnet_layers": 2})],
    "model.postnet_width": [Row(parameters, 5, grows(2 * 6 * 6))],
    "model.dropout": [Row(noise, 0.5, only_after)],
    "training.seed": [Row(batches, 1, given={"training.batch_size": 1})],
    "training.batch_size": [Row(largest_batch, 2, lambda before, after: before[0] == 4 and after[0] == 2)],
    "training.precision": [Row(outputs, "mixed_bfloat16")],
    "training.guide_weight": [Row(losses, 2.0, doubles("alignment"))],
    "training.guide_steps": [Row(guide, 2, fades)],
    "training.stop_weight": [Row(losses, 2.0, doubles("stop"))],
}
TABLE = Table(kerasapp.Synthesis, BASE, ROWS)


@pytest.mark.parametrize("key", TABLE.keys())
def test_every_setting_acts(key):
    TABLE.check(key)


def test_all_rows_are_of_settings():
    assert not TABLE.unknown()
