"""From files to tokens and windows: splits, cache, order."""

import gzip
import random
import signal
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import DataError
from pipelines.generation import prepare, steps_per_pass, training_windows, validation_windows
from pipelines.text.tokenizers import CharacterTokenizer

WORDS = ["the", "cat", "sat", "on", "a", "mat", "春眠", "naïve", "e\u0301t\u0323e\u0301", "😀"]


def make_text(characters, seed=0):
    rng, text = random.Random(seed), ""
    while len(text) < characters:
        text += " ".join(rng.choices(WORDS, k=6)) + rng.choice(["\n", "\r\n", " "])
    return text[:characters]


def text_of(corpus, split):
    ids = corpus.split(split).astype(np.int32)[None]
    return corpus.tokenizer.decode(tf.constant(ids), tf.constant([ids.shape[1]])).numpy()[0].decode()


@pytest.fixture
def ready(tmp_path):
    """`prepare` with a cache of its own."""

    def prepare_here(*files, **settings):
        return prepare(files, cache=tmp_path / "cache", **{"minimum": 1, **settings})

    return prepare_here


@pytest.mark.parametrize("kind", ["characters", "subwords"])
@pytest.mark.parametrize("split", [(0.9, 0.05, 0.05), (0.8, 0.1, 0.1), (0.7, 0.3, 0), (1, 0, 0)])
def test_the_splits_are_slices_of_the_normalised_text(write, ready, kind, split):
    first, second = make_text(3000, 1), make_text(2001, 2)
    packed = write(gzip.compress(second.encode()), "second.gz")
    corpus = ready(write("\ufeff" + first), packed, kind=kind, vocabulary_size=400, split=split)
    whole = unicodedata.normalize("NFC", first) + unicodedata.normalize("NFC", second)
    train = int(len(whole) * split[0])
    valid = len(whole) if split[2] == 0 else int(len(whole) * (split[0] + split[1]))
    parts = {"train": whole[:train], "valid": whole[train:valid], "test": whole[valid:]}
    assert corpus.characters == {name: len(part) for name, part in parts.items()}
    learned = set(parts["train"])
    for name, part in parts.items():
        if kind == "characters":
            part = "".join(c if c in learned else "\ufffd" for c in part)
        assert text_of(corpus, name) == part


def test_tiny_shakespeare_is_split_as_nanogpt_does(ready):
    corpus = ready("sample:tinyshakespeare", split=(0.9, 0.1, 0.0), minimum=101)
    assert corpus.sizes == {"train": 1003854, "valid": 111540, "test": 0}
    assert [corpus.split(name)[:1].tolist() for name in corpus.sizes] == [[18 + 4], [12 + 4], []]
    assert corpus.tokenizer.size == 65 + 4
    assert corpus.tokens.dtype == np.uint8
    # nanoGPT's ids are ranks of the sorted characters: "First Citizen" begins 18 47 56 57 58 1 15.
    assert (corpus.tokens[:7] - 4).tolist() == [18, 47, 56, 57, 58, 1, 15]


@pytest.mark.parametrize("kind", ["characters", "subwords"])
def test_the_training_split_alone_decides_the_vocabulary(write, ready, kind):
    train = unicodedata.normalize("NFC", make_text(2000))[:1800]
    one = ready(write(train + "z" * 200, "1.txt"), kind=kind, vocabulary_size=400, split=(0.9, 0.1, 0))
    two = ready(write(train + "龘" * 200, "2.txt"), kind=kind, vocabulary_size=400, split=(0.9, 0.1, 0))
    assert one.characters == two.characters == {"train": 1800, "valid": 200, "test": 0}
    assert one.tokenizer.fingerprint() == two.tokenizer.fingerprint()


def test_pieces_of_a_file_make_no_difference(write, ready, monkeypatch):
    path = write(make_text(5000))
    for kind in ("characters", "subwords"):
        settings = {"kind": kind, "vocabulary_size": 350}
        whole = ready(path, **settings).tokens.tolist()
        monkeypatch.setattr("pipelines.files.PIECE", 100)
        again = prepare([path], cache=path.parent / f"other-{kind}", minimum=1, **settings)
        assert again.tokens.tolist() == whole


def test_line_ends_are_kept(write, ready):
    corpus = ready(write("one\r\ntwo\n" * 20), split=(1, 0, 0))
    assert text_of(corpus, "train") == "one\r\ntwo\n" * 20


def test_the_array_is_as_small_as_the_vocabulary_allows(write, ready):
    for count, dtype in ((252, np.uint8), (253, np.uint16)):
        text = "".join(map(chr, range(0x4E00, 0x4E00 + count)))
        corpus = ready(write(text), split=(1, 0, 0))
        assert (corpus.tokenizer.size, corpus.tokens.dtype) == (count + 4, dtype)
        assert isinstance(corpus.tokens, np.memmap)


def test_a_given_tokenizer_is_used_as_it_is(write, ready):
    tokenizer = CharacterTokenizer("aé", "NFC")
    corpus = ready(write("abe\u0301"), tokenizer=tokenizer, split=(0, 0, 1))
    assert corpus.tokens.tolist() == [4, 1, 5]
    assert corpus.tokenizer is tokenizer
    assert [len(corpus.split(name)) for name in corpus.sizes] == [0, 0, 3]


def test_the_cache_is_used_for_equal_content_and_settings_only(write, ready):
    def reads(*files, **settings):
        lines = []
        ready(*files, progress=lines.append, **settings)
        return any(line.startswith("reading") for line in lines)

    path = write(make_text(500))
    assert reads(path)
    assert not reads(path)
    assert not reads(write(path.read_bytes(), "copy.txt"))
    assert not reads(path, minimum=5)
    assert not reads(path, vocabulary_size=500)  # plays no part for characters
    assert reads(path, write(make_text(700), "other.txt"))
    assert reads(path, split=(0.5, 0.5, 0))
    assert reads(path, normalisation="none")
    assert reads(path, kind="subwords", vocabulary_size=400)
    assert reads(path, kind="subwords", vocabulary_size=300)
    assert reads(path, tokenizer=CharacterTokenizer("abc"))
    write(make_text(501))
    assert reads(path)


def test_a_killed_run_leaves_nothing_that_is_used(write, tmp_path):
    path, cache = write(make_text(2000)), tmp_path / "cache"
    script = (
        "import os, sys; from pipelines.generation import prepare\n"
        "def die(line):\n    if 'valid' in line: os.kill(os.getpid(), 9)\n"
        "prepare([sys.argv[1]], cache=sys.argv[2], minimum=1, progress=die)"
    )
    killed = subprocess.run([sys.executable, "-c", script, path, cache], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert [p.name[0] for p in cache.iterdir() if p.is_dir()] == ["."]  # what it had begun is there
    corpus = prepare([path], cache=cache, minimum=1)
    fresh = prepare([path], cache=tmp_path / "fresh", minimum=1)
    assert corpus.tokens.tolist() == fresh.tokens.tolist()
    assert len([p for p in cache.iterdir() if p.is_dir()]) == 1


def test_a_cut_off_cache_is_written_again(write, ready, tmp_path):
    path = write(make_text(2000))
    tokens = ready(path).tokens.tolist()
    (file,) = (tmp_path / "cache").glob("*/tokens")
    file.write_bytes(file.read_bytes()[:100])
    assert ready(path).tokens.tolist() == tokens


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (None, {}, r"data\.txt: no such file"),
        (b"", {}, r"data\.txt: the file is empty"),
        (b"good\nbad \xff", {}, r"data\.txt: byte 9, line 2: not UTF-8"),
        (b"x" * 1000, {"minimum": 101}, r"data\.txt: the valid split has 50 tokens; at least 101"),
        (b"x" * 1000, {"minimum": 101}, r"give more text, --data\.window 49, or another split"),
        (b"x" * 100, {"minimum": 101}, r"give more text, another split"),
        (b"x", {"minimum": 1}, r"data\.txt: no text to learn characters from"),
        (b"x" * 99, {"split": (1, 0, 0), "minimum": 101}, r"data\.txt: the train split has 99 tokens"),
        (b"\n" * 999, {"kind": "subwords"}, r"data\.txt: no text to learn subwords from"),
        (b"x" * 999, {"kind": "subwords", "vocabulary_size": 10}, "vocabulary_size is 10"),
        (b"x", {"split": (0.5, 0.5, 0.5)}, "split is .*sum 1"),
        (b"x", {"split": (1.5, -0.5, 0)}, "split is .*none negative"),
        (b"x", {"split": (float("nan"), 0.5, 0.5)}, "split is"),
        (b"x", {"split": (0.9, 0.1)}, "three fractions"),
        (b"x", {"split": (0, 0.5, 0.5)}, "no training text"),
    ],
)
def test_unusable_input_is_told_in_one_line(write, ready, tmp_path, content, settings, message):
    path = tmp_path / "data.txt" if content is None else write(content)
    with pytest.raises(DataError, match=message) as error:
        ready(path, **settings)
    assert "\n" not in str(error.value)


def test_files_are_needed(ready):
    with pytest.raises(DataError, match="no files"):
        ready()


def take(dataset, count):
    pairs = [(x.numpy(), y.numpy()) for x, y in dataset.take(count)]
    return np.stack([x for x, _ in pairs]), np.stack([y for _, y in pairs])


def test_training_windows_go_on_where_they_ended():
    tokens = np.arange(1000)  # so a token tells its position
    x, y = take(training_windows(tokens, streams=4, window=10, seed=3), 75)
    assert x.dtype == np.int32 and x.shape == (75, 4, 10)
    np.testing.assert_array_equal(y, (x + 1) % 1000)
    for begin in (0, 25, 50):  # three passes of 1000 // (4 * 10) steps
        one = x[begin : begin + 25]
        np.testing.assert_array_equal(one[1:, :, 0], (one[:-1, :, -1] + 1) % 1000)
        assert sorted(one.ravel()) == list(range(1000))
    assert len({x[begin, 0, 0] for begin in (0, 25, 50)}) == 3


def test_a_pass_leaves_out_less_than_a_step():
    x, _ = take(training_windows(np.arange(1039), streams=4, window=10, seed=3), 25)
    assert steps_per_pass(1039, streams=4, window=10) == 25
    assert len(set(x.ravel())) == x.size == 1000


def test_the_order_stays_what_it_is():
    # Written down when first made: runs resumed under a later version must see the same order.
    x, _ = take(training_windows(np.arange(1000), streams=2, window=5, seed=7), 1)
    assert x[0, :, 0].tolist() == [272, 772]


@pytest.mark.parametrize("start", [1, 24, 25, 26, 60])
def test_training_windows_are_a_function_of_seed_and_step(start):
    tokens = np.random.default_rng(0).integers(0, 50, 1007).astype(np.uint8)
    settings = {"streams": 4, "window": 10}
    whole, _ = take(training_windows(tokens, seed=1, **settings), start + 5)
    resumed, _ = take(training_windows(tokens, seed=1, start_step=start, **settings), 5)
    other, _ = take(training_windows(tokens, seed=2, start_step=start, **settings), 5)
    np.testing.assert_array_equal(whole[start:], resumed)
    assert (resumed != other).any()


@pytest.mark.parametrize("count", [11, 12, 30, 79])
def test_windows_of_short_texts_overlap(count):
    x, y = take(training_windows(np.arange(count), streams=8, window=10, seed=0), 20)
    np.testing.assert_array_equal(y, (x + 1) % count)
    np.testing.assert_array_equal(x[:, :, 1:], (x[:, :, :-1] + 1) % count)
    assert set(x.ravel()) == set(range(count))
    x, y = take(validation_windows(np.arange(count), streams=8, window=10), 20)
    assert x.shape == (1, 8, 10)
    np.testing.assert_array_equal(y, x + 1)
    assert x.min() == 0 and y.max() == count - 1


def test_validation_windows_by_hand():
    dataset = validation_windows(np.arange(9), streams=2, window=2)
    assert dataset.cardinality() == 2
    x, y = take(dataset, 9)
    assert x.tolist() == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    assert y.tolist() == [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]


def test_window_shapes_are_static():
    for dataset in (
        training_windows(np.arange(99), streams=3, window=4, seed=0),
        validation_windows(np.arange(99), streams=3, window=4),
    ):
        assert dataset.element_spec == (tf.TensorSpec([3, 4], tf.int32), tf.TensorSpec([3, 4], tf.int32))


@pytest.mark.parametrize("windows", [validation_windows, lambda *a, **k: training_windows(*a, seed=0, **k)])
def test_windows_need_one_window_and_one(windows):
    with pytest.raises(DataError, match="10 tokens are fewer than one window of 10"):
        windows(np.arange(10), streams=1, window=10)


def test_a_text_that_is_given_twice_is_named(write, tmp_path):
    """Its second half would be validated on what its first has trained."""
    files = [write("abc\n" * 100), write("x\n" * 100, "b.txt"), write("abc\n" * 100, "again.txt")]
    with pytest.raises(DataError, match=r"again\.txt: has the text of .*data\.txt, so that .* give it once"):
        prepare(files, split=(0.9, 0.1, 0), cache=tmp_path / "cache", minimum=1)
    corpus = prepare(files, split=(1, 0, 0), cache=tmp_path / "cache", minimum=1)
    assert corpus.sizes["train"] == 1000
