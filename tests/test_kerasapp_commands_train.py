"""Paths of a run's configuration: whole ones, whatever the task calls them."""

import os

import pytest

from kerasapp.commands.train import absolute, stored_config
from kerasapp.config.building import build
from kerasapp.config.presets import preset
from kerasapp.errors import ConfigError


def test_paths_become_whole_and_samples_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    config = build(preset("generation"), {"data.files": ["a.txt", "~/b.txt", "sample:tinyshakespeare"]})
    here = os.getcwd()
    assert absolute(config).data.files == (f"{here}/a.txt", "/home/somebody/b.txt", "sample:tinyshakespeare")

    given = {"source": "a.de", "target": "/b.en", "valid_source": "../v.de", "valid_target": "v.en"}
    config = build(preset("translation"), {"data": given})
    data = absolute(config).data
    assert (data.source, data.target) == (f"{here}/a.de", "/b.en")
    assert (data.valid_source, data.valid_target) == (f"{os.path.dirname(here)}/v.de", f"{here}/v.en")
    assert (data.pairs, data.test_source) == (None, None)
    chinese = preset("translation", "tatoeba-zh-en")
    assert absolute(chinese) == chinese


def test_what_a_run_has_before_its_configuration_is_no_other_folder(tmp_path):
    for name in ("source_tokenizer.json", "target_tokenizer.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "logs").mkdir()
    assert stored_config(tmp_path) is None
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ConfigError, match="neither empty nor a run"):
        stored_config(tmp_path)
