"""Configurations built in Python, and their files."""

import pytest
from refusals import refusal

from kerasapp import spec
from kerasapp.config import parsing
from kerasapp.config.presets import config_module, preset
from kerasapp.config.training import TrainingConfig
from kerasapp.tasks.generation.config import LanguageModelConfig, TextData


@pytest.mark.parametrize(
    "make",
    [
        lambda: TrainingConfig(steps="many"),
        lambda: TrainingConfig(),
        lambda: TrainingConfig(steps=1, minutes=1),
        lambda: TextData(split=(0.5, 0.1, 0.1)),
        lambda: LanguageModelConfig(units=0),
    ],
)
def test_the_dataclasses_check_themselves(make):
    refusal(make)


# === Building in Python ===


def test_build_takes_sections_and_dotted_keys():
    config = parsing.build(
        preset("generation"), {"model": {"units": 8}, "training.steps": 5}, {"data": {"files": ["a"]}}
    )
    assert (config.model.units, config.training.steps, config.training.minutes) == (8, 5, None)
    assert config.data.files == ("a",)
    assert preset("generation").model.units == 256


def test_override_changes_one_section():
    config = preset("generation")
    assert parsing.override(config, {"data.files": ["x", "y"]}).data.files == ("x", "y")
    assert parsing.override(config, {"data": {"files": ["x"]}}).data.files == ("x",)
    assert parsing.override(config, {}) == config
    assert parsing.override(config, {"data": vars(config.data)}) == config
    # An evaluation may score a whole file, with a run that stopped early or not.
    patient = parsing.build(config, {"training.patience": 3})
    assert parsing.override(patient, {"data.split": [0, 0, 1]}).data.split == (0, 0, 1)
    assert parsing.override(config, {"model.units": 8}, section=None).model.units == 8
    assert "data.files" in refusal(parsing.override, config, {"data.file": ["x"]})
    assert "model" in refusal(parsing.override, config, {"model": {"units": 8}})


# === Files ===


@pytest.mark.parametrize("name", list(config_module("generation").PRESETS))
def test_save_and_load_agree(tmp_path, name):
    config = parsing.build(
        preset("generation", name), {"data.files": ["诗.txt", "b"], "training.weight_decay": 1e-7}
    )
    parsing.save(config, tmp_path / "config.yaml")
    assert parsing.load(tmp_path / "config.yaml") == config
    assert parsing.build(preset("generation"), parsing.read_yaml(tmp_path / "config.yaml")[1]) == config
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]  # nothing of the atomic write stays


def test_a_saved_file_never_overwrites_a_run(tmp_path):
    parsing.save(parsing.build(preset("generation"), {"training.overwrite": True}), tmp_path / "config.yaml")
    assert parsing.load(tmp_path / "config.yaml").training.overwrite is False


def test_load_names_file_and_key(tmp_path):
    path = tmp_path / "given.yaml"
    path.write_text("task: generation\nmodel: {unit: 3}")
    assert refusal(parsing.load, path).startswith(f"{path}: model.unit: unknown key")
    path.write_text("model: {units: 3}")
    assert refusal(parsing.load, path) == (
        f"{path}: task: required, one of generation, translation, synthesis, series"
    )


def test_differing_keys():
    old = preset("generation")
    new = parsing.build(
        old, {"training": {"steps": 9, "overwrite": True, "save_seconds": 1}, "data.cache": "/tmp/c"}
    )
    assert parsing.differing_keys(old, new) == ["training.steps: null -> 9", "training.minutes: 4.0 -> null"]
    assert parsing.differing_keys(old, old) == []


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"data: {cache: caf\xe9}")
    assert refusal(parsing.load, path) == f"{path}: byte 17: not UTF-8"


# === Presets ===


@pytest.mark.parametrize("task", spec.names())
def test_presets_say_command_and_time(task):
    for name, function in config_module(task).PRESETS.items():
        assert f"kerasapp train {task} --preset {name}" in function.__doc__
        assert "minutes" in function.__doc__
        assert isinstance(function(), config_module(task).CONFIG)
