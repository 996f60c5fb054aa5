"""From pairs of sentences to batches: files, splits, cache, order, padding."""

import gzip
import random

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import DataError
from pipelines.parallel.altering import Alterations
from pipelines.text.sentences import decode, encode
from pipelines.text.tokenizers import CharacterTokenizer
from pipelines.translation import prepare, steps_per_pass, training_batches, validation_batches

WORDS = {
    "the": "die",
    "cat": "Katze",
    "sat": "saß",
    "on": "auf",
    "a": "eine",
    "mat": "Matte",
    "naïve": "春眠",
}
SPLITS = ("train", "valid", "test")
SMALL = {"kind": "characters", "split": (0.8, 0.1, 0.1)}


def make_pairs(count, seed=0, longest=8):
    rng = random.Random(seed)
    chosen = [rng.choices(list(WORDS), k=rng.randrange(1, longest)) for _ in range(count)]
    return [(f"{i} " + " ".join(ws), " ".join(WORDS[w] for w in ws) + f" {i}") for i, ws in enumerate(chosen)]


def table(pairs, end="\n"):
    return "".join("\t".join(pair) + end for pair in pairs)


@pytest.fixture
def ready(tmp_path):
    """`prepare` with a cache of its own."""
    return lambda **settings: prepare(cache=tmp_path / "cache", **{**SMALL, **settings})


def pairs_of(corpus, name):
    return list(zip(*corpus.texts(name), strict=True))


def decoded(tokenizer, rows):
    """The texts of rows that end in the end token and padding."""
    return [
        text.decode()
        for text in decode(tokenizer, tf.constant(rows), tf.constant((rows != 0).sum(1), tf.int32)).numpy()
    ]


@pytest.mark.parametrize("kind", ["characters", "subwords"])
@pytest.mark.parametrize("joint", [False, True])
def test_tokens_are_those_of_the_texts(write, ready, monkeypatch, kind, joint):
    monkeypatch.setattr("pipelines.parallel.corpus._ROWS", 7)
    pairs = make_pairs(100)
    corpus = ready(pairs=write(table(pairs)), kind=kind, joint=joint, vocabulary_size=320)
    assert corpus.sizes == {"train": 80, "valid": 10, "test": 10}
    assert sorted(pair for name in SPLITS for pair in pairs_of(corpus, name)) == sorted(pairs)
    assert (corpus.tokenizers[0] is corpus.tokenizers[1]) == joint
    for name in SPLITS:
        split = corpus.split(name)
        assert len(split) == corpus.sizes[name]
        everything = split.rows(np.arange(len(split)))
        rows = (everything[0]["source"], everything[1])
        lengths = (split.source_lengths, split.target_lengths)
        for tokenizer, text, row, length in zip(
            corpus.tokenizers, corpus.texts(name), rows, lengths, strict=True
        ):
            ids = encode(tokenizer, tf.constant(text)).to_list()
            width = max(map(len, ids)) + 1
            assert row.tolist() == [line + [3] + [0] * (width - 1 - len(line)) for line in ids]
            assert length.tolist() == [len(line) for line in ids]


def test_rows_by_hand(write, ready):
    tokenizers = (CharacterTokenizer("ab"), CharacterTokenizer("xyz"))
    corpus = ready(pairs=write("ab\tzz\nbaa\tx\nc\tyxz\n"), tokenizers=tokenizers, split=(1, 0, 0))
    train = corpus.split("train")
    inputs, target_out = train.rows(np.array([2, 0, 1]))
    assert inputs["source"].tolist() == [[1, 3, 0, 0], [4, 5, 3, 0], [5, 4, 4, 3]]
    assert inputs["target_in"].tolist() == [[2, 5, 4, 6], [2, 6, 6, 0], [2, 4, 0, 0]]
    assert target_out.tolist() == [[5, 4, 6, 3], [6, 6, 3, 0], [4, 3, 0, 0]]
    assert {array.dtype for array in (*inputs.values(), target_out)} == {np.dtype(np.int32)}
    assert corpus.tokenizers == tokenizers
    assert [array.shape for array in train.rows(np.array([], int))[0].values()] == [(0, 1), (0, 1)]


def test_tables_and_aligned_files_are_one(write, ready):
    pairs = make_pairs(60)
    lines = {
        "source": write("\ufeff" + "".join(a + "\r\n" for a, _ in pairs), "a.txt"),
        "target": write(gzip.compress("\n".join(b for _, b in pairs).encode()), "b.gz"),
    }
    first = ready(pairs=write(table(pairs, "\tCC BY 2.0\n")))
    second = ready(**lines)
    swapped = ready(**lines, swap=True)
    for name in SPLITS:
        assert pairs_of(first, name) == pairs_of(second, name)
        assert pairs_of(swapped, name) == [pair[::-1] for pair in pairs_of(first, name)]
        inputs, target_out = first.split(name).rows(np.arange(3))
        turned, source = swapped.split(name).rows(np.arange(3))
        assert inputs["source"].tolist() == source.tolist()
        assert target_out.tolist() == turned["source"].tolist()
    prints = [[tokenizer.fingerprint() for tokenizer in c.tokenizers] for c in (first, second, swapped)]
    assert prints[0] == prints[1] == prints[2][::-1]


def test_subwords_are_learned_with_the_space_that_sentences_begin_with(write, ready):
    pairs = [(word, f"{other} {i}") for i in range(30) for word, other in WORDS.items()]
    corpus = ready(pairs=write(table(pairs)), kind="subwords", vocabulary_size=400, split=(1, 0, 0))
    tokenizer = corpus.tokenizers[0]
    (ids,) = encode(tokenizer, tf.constant(["naïve"])).to_list()
    assert [piece.decode() for piece in tokenizer.pieces(tf.constant(ids)).numpy()] == ["▁naïve"]


@pytest.mark.parametrize("kind", ["characters", "subwords"])
def test_the_training_split_alone_decides_the_vocabulary(write, ready, kind):
    settings = {"kind": kind, "vocabulary_size": 300, "pairs": write(table(make_pairs(50)))}
    prints = []
    for rare in ("龘", "ж"):
        own = {
            name: (write(rare, f"{name}{rare}a"), write(rare * 2, f"{name}{rare}b"))
            for name in ("valid", "test")
        }
        prints.append([t.fingerprint() for t in ready(**settings, **own).tokenizers])
    assert prints[0] == prints[1]


def test_splits_with_files_of_their_own_take_nothing_from_the_split(write, ready):
    pairs = write(table(make_pairs(100)))
    valid = (write("eins\nzwei\n", "a"), write("one\ntwo", "b"))
    corpus = ready(pairs=pairs, valid=valid)
    assert corpus.sizes == {"train": 90, "valid": 2, "test": 10}
    assert corpus.texts("valid") == (["eins", "zwei"], ["one", "two"])
    assert ready(pairs=pairs, valid=valid, test=valid).sizes == {"train": 100, "valid": 2, "test": 2}
    assert ready(pairs=pairs, valid=valid, split=(0.9, 0.1, 0)).sizes == {"train": 100, "valid": 2, "test": 0}
    assert ready(pairs=pairs, valid=valid, swap=True).texts("valid") == (["one", "two"], ["eins", "zwei"])


def test_an_autoencoders_sentences_are_their_own_targets_and_stand_in_one_split_once(write, ready):
    pairs = [(f"{i // 3} {word}", f"{other} {i}") for i, (word, other) in enumerate([*WORDS.items()] * 30)]
    path = write(table(pairs))
    lines = write("".join(f"{source}\n" for source, _ in pairs), "lines.txt")
    table_corpus = ready(pairs=path, autoencode=True)
    swapped = ready(pairs=write(table([pair[::-1] for pair in pairs]), "b.tsv"), swap=True, autoencode=True)
    for corpus in (table_corpus, swapped, ready(source=lines, target=lines, autoencode=True)):
        texts = {name: corpus.texts(name) for name in SPLITS}
        found = [sentence for sources, _ in texts.values() for sentence in sources]
        assert sorted(found) == sorted({source for source, _ in pairs})
        assert all(sources == targets for sources, targets in texts.values())
        assert min(corpus.sizes.values()) > 10
    own = write("a b\na b\nc\n", "own.txt")
    held_out = ready(pairs=path, autoencode=True, valid=(own, own)).texts("valid")
    assert held_out == (["a b", "c"], ["a b", "c"])


def test_unusable_sentences_of_an_autoencoder_are_told(write, ready):
    lines = write("a\n\nb\n", "lines.txt")
    with pytest.raises(DataError, match=r"lines\.txt: line 2: the line is empty"):
        ready(source=lines, target=lines, autoencode=True)
    one = write("a\na\na\n", "one.txt")
    with pytest.raises(DataError, match=r"one\.txt: no pair is left") as error:
        ready(source=one, target=one, autoencode=True)
    assert str(error.value).count("one.txt") == 1


def test_the_cache_is_used_for_equal_content_and_settings_only(write, ready):
    def reads(**settings):
        lines = []
        ready(progress=lines.append, **settings)
        return any(line.startswith("reading") for line in lines)

    path = write(table(make_pairs(30)))
    assert reads(pairs=path)
    assert not reads(pairs=path)
    assert not reads(pairs=write(path.read_bytes(), "copy.tsv"))
    assert not reads(pairs=path, vocabulary_size=500)  # plays no part for characters
    tokenizers = ready(pairs=path).tokenizers
    assert not reads(pairs=path, tokenizers=tokenizers)  # it was tokenised when they were learned
    assert reads(pairs=path, tokenizers=tokenizers[::-1])
    assert reads(pairs=path, swap=True)
    assert reads(pairs=path, joint=True)
    assert reads(pairs=path, autoencode=True)
    assert reads(pairs=path, split=(0.5, 0.25, 0.25))
    assert reads(pairs=path, normalisation="none")
    assert reads(pairs=path, valid=(path, path))
    assert reads(pairs=path, kind="subwords", vocabulary_size=400)
    assert reads(pairs=path, kind="subwords", vocabulary_size=300)
    write(table(make_pairs(31)))
    assert reads(pairs=path)


def test_the_content_digest_is_of_the_files_alone(write, ready):
    path, other = write(table(make_pairs(30))), write(table(make_pairs(31)), "other.tsv")
    content = ready(pairs=path).content
    assert ready(pairs=path, joint=True, split=(1, 0, 0)).content == content
    assert ready(pairs=other).content != content
    assert ready(pairs=path, test=(path, path)).content != content


@pytest.mark.parametrize("name", ["train.source.tokens", "test.target.offsets", "valid.source.txt"])
def test_a_cut_off_cache_is_written_again(write, ready, tmp_path, name):
    path = write(table(make_pairs(60)))
    before = ready(pairs=path).split("train").rows(np.arange(9))[1].tolist()
    (file,) = (tmp_path / "cache").glob(f"*/{name}")
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:5])
    assert ready(pairs=path).split("train").rows(np.arange(9))[1].tolist() == before
    assert file.stat().st_size == size


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("a\tb\nc\n", {}, r"data\.txt: line 2: 1 column"),
        ("a\tb\n", {}, r"data\.txt: no pair is left for the (valid|test) split \(10% of 1\): give"),
        ("a\tb\n", {"split": (0.5, 0.5, 0.5)}, "split is .*sum 1"),
        ("a\tb\n", {"split": (0, 0.5, 0.5)}, "no training text"),
        (
            "a\tb\n",
            {"split": (1, 0, 0), "kind": "subwords", "vocabulary_size": 9},
            "data.txt: vocabulary_size",
        ),
        ("a\tb\n", {"pairs": "sample:none"}, "no such sample"),
        ("a\tb\n", {"pairs": None}, "expected either a file of pairs, or"),
        ("a\tb\n", {"source": "a"}, "expected either a file of pairs, or"),
        ("a\tb\n", {"pairs": None, "target": "a"}, "expected either a file of pairs, or"),
        ("a\tb\n", {"pairs": None, "source": "a"}, "expected either a file of pairs, or"),
        ("a\tb\n", {"valid": ("/no/such", "/no/such")}, "/no/such: no such file"),
    ],
)
def test_unusable_input_is_told_in_one_line(write, ready, content, settings, message):
    with pytest.raises(DataError, match=message) as error:
        ready(**{"pairs": write(content), **settings})
    assert "\n" not in str(error.value)


def test_tokenizers_agree_on_the_normalisation(write, ready):
    with pytest.raises(ValueError, match="NFC and to NFKC"):
        ready(pairs=write("a\tb\n"), tokenizers=(CharacterTokenizer("a"), CharacterTokenizer("b", "NFKC")))


# === Batches ===


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """300 training pairs of 1 to 20 words; each begins with its number."""
    folder = tmp_path_factory.mktemp("batches")
    path = folder / "data.txt"
    path.write_text(table(make_pairs(300, longest=21)), encoding="utf-8")
    return prepare(pairs=path, cache=folder, kind="characters", split=(1, 0, 0))


BATCHES = {"batch_tokens": 1500, "batch_size": 24, "max_length": 70}


def take(dataset, count):
    return [(x["source"].numpy(), x["target_in"].numpy(), y.numpy()) for x, y in dataset.take(count)]


def same(batches, others):
    return len(batches) == len(others) and all(
        np.array_equal(one, two)
        for batch, other in zip(batches, others, strict=True)
        for one, two in zip(batch, other, strict=True)
    )


def numbers(corpus, batches):
    return [int(text.split()[0]) for batch in batches for text in decoded(corpus.tokenizers[0], batch[0])]


def test_each_pass_has_every_pair_that_is_short_enough_once(corpus):
    pairs = corpus.split("train")
    steps = steps_per_pass(pairs, **BATCHES)
    batches = take(training_batches(pairs, seed=0, **BATCHES), 3 * steps)
    longest = np.maximum(pairs.source_lengths, pairs.target_lengths)
    assert 0 < (longest > 70).sum() < 300
    orders = [numbers(corpus, batches[begin : begin + steps]) for begin in (0, steps, 2 * steps)]
    for order in orders:
        assert sorted(order) == np.flatnonzero(longest <= 70).tolist()
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_batches_keep_to_their_limits(corpus):
    pairs = corpus.split("train")
    batches = take(training_batches(pairs, seed=0, **BATCHES), steps_per_pass(pairs, **BATCHES))
    for source, target_in, target_out in batches:
        assert source.size + target_out.size <= 1500 and len(source) <= 24
        assert len(source) <= 8 or len(source) % 8 == 0
        assert target_in.shape == target_out.shape
        assert source[:, -1].any() and target_out[:, -1].any()  # no wider than the longest
    assert sum(len(source) for source, _, _ in batches) > 8 * len(batches)


def test_pairs_of_like_lengths_change_batches_between_passes(corpus):
    pairs = corpus.split("train")
    steps = steps_per_pass(pairs, **BATCHES)
    batches = take(training_batches(pairs, seed=0, **BATCHES), 2 * steps)
    companies = [
        {frozenset(numbers(corpus, [batch])) for batch in batches[begin : begin + steps]}
        for begin in (0, steps)
    ]
    assert len(companies[0] & companies[1]) < steps / 2


@pytest.mark.parametrize("start", [1, 19, 60])
def test_training_batches_are_a_function_of_seed_and_step(corpus, start):
    pairs = corpus.split("train")
    whole = take(training_batches(pairs, seed=1, **BATCHES), start + 4)
    assert same(whole[start:], take(training_batches(pairs, seed=1, start_step=start, **BATCHES), 4))
    assert not same(whole[start:], take(training_batches(pairs, seed=2, start_step=start, **BATCHES), 4))


def test_altered_batches_are_a_function_of_seed_and_step(corpus):
    pairs, size = corpus.split("train"), corpus.tokenizers[0].size
    options = {**BATCHES, "alterations": Alterations(size, noise=0.2)}
    plain, whole = (take(training_batches(pairs, seed=1, **keys), 12) for keys in (BATCHES, options))
    assert same(whole[8:], take(training_batches(pairs, seed=1, start_step=8, **options), 4))
    for (source, target_in, target), (noisy, *rest) in zip(plain, whole, strict=True):
        assert noisy.shape != source.shape or (noisy != source).any()
        assert same([tuple(rest)], [(target_in, target)])
    options["alterations"] = Alterations(size, altered=0.5)
    for source, target_in, target in take(training_batches(pairs, seed=1, **options), 4):
        np.testing.assert_array_equal(source, target)
        np.testing.assert_array_equal(target_in[:, 0], 2)
        np.testing.assert_array_equal(target_in[:, 1:], np.where(target[:, :-1] == 3, 0, target[:, :-1]))


def test_the_order_stays_what_it_is(corpus):
    # Written down when first made: runs resumed under a later version must see the same order.
    batches = take(training_batches(corpus.split("train"), seed=7, **BATCHES), 1)
    expected = [
        130, 220, 66, 114, 6, 39, 105, 297, 256, 147, 207, 298,
        198, 223, 278, 63, 211, 57, 49, 213, 197, 265, 275, 19,
    ]  # fmt: skip
    assert numbers(corpus, batches) == expected


def padding_of(batches):
    rows = [array for source, _, target_out in batches for array in (source, target_out)]
    return sum((array == 0).sum() for array in rows) / sum(array.size for array in rows)


def test_sorting_leaves_little_padding(corpus):
    pairs = corpus.split("train")
    batches = take(training_batches(pairs, seed=5, **BATCHES), steps_per_pass(pairs, **BATCHES))
    assert padding_of(batches) < 0.15


def test_a_pair_above_the_limit_is_a_batch_alone(corpus):
    pairs = corpus.split("train")
    settings = {"batch_tokens": 20, "batch_size": 24, "max_length": 1000}
    assert steps_per_pass(pairs, **settings) == 300 - sum(
        len(batch[0]) - 1 for batch in take(training_batches(pairs, seed=0, **settings), 300)
    )


def test_no_pair_short_enough_is_an_error(corpus):
    with pytest.raises(DataError, match="none of 300 pairs of sentences has at most 2 tokens on each side"):
        training_batches(corpus.split("train"), **{**BATCHES, "max_length": 2}, seed=0)


def test_validation_batches_have_all_pairs_longest_first(corpus):
    pairs = corpus.split("train")
    dataset = validation_batches(pairs, batch_tokens=1500, batch_size=24)
    batches = take(dataset, -1)
    assert dataset.cardinality() == len(batches)
    assert sorted(numbers(corpus, batches)) == list(range(300))
    widths = [target_out.shape[1] for _, _, target_out in batches]
    assert widths == sorted(widths, reverse=True) and widths[0] == pairs.target_lengths.max() + 1
    assert all(source.size + target_out.size <= 1500 for source, _, target_out in batches)
    assert same(batches, take(dataset, -1))


def test_validation_of_nothing_is_empty(corpus):
    assert take(validation_batches(corpus.split("test"), batch_tokens=10, batch_size=2), -1) == []


def test_batch_shapes_are_free(corpus):
    spec = tf.TensorSpec([None, None], tf.int32)
    for dataset in (
        training_batches(corpus.split("train"), seed=0, **BATCHES),
        validation_batches(corpus.split("train"), batch_tokens=99, batch_size=9),
    ):
        assert dataset.element_spec == ({"source": spec, "target_in": spec}, spec)


def test_tatoeba_is_split_without_leaks_and_batched_with_little_padding(tmp_path):
    corpus = prepare(pairs="sample:tatoeba-cmn-eng", swap=True, kind="characters", cache=tmp_path)
    # 27,371 pairs, 88 of them training pairs that were there before.
    assert corpus.sizes == {"train": 24546, "valid": 1369, "test": 1368}
    for side in (0, 1):
        sentences = [set(corpus.texts(name)[side]) for name in SPLITS]
        assert len(set.union(*sentences)) == sum(map(len, sentences))
    settings = {"batch_tokens": 3000, "batch_size": 256, "max_length": 200}
    batches = take(training_batches(corpus.split("train"), seed=0, **settings), 50)
    assert padding_of(batches) < 0.1
