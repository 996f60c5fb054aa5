"""Which folders are versions, and the newest of them."""

import pytest

from kerasapp.artefact import EXTRA, find, version_number, versions


@pytest.mark.parametrize(
    ("name", "number"),
    [
        # 9d981c5c, file_system_storage_path_source.cc:87, ParseVersionNumber: absl::SimpleAtoi to int64
        ("0", 0),
        ("00123", 123),
        ("1764511800123456789", 1764511800123456789),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("-1", -1),
        ("+1", 1),
        ("", None),
        ("1.0", None),
        ("1e3", None),
        ("0x1", None),
        ("1_000", None),
        ("²", None),
        ("١", None),
        (".tmp-11-abc", None),
    ],
)
def test_numbers_of_versions(name, number):
    assert version_number(name) == number


def test_of_two_names_of_one_number_the_last_counts(tmp_path):  # IndexChildrenByVersion, :120
    for name in ("01", "1", "2"):
        (tmp_path / name).mkdir()
    (tmp_path / "3").write_text("a file")
    assert versions(tmp_path) == {1: tmp_path / "1", 2: tmp_path / "2"}


@pytest.mark.parametrize("name", ["00000123", "0", "1764511800123456789"])
def test_the_newest_version_by_its_folder(tmp_path, name):
    (tmp_path / name / EXTRA).mkdir(parents=True)
    (tmp_path / name / EXTRA / "config.yaml").touch()
    assert find(tmp_path) == find(tmp_path / name)
    assert find(tmp_path).path == tmp_path / name
