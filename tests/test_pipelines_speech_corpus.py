"""From folders of recordings to log-mels and characters: failures, splits, cache."""

import dataclasses
import functools

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from clip_folders import AUDIO, RATE, tone, write_clips

from pipelines.errors import DataError, UnreadableError
from pipelines.speech import audio, features
from pipelines.synthesis import prepare
from pipelines.text.tokenizers import CharacterTokenizer

SPLITS = ("train", "valid", "test")


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """`prepare` with a cache of its own and small shards; `ready.lines` are what it has said."""
    monkeypatch.setattr(features, "CLIPS", 4)

    def run(directory, **settings):
        run.lines = []
        shared = {"settings": AUDIO, "split": (0.8, 0.1, 0.1), "language": "none"}
        cache = tmp_path / "cache"
        return prepare(directory=directory, cache=cache, progress=run.lines.append, **{**shared, **settings})

    return run


def built(lines):
    return sum(line.startswith("spectrograms") for line in lines)


def test_clips_become_their_log_mels_and_characters(ready, tmp_path):
    corpus = ready(write_clips(tmp_path / "data", 20))
    assert corpus.sizes == {"train": 16, "valid": 2, "test": 2} and corpus.failures == []
    assert sorted(id for name in SPLITS for id in corpus.ids(name)) == [f"c{i:03d}" for i in range(20)]
    for name in SPLITS:
        clips = corpus.split(name)
        rows = clips.rows(np.arange(len(clips)), 2)[0]["tokens"]
        seconds = 0
        for index, (id, text) in enumerate(zip(corpus.ids(name), corpus.texts(name), strict=True)):
            wave = audio.prepared(audio.read(tmp_path / "data" / "wavs" / f"{id}.flac", RATE), AUDIO)
            seconds += len(wave) / RATE
            np.testing.assert_allclose(clips.mel(index), audio.log_mel(wave, AUDIO), atol=1e-4)
            ids = corpus.tokenizer.encode(tf.constant([text])).numpy()[0].tolist()
            ids = [id for id in ids if id != corpus.tokenizer.unknown_id]
            assert rows[index].tolist() == ids + [3] + [0] * (rows.shape[1] - len(ids) - 1)
        assert corpus.seconds[name] == pytest.approx(seconds)
    assert set(corpus.tokenizer.characters) == set("".join(corpus.texts("train")))


def test_the_statistics_are_those_of_the_training_frames(ready, tmp_path):
    corpus = ready(write_clips(tmp_path / "data", 20))
    clips = corpus.split("train")
    frames = np.concatenate([clips.mel(index) for index in range(len(clips))]).astype(np.float64)
    np.testing.assert_allclose(corpus.statistics["mean"], frames.mean(0), rtol=1e-5)
    np.testing.assert_allclose(corpus.statistics["deviation"], frames.std(0), rtol=1e-4)
    given = ready(tmp_path / "data", statistics={"mean": [0] * 6, "deviation": [2] * 6, "tokenizer": None})
    assert given.statistics["deviation"].tolist() == [2] * 6 and built(ready.lines) == 0
    mel_out = given.split("train").rows(np.array([0]), 1)[1]["mel_out"][0]
    expected = np.clip(clips.mel(0) / 2, -8, 8)
    np.testing.assert_allclose(mel_out[: len(expected)], expected, rtol=1e-6)


def test_a_transcript_is_in_one_part_and_the_split_does_not_depend_on_the_order(ready, tmp_path):
    texts = [f"text {number % 15}" for number in range(30)]
    folder = write_clips(tmp_path / "data", 30, texts)
    corpus = ready(folder)
    found = [set(corpus.texts(name)) for name in SPLITS]
    assert len(set.union(*found)) == sum(map(len, found)) == 15
    lines = (folder / "metadata.csv").read_text().splitlines(keepends=True)
    (folder / "metadata.csv").write_text("".join(reversed(lines)))
    other = ready(folder)
    assert {name: set(other.ids(name)) for name in SPLITS} == {name: set(corpus.ids(name)) for name in SPLITS}


def spoil(folder):
    """Eleven of forty clips that cannot be used, each in its own way; one can after all."""
    wavs = folder / "wavs"
    (wavs / "c000.flac").unlink()
    (wavs / "c001.flac").write_bytes(b"no sound")
    (wavs / "c002.flac").write_bytes((wavs / "c002.flac").read_bytes()[:300])
    soundfile.write(wavs / "c003.flac", np.zeros(RATE), RATE)
    (wavs / "c004.flac").unlink()
    soundfile.write(wavs / "c004.wav", np.zeros(0), RATE)
    soundfile.write(wavs / "c005.flac", tone(3, 200), RATE)
    (wavs / "c006.flac").unlink()
    soundfile.write(wavs / "c006.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write(wavs / "c007.wav", tone(0.5, 200), RATE)
    stereo = np.stack([tone(0.5, 150, 8000), tone(0.5, 200, 8000)], axis=1)
    soundfile.write(wavs / "c008.flac", stereo, 8000)  # another rate, two channels: fine
    soundfile.write(wavs / "c009.flac", tone(0.03, 200), RATE)  # nobody speaks as fast
    table = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(table + "c040|\nc041| \n")
    return folder


def test_clips_that_cannot_be_used_are_named_and_counted(ready, tmp_path):
    folder = spoil(write_clips(tmp_path / "data", 40))
    for id in ("c040", "c041"):
        soundfile.write(folder / "wavs" / f"{id}.wav", tone(0.5, 90), RATE)
    for _ in range(2):  # also where all is in the cache
        corpus = ready(folder, max_failures=0.3, max_seconds=2)
        reasons = dict(corpus.failures)
        assert sorted(reasons) == [f"c{i:03d}" for i in (0, 1, 2, 3, 4, 5, 6, 7, 9, 40, 41)]
        assert sum(corpus.sizes.values()) == 31
        assert reasons["c000"] == "the clip is missing" and reasons["c040"] == "it has no transcript"
        assert reasons["c009"].startswith("0.03 s of sound for ")
        assert reasons["c009"].endswith(" characters; expected at most 40 per second")
        assert reasons["c005"] == "3.0 s long; expected at most 2 s"
        assert reasons["c003"].startswith("silent") and reasons["c004"] == "the sound has no length"
        assert not any(str(tmp_path) in reason for reason in reasons.values())
        assert len(corpus.transcripts) == 42
    with pytest.raises(
        DataError,
        match=r"11 of 42 clips cannot be used, and --data.max_failures 0\.2 allows fewer: c000: .*and 6 more",
    ) as error:
        ready(folder, max_failures=0.2, max_seconds=2)
    assert "\n" not in str(error.value)


def test_what_cannot_be_used_at_all_is_told_in_one_line(ready, tmp_path):
    folder = write_clips(tmp_path / "data", 3)
    with pytest.raises(DataError, match=r"no clip is left for the (valid|test) split \(10% of 3\): give"):
        ready(folder, split=(0.8, 0.1, 0.1))
    with pytest.raises(DataError, match="leaves no training clips"):
        ready(folder, split=(0, 0.5, 0.5))
    with pytest.raises(DataError, match="sample:none: no such sample of recordings; there is sample:digits"):
        ready("sample:none")
    with pytest.raises(DataError, match="no such folder"):
        ready(tmp_path / "gone")
    for path in (folder / "wavs").iterdir():
        path.unlink()
    with pytest.raises(
        DataError, match="3 of 3 clips cannot be used, and none is left: c000: the clip is missing"
    ):
        ready(folder, split=(1, 0, 0), max_failures=1.0)


def test_texts_that_cannot_be_read_aloud_are_failures(ready, tmp_path):
    texts = [f"ab{'c' * i}" for i in range(18)] + ["d" * 601, "e" * 600]
    folder = write_clips(tmp_path / "data", 20, texts, seconds=(16, 17))
    ready = functools.partial(ready, max_seconds=20)
    corpus = ready(folder, max_failures=0.1)
    assert corpus.failures == [("c018", "601 characters; expected at most 600")]
    assert sum(corpus.sizes.values()) == 19 and "d" not in corpus.tokenizer.characters
    (folder / "metadata.csv").write_text((folder / "metadata.csv").read_text().replace("e" * 600, "xyz"))
    corpus = ready(folder, max_failures=0.1, tokenizer=CharacterTokenizer("abc"))
    reasons = dict(corpus.failures)
    assert reasons.pop("c019") == "none of its characters is known" and list(reasons) == ["c018"]
    assert sum(corpus.sizes.values()) == 18
    for name in SPLITS:
        clips = corpus.split(name)
        assert len(clips) == len(corpus.ids(name)) == len(corpus.texts(name)) == corpus.sizes[name]
        assert clips.token_lengths.tolist() == [len(text) for text in corpus.texts(name)]
    with pytest.raises(DataError, match=r"20 of 20 clips .* none is left: c018: .*; c000: none of its char"):
        ready(folder, max_failures=1.0, tokenizer=CharacterTokenizer("q"), split=(1, 0, 0))


def test_a_folder_without_training_clips_is_read_with_what_was_learned(ready, tmp_path):
    learned = ready(write_clips(tmp_path / "data", 10))
    other = write_clips(tmp_path / "other", 3, seed=1)
    given = {"tokenizer": learned.tokenizer, "statistics": learned.statistics}
    for _ in range(2):  # also from the cache
        corpus = ready(other, split=(0, 0, 1), **given)
        assert corpus.sizes == {"train": 0, "valid": 0, "test": 3} and len(corpus.split("train")) == 0
        for name, values in learned.statistics.items():
            np.testing.assert_array_equal(corpus.statistics[name], values)
        assert corpus.split("test").rows(np.arange(3), 2)[1]["mel_out"].shape[2] == 6
    for name in given:
        with pytest.raises(DataError, match="leaves no training clips"):
            ready(other, split=(0, 0, 1), **{name: given[name]})


def test_what_the_system_could_not_read_is_not_kept_as_a_failure(ready, tmp_path, monkeypatch):
    folder, read = write_clips(tmp_path / "data", 10), audio.read

    def failing(path, rate):
        if path.stem == "c006":
            raise UnreadableError(f"{path}: cannot be read: Input/output error")
        return read(path, rate)

    monkeypatch.setattr(audio, "read", failing)
    with pytest.raises(DataError, match=r"c006\.flac: cannot be read: Input/output error"):
        ready(folder, max_failures=0.5)
    monkeypatch.setattr(audio, "read", read)
    corpus = ready(folder)
    assert corpus.failures == [] and sum(corpus.sizes.values()) == 10


def test_the_cache_is_used_for_equal_content_and_settings_only(ready, tmp_path):
    folder = write_clips(tmp_path / "data", 10)

    def shards(**settings):
        ready(settings.pop("directory", folder), **settings)
        return built(ready.lines)

    assert shards() == 3
    assert shards() == 0
    assert shards(split=(0.5, 0.3, 0.2)) == 0 and shards(language="english") == 0
    assert shards(settings=dataclasses.replace(AUDIO, griffin_lim_iterations=3)) == 0
    assert shards(directory=folder.rename(tmp_path / "moved")) == 0
    folder = tmp_path / "moved"
    assert shards(settings=dataclasses.replace(AUDIO, hop_ms=10.0)) == 3
    assert shards(max_seconds=5) == 3
    soundfile.write(folder / "wavs" / "c005.flac", tone(0.7, 300), RATE)
    before = ready(folder)
    assert built(ready.lines) == 1  # that of the clip alone
    table = folder / "metadata.csv"
    table.write_text(table.read_text().replace("clip 3", "clip three"))
    after = ready(folder)
    assert built(ready.lines) == 0 and after.content != before.content
    assert any("three" in text for name in SPLITS for text in after.texts(name))


def test_what_a_killed_run_has_finished_is_kept(ready, tmp_path, monkeypatch):
    folder = write_clips(tmp_path / "data", 10)
    read, wanted = audio.read, []

    def killed(path, rate):
        wanted.append(path.stem)
        if path.stem == "c006":
            raise KeyboardInterrupt
        return read(path, rate)

    monkeypatch.setattr(audio, "read", killed)
    with pytest.raises(KeyboardInterrupt):
        ready(folder)
    assert built(ready.lines) == 2
    monkeypatch.setattr(audio, "read", lambda path, rate: wanted.append(path.stem) or read(path, rate))
    wanted.clear()
    corpus = ready(folder)
    assert sorted(wanted) == [f"c{i:03d}" for i in range(4, 10)]
    assert sum(corpus.sizes.values()) == 10


def test_a_rebuild_is_the_same_bit_by_bit_also_where_files_were_cut_off(ready, tmp_path):
    folder = write_clips(tmp_path / "data", 10)

    def everything():
        ready(folder)
        return {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "cache").glob("*/*")}

    before = everything()
    assert len(before) > 10
    for pattern in ("*/mels.npy", "*/valid.places.npy", "*/clips.json"):
        path = sorted((tmp_path / "cache").glob(pattern))[0]
        path.write_bytes(path.read_bytes()[:5])
        assert everything() == before
        assert built(ready.lines) == (pattern == "*/mels.npy")


def test_a_given_tokenizer_leaves_out_what_it_does_not_know(ready, tmp_path):
    folder = write_clips(tmp_path / "data", 10, [f"ab{'c' * i}" for i in range(10)])
    learned = ready(folder)
    folders = len(list((tmp_path / "cache").iterdir()))
    again = ready(folder, tokenizer=learned.tokenizer)  # it is what the first call learned
    assert again.folder == learned.folder and len(list((tmp_path / "cache").iterdir())) == folders
    other = ready(folder, tokenizer=CharacterTokenizer("ac"))
    assert other.folder != learned.folder and other.tokenizer.characters == "ac"
    assert set(np.unique(other.split("train").rows(np.arange(8), 1)[0]["tokens"])) == {0, 3, 4, 5}
