"""Which folders are models and versions, and what a models.config says."""

import pytest

from kerasapp.artefact import versions
from kerasapp.serving.models import model_config
from kerasapp.serving.models.model_config import (
    ModelConfig,
    VersionPolicy,
    find_models,
    folder_reader,
    read_model_config,
)
from kerasapp.serving.protocol.errors import ServingError

# From TF Serving's g3doc/serving_config.md
CONFIG = """
model_config_list {
  config {
    name: 'my_first_model'
    base_path: '/tmp/my_first_model/'
    model_platform: 'tensorflow'
    model_version_policy { specific { versions: 42 versions: 43 } }
    version_labels { key: 'stable' value: 43 }
    version_labels { key: 'canary' value: 42 }
  }
  config { name: "second" base_path: "/tmp/second" model_platform: "tensorflow" }
  config {
    name: "third" base_path: "/tmp/third" model_type: TENSORFLOW
    model_version_policy { latest { num_versions: 2 } }
  }
  config {
    name: "fourth" base_path: "/tmp/fourth" model_platform: "tensorflow" model_version_policy { all {} }
  }
}
"""


@pytest.fixture
def folder(tmp_path):
    """Two versions of a model, and what is no version or no model."""
    for name in ("9", "10", ".tmp-11-abc", "12.partial", "0", "9" * 30):
        (tmp_path / "adder" / name).mkdir(parents=True)
    (tmp_path / "adder" / "13").write_text("a file")
    (tmp_path / "adder" / "10" / "saved_model.pb").touch()
    (tmp_path / "no-versions" / "one").mkdir(parents=True)
    (tmp_path / ".hidden" / "1").mkdir(parents=True)
    (tmp_path / "README.md").write_text("not a model")
    return tmp_path


def test_versions_are_what_tf_serving_takes(folder):
    # 9d981c5c, file_system_storage_path_source.cc:87: absl::SimpleAtoi to int64; :134: the last name counts
    for name in (
        "1764511800123456789",
        "00123",
        "09",
        "-1",
        "9223372036854775808",
        "1.0",
        "0x1",
        "1e3",
        "²",
        "\u00a07",
    ):
        (folder / "adder" / name).mkdir()
    names = {-1: "-1", 0: "0", 9: "9", 10: "10", 123: "00123", 1764511800123456789: "1764511800123456789"}
    found = versions(folder / "adder")
    assert {number: path.name for number, path in found.items()} == names
    assert list(found) == list(names)


def test_a_link_is_followed_anew_and_names_the_model(folder, tmp_path):
    # PollFileSystemForServable looks into base_path as it was given (:277)
    release = tmp_path / "release"
    (release / "old" / "1").mkdir(parents=True)
    (release / "new" / "2").mkdir(parents=True)
    link = tmp_path / "links" / "current"
    link.parent.mkdir()
    link.symlink_to(release / "old")
    models, read = find_models(link), folder_reader(link)
    assert models == {"current": ModelConfig("current", link)} == read()
    assert list(versions(models["current"].base_path)) == [1]
    link.unlink()
    link.symlink_to(release / "new")
    assert list(versions(read()["current"].base_path)) == [2]


def test_models_of_a_folder(folder):
    one = {"adder": ModelConfig("adder", folder / "adder", VersionPolicy("latest", 1))}
    assert find_models(folder) == find_models(folder / "adder") == one


def test_a_model_whose_name_is_a_number_hides_no_other(folder):
    (folder / "2024" / "1").mkdir(parents=True)
    (folder / "77").mkdir()
    assert list(find_models(folder)) == ["2024", "adder"]


def test_a_folder_that_cannot_be_read_hides_no_other(folder, monkeypatch):
    (folder / "lost+found").mkdir()

    def versions_of(path):
        if path.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return versions(path)

    monkeypatch.setattr(model_config, "versions", versions_of)
    assert list(find_models(folder)) == ["adder", "lost+found"]
    (folder / "adder").rename(folder / ".adder")
    with pytest.raises(ServingError, match="no model found"):
        find_models(folder)


@pytest.mark.parametrize(
    ("path", "message"),
    [("missing", "no such folder"), ("no-versions", "no model found"), ("adder/10", "give the folder above")],
)
def test_folders_that_hold_no_model(folder, path, message):
    with pytest.raises(ServingError, match=message) as caught:
        find_models(folder / path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("policy", "numbers", "broken", "chosen"),
    [
        (VersionPolicy(), [1, 2, 10], [], {10}),
        (VersionPolicy("latest", 2), [1, 2, 10], [], {2, 10}),
        (VersionPolicy("latest", 2), [1, 2, 10], [10], {1, 2}),
        (VersionPolicy("latest", 5), [1], [1], set()),
        (VersionPolicy("specific", numbers=frozenset({2, 3})), [1, 2], [], {2}),
        (VersionPolicy("specific", numbers=frozenset({2, 3})), [1, 2], [2], {2}),
        (VersionPolicy("all"), [1, 2], [1], {1, 2}),
        (VersionPolicy("all"), [], [], set()),
    ],
)
def test_policies(policy, numbers, broken, chosen):
    assert policy.choose(numbers, broken) == chosen


def test_a_models_config(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(CONFIG)
    models = read_model_config(path)
    assert list(models) == ["my_first_model", "second", "third", "fourth"]
    assert models["my_first_model"].policy == VersionPolicy("specific", numbers=frozenset({42, 43}))
    assert models["my_first_model"].labels == {"stable": 43, "canary": 42}
    assert str(models["my_first_model"].base_path) == "/tmp/my_first_model"
    assert models["second"] == ModelConfig("second", tmp_path.__class__("/tmp/second"))
    assert models["third"].policy == VersionPolicy("latest", 2)
    assert models["fourth"].policy == VersionPolicy("all")


@pytest.mark.parametrize(
    ("latest", "count"), [("{}", 1), ("{ num_versions: 0 }", 1), ("{ num_versions: 3 }", 3)]
)
def test_the_latest_versions_are_one_at_least(tmp_path, latest, count):
    text = entry(model_version_policy=f"{{ latest {latest} }}")
    (tmp_path / "models.config").write_text(f"model_config_list {{ {text} }}")
    assert read_model_config(tmp_path / "models.config")["a"].policy == VersionPolicy("latest", count)


def entry(**fields):
    fields = {"name": '"a"', "base_path": '"/a"', "model_platform": '"tensorflow"', **fields}
    return "config { " + " ".join(f"{key}: {value}" for key, value in fields.items() if value) + " }"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_list {\n  config { nam: 'a' }\n}", 'line 2, column 12: .* no field named "nam"'),
        ("model_config_list {\n  config {", 'line 2, column 10: Expected "}"'),
        ("", "model_config_list is missing"),
        ("custom_model_config {}", "model_config_list is missing"),
        (f"model_config_list {{ {entry()} {entry()} }}", r"config\[1\]\.name: Illegal to list model a mul"),
        (f"model_config_list {{ {entry(name=None)} }}", r"config\[0\]\.name: '' cannot be a model's name"),
        *(
            (
                f"model_config_list {{ {entry(name=repr(name))} }}",
                f"{name!r} cannot be a model's name in a URL",
            )
            for name in ("a/b", "a:b")  # what follows ":" would be the method
        ),
        (f"model_config_list {{ {entry(base_path=None)} }}", r"config\[0\]\.base_path: .* an absolute path"),
        (f"model_config_list {{ {entry(base_path=repr('a'))} }}", r"an absolute path; got 'a'"),
        (f"model_config_list {{ {entry(model_platform=None)} }}", r"config\[0\]\.model_platform: is missing"),
        (f"model_config_list {{ {entry(model_platform=repr('caffe'))} }}", "unsupported platform caffe"),
        (f"model_config_list {{ {entry(model_type='TENSORFLOW')} }}", "Illegal setting both"),
        (f"model_config_list {{ {entry(model_type='OTHER', model_platform=None)} }}", "unsupported platform"),
    ],
)
def test_wrong_models_configs(tmp_path, text, message):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ServingError, match=message) as caught:
        read_model_config(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_models_config_that_cannot_be_read(tmp_path):
    with pytest.raises(ServingError, match=r"none\.config: cannot be read: No such file"):
        read_model_config(tmp_path / "none.config")
    (tmp_path / "latin.config").write_bytes("é".encode("latin-1"))
    with pytest.raises(ServingError, match=r"latin\.config: byte 0 is no UTF-8 text"):
        read_model_config(tmp_path / "latin.config")
