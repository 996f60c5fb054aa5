"""The configuration of synthesis: four sections, what is refused, what a run takes over from another one."""

import inspect

import pytest

from kerasapp.commands import train
from kerasapp.config import parsing
from kerasapp.config.building import build, flatten
from kerasapp.config.presets import preset
from kerasapp.errors import ConfigError
from kerasapp.tasks.synthesis.config import CUT, PATHS, VOCABULARY, SynthesisData

FOLDER = ("--preset", "ljspeech", "--data.directory", "clips")


def parse(*words):
    return train.parse("synthesis", words).config


def test_the_default_preset_reads_digits_that_are_shipped():
    config = parse()
    assert config == preset("synthesis", "digits")
    assert config.data.directory == "sample:digits"
    assert (config.audio.sample_rate, config.audio.mels, config.audio.f_max) == (8000, 64, 4000)
    assert config.training.minutes == 14


def test_the_other_takes_a_folder():
    config = parse(*FOLDER)
    assert config == build(preset("synthesis", "ljspeech"), {"data.directory": "clips"})
    assert (config.audio.sample_rate, config.training.minutes) == (22_050, 90)


def test_the_audio_section_has_flags_and_a_place_in_files(tmp_path):
    config = parse("--audio.mels", "40", "--audio.f_max", "null", "--audio.loudness_db", "-20.5")
    assert (config.audio.mels, config.audio.f_max, config.audio.loudness_db) == (40, None, -20.5)
    parsing.save(config, tmp_path / "config.yaml")
    assert parsing.load(tmp_path / "config.yaml") == config
    (tmp_path / "part.yaml").write_text("audio: {hop_ms: 10, window_ms: 40}\ntraining: {guide_weight: 0}\n")
    config = parse("--config", str(tmp_path / "part.yaml"))
    assert (config.audio.hop, config.audio.window, config.training.guide_weight) == (80, 320, 0)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--preset", "ljspeech"], ["data.directory: required", "train synthesis --preset ljspeech --data"]),
        ([*FOLDER, "--data.split", "0.9", "0.1", "0.1"], ["data.split", "sum to 1"]),
        ([*FOLDER, "--data.split", "0", "0.5", "0.5"], ["data.split", "train on"]),
        ([*FOLDER, "--data.split", "1", "0", "0", "--training.patience", "2"], ["training.patience"]),
        ([*FOLDER, "--data.files", "a"], ["--data.files;", "--data."]),
        ([*FOLDER, "--data.language", "german"], ["data.language", "english, none"]),
        ([*FOLDER, "--data.batch_frames", "900"], ["data.batch_frames: 900", "960 frames"]),
        ([*FOLDER, "--data.frequency_mask", "80"], ["data.frequency_mask: 80", "audio.mels, 80"]),
        ([*FOLDER, "--data.max_failures", "2"], ["data.max_failures", "at most 1"]),
        ([*FOLDER, "--audio.sample_rate", "8000"], ["audio.f_max: 8000", "audio.sample_rate"]),
        ([*FOLDER, "--audio.mel", "8"], ["audio.mels"]),
        ([*FOLDER, "--model.encoder_units", "7"], ["model.encoder_units: 7", "even"]),
        ([*FOLDER, "--model.attention", "none"], ["model.attention", "location"]),
        (
            [*FOLDER, "--model.attention", "multi_head", "--model.attention_size", "6"],
            ["model.attention_size: 6", "4"],
        ),
        ([*FOLDER, "--model.prenet_dropout", "1"], ["model.prenet_dropout", "below 1"]),
        ([*FOLDER, "--model.reduction", "0"], ["model.reduction", "at least 1"]),
        ([*FOLDER, "--training.guide_weight=-1"], ["training.guide_weight", "at least 0"]),
    ],
)
def test_refused(words, parts):
    with pytest.raises(ConfigError) as caught:
        parse(*words)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_a_file_from_before_the_discriminator_was_removed_loads(tmp_path):
    parsing.save(parse(*FOLDER), tmp_path / "config.yaml")
    text = (tmp_path / "config.yaml").read_text()
    old = "training:\n  adversarial_weight: 0.2\n  adversarial_start: 0\n  discriminator_rate: 0.001\n"
    (tmp_path / "old.yaml").write_text(text.replace("training:\n", old))
    assert parsing.load(tmp_path / "old.yaml") == parse(*FOLDER)
    with pytest.raises(ConfigError, match="adversarial_weight"):
        parse(*FOLDER, "--training.adversarial_weight", "1")


def test_parts_of_the_data():
    data = SynthesisData(split=(0.9, 0.1, 0))
    assert [data.has(part) for part in ("train", "valid", "test")] == [True, True, False]
    assert build(preset("synthesis"), {"data.split": (0.9, 0.1, 0)}).data.default_split == "valid"
    assert preset("synthesis").data.default_split == "test"
    preset("synthesis").data.check_trainable(3)


def test_what_is_named_are_keys():
    known = flatten(preset("synthesis")).keys()
    assert known > {*PATHS, *CUT, *VOCABULARY, *parsing.NOT_COMPARED}


def test_other_spectrograms_are_another_run_and_other_phases_are_not():
    old = preset("synthesis")
    new = build(old, {"audio": {"griffin_lim_iterations": 9, "griffin_lim_momentum": 0}})
    assert parsing.differing_keys(old, new) == []
    assert parsing.differing_keys(old, build(old, {"audio.mels": 40})) == ["audio.mels: 64 -> 40"]


def test_a_start_gives_model_and_spectrograms():
    initial = build(preset("synthesis", "digits"), {"audio.mels": 40, "model.decoder_units": 8})

    def start(*words):
        found = train.parse("synthesis", [*FOLDER, "--from", "x", *words], trained=lambda path: initial)
        return found.config

    config = start("--model.dropout", "0.5", "--audio.griffin_lim_iterations", "5", "--audio.trim_db", "0")
    assert (config.audio.sample_rate, config.audio.mels, config.model.decoder_units) == (8000, 40, 8)
    assert (config.data.directory, config.audio.griffin_lim_iterations) == ("clips", 5)
    for flags in (["--audio.mels", "41"], ["--data.language", "none"], ["--model.reduction", "2"]):
        with pytest.raises(ConfigError, match="that of the run to start from"):
            start(*flags)


def test_the_model_takes_its_section():
    from kerasapp.tasks.synthesis.model import SynthesisModel

    others = {"vocabulary_size", "mels", "dtype", "name", "kwargs"}
    names = inspect.signature(SynthesisModel).parameters.keys() - others
    assert vars(preset("synthesis").model).keys() == names


def test_help_has_the_texts_of_all_sections(capsys):
    with pytest.raises(SystemExit):
        train.parse("synthesis", ["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "Peak learning rate",
        "Most clips per training batch",
        "Bands of the mel spectrogram",
        "diagonal",
    ):
        assert text in shown
    assert "Examples in a training step" not in shown
