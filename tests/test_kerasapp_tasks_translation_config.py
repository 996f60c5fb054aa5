"""The configuration of translation: what replaces what, what is refused, what each part of the data is."""

import pytest

from kerasapp.commands import train
from kerasapp.config import parsing
from kerasapp.config.building import build, flatten
from kerasapp.config.presets import preset
from kerasapp.errors import ConfigError
from kerasapp.tasks.translation.config import PATHS, TranslationData, TranslationTraining

FILES = ("--data.source", "a.de", "--data.target", "a.en")


def parse(*words):
    return train.parse("translation", words).config


def test_the_default_preset_takes_a_corpus_of_two_files():
    config = parse(*FILES)
    assert config == build(
        preset("translation", "small-corpus"), {"data": {"source": "a.de", "target": "a.en"}}
    )
    assert (config.training.minutes, config.training.label_smoothing) == (80, 0.1)


def test_pairs_and_files_replace_each_other():
    chinese = preset("translation", "tatoeba-zh-en")
    assert (chinese.data.pairs, chinese.data.swap) == ("sample:tatoeba-cmn-eng", True)
    data = parse("--preset", "tatoeba-zh-en", *FILES).data
    assert (data.pairs, data.source, data.target, data.swap) == (None, "a.de", "a.en", False)
    other = build(chinese, {"data.pairs": "b.tsv"}).data
    assert (other.pairs, other.swap) == ("b.tsv", True)  # columns in the order that was trained on
    again = build(parse(*FILES), {"data.pairs": "b.tsv"}).data
    assert (again.pairs, again.source, again.target) == ("b.tsv", None, None)
    assert build(chinese, {"data": vars(chinese.data)}) == chinese


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["data.pairs", "kerasapp train translation --preset small-corpus --data.source"]),
        (["--data.source", "a"], ["data.target: required"]),
        (["--preset", "tatoeba-zh-en", "--data.target", "a"], ["data.source: required"]),
        (["--data.pairs", "a", "--data.source", "b"], ["data.pairs", "data.source"]),
        ([*FILES, "--data.valid_source", "v"], ["data.valid_target: required beside data.valid_source"]),
        ([*FILES, "--data.test_target", "v"], ["data.test_source: required beside data.test_target"]),
        ([*FILES, "--data.split", "0.9", "0.1", "0.1"], ["data.split", "sum to 1"]),
        ([*FILES, "--data.split", "0", "0.5", "0.5"], ["data.split", "train on"]),
        ([*FILES, "--data.split", "1", "0", "0", "--training.patience", "2"], ["training.patience"]),
        ([*FILES, "--data.files", "a"], ["--data.files;", "--data."]),
        ([*FILES, "--model.units", "7"], ["model.units: 7", "even"]),
        ([*FILES, "--model.cell", "simple_rnn"], ["model.cell", "lstm, gru"]),
        ([*FILES, "--model.attention", "dots"], ["model.attention", "scaled_dot"]),
        ([*FILES, "--model.attention", "multi_head", "--model.heads", "3"], ["model.heads: 3", "512"]),
        ([*FILES, "--data.autoencode", "true"], ["data.target: ", "data.autoencode", "leave it"]),
        (
            ["--data.source", "a", "--data.autoencode", "true", "--data.test_target", "v"],
            ["data.test_target: ", "leave it"],
        ),
        (["--data.autoencode", "true"], ["data.source or data.pairs: required"]),
        ([*FILES, "--data.altered", "0.5"], ["data.altered: 0.5", "data.autoencode"]),
        (["--preset", "sentence-autoencoder", "--data.noise", "1"], ["data.noise", "below 1"]),
        ([*FILES, "--training.label_smoothing", "1"], ["training.label_smoothing", "below 1"]),
    ],
)
def test_refused(words, parts):
    with pytest.raises(ConfigError) as caught:
        parse(*words)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_a_translator_that_starts_from_an_autoencoder_translates():
    def trained(path):
        return preset("translation", "sentence-autoencoder")

    config = train.parse("translation", [*FILES, "--from", "runs/a"], trained=trained).config
    assert (config.data.autoencode, config.data.target) == (False, "a.en")
    assert config.model.attention == "none" and config.data.joint_vocabulary  # whose weights these are


def test_an_autoencoder_needs_sources_alone():
    shipped = parse("--preset", "sentence-autoencoder").data
    assert (shipped.pairs, shipped.autoencode, shipped.swap) == ("sample:tatoeba-cmn-eng", True, False)
    words = ["--preset", "sentence-autoencoder", "--data.source", "a", "--data.valid_source", "v"]
    data = parse(*words).data
    assert (data.pairs, data.source, data.valid_source, data.target) == (None, "a", "v", None)
    assert data.has("valid") and parse(*FILES, "--data.noise", "0.1").data.noise == 0.1


def test_parts_with_files_of_their_own():
    held_out = TranslationData(split=(0.9, 0.1, 0))
    assert [held_out.has(part) for part in ("train", "valid", "test")] == [True, True, False]
    files = TranslationData(split=(0, 0.5, 0.5), test_source="t", test_target="t")  # its half is for training
    assert [files.has(part) for part in ("train", "valid", "test")] == [True, True, True]
    own = {"valid_source": "v", "valid_target": "v", "split": (1, 0, 0)}
    config = build(preset("translation", "tatoeba-zh-en"), {"data": own, "training.patience": 3})
    assert config.data.default_split == "valid"
    config.data.check_trainable(config.training.patience)


def test_every_path_is_a_key():
    assert set(PATHS) < flatten(preset("translation")).keys()
    assert sorted(PATHS) == sorted(set(PATHS)) and len(PATHS) == 7


def test_a_run_of_another_task_is_no_start():
    with pytest.raises(ConfigError, match="a run of generation"):
        train.parse("translation", [*FILES, "--from", "x"], trained=lambda path: preset("generation"))


def test_a_start_gives_model_and_vocabulary():
    before = {"model.units": 8, "data": {"tokenizer": "characters", "joint_vocabulary": True}}
    initial = build(preset("translation", "tatoeba-zh-en"), before)

    def start(*words):
        return train.parse(
            "translation", [*FILES, "--from", "x", *words], trained=lambda path: initial
        ).config

    config = start("--model.dropout", "0.5", "--data.max_length", "7")
    assert (config.model.units, config.data.tokenizer, config.data.joint_vocabulary) == (
        8,
        "characters",
        True,
    )
    assert (config.model.dropout, config.data.max_length, config.data.source) == (0.5, 7, "a.de")
    for flags in (
        ["--data.tokenizer", "subwords"],
        ["--data.joint_vocabulary", "false"],
        ["--model.heads", "2"],
    ):
        with pytest.raises(ConfigError, match="that of the run to start from"):
            start(*flags)


def test_save_and_load_agree(tmp_path):
    config = build(preset("translation", "tatoeba-zh-en"), {"training.label_smoothing": 0.2})
    parsing.save(config, tmp_path / "config.yaml")
    assert parsing.load(tmp_path / "config.yaml") == config
    assert isinstance(config.training, TranslationTraining)


def test_help_has_the_texts_of_inherited_keys(capsys):
    with pytest.raises(SystemExit):
        train.parse("translation", ["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "Peak learning rate",
        "Most pairs of sentences per training batch",
        "spreads over all tokens",
    ):
        assert text in shown
    assert "Examples in a training step" not in shown
