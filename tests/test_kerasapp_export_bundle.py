"""What a bundle's metadata say: true of its files, as the schema has them, and covered by a checksum."""

import hashlib
import json
from importlib import resources

import jsonschema
import pytest

from kerasapp.export import bundle as bundles
from kerasapp.export.bundle import stamp
from kerasapp_lite.bundle import Bundle, BundleError
from pipelines.text.tokenizers import CharacterTokenizer

BUNDLES = ["tiny_bundle", "reversal_bundle", "speech_bundle", "wave_bundle"]
SCHEMA = json.loads((resources.files("kerasapp.export") / "metadata.schema.json").read_text("utf-8"))


def metadata_of(bundle):
    return json.loads((bundle / "metadata.json").read_text("utf-8"))


@pytest.fixture(params=BUNDLES)
def bundle(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    for file in tiny_bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_metadata_are_those_of_the_schema(bundle):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(metadata_of(bundle), SCHEMA)


def broken(metadata, *path, value=None):
    """Metadata in which one value is another, or missing."""
    changed = json.loads(json.dumps(metadata))
    *parents, key = path
    place = changed
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[key]
    else:
        place[key] = value
    return changed


def test_the_schema_refuses_what_is_missing_or_of_another_kind(tiny_bundle):
    metadata = metadata_of(tiny_bundle)
    for wrong in (
        *(broken(metadata, key) for key in SCHEMA["required"]),
        *(broken(metadata, "precisions", "dynamic", key) for key in ("sha256", "least_runtime", "engines")),
        broken(metadata, "precisions", "float32", "engines", value=["another"]),
        broken(metadata, "precisions", "float32", "least_runtime", value="2.17"),
        broken(metadata, "signatures", "step", "inputs", "ids", "dtype", value="int64"),
        broken(metadata, "knobs", 0, "default"),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


def test_each_file_tells_its_least_runtime_and_runs_in_both_engines(bundle):
    least = {}
    for precision, entry in metadata_of(bundle)["precisions"].items():
        assert entry["engines"] == ["interpreter", "compiled"], precision
        least[precision] = tuple(map(int, entry["least_runtime"].split(".")))
    assert all(version >= (1, 5, 0) for version in least.values())
    # Hybrid products need a newer runtime; a model of few weights has none.
    assert least["dynamic"] >= least["float32"]


def test_metadata_have_the_number_of_their_version(bundle):
    assert metadata_of(bundle)["version"] == int(bundle.parent.name) == 1


def test_metadata_have_a_checksum_that_a_new_version_renews(copy):
    for _ in range(2):
        digest = hashlib.sha256((copy / "metadata.json").read_bytes()).hexdigest()
        assert (copy / "metadata.sha256").read_text() == f"{digest}  metadata.json\n"
        Bundle(copy)
        (copy.parent / "tflite").symlink_to(copy)
        stamp(copy.parent, 7)
        (copy.parent / "tflite").unlink()
        assert metadata_of(copy)["version"] == 7


def test_other_metadata_than_the_checksums_are_refused(copy):
    text = (copy / "metadata.json").read_text("utf-8")
    (copy / "metadata.json").write_text(text.replace('"normalisation": "NFC"', '"normalisation": "NFKC"'))
    with pytest.raises(
        BundleError, match=r"metadata.json: is damaged: its SHA-256 is not that of metadata.sha"
    ):
        Bundle(copy)
    (copy / "metadata.json").write_text(text)
    (copy / "metadata.sha256").unlink()
    with pytest.raises(BundleError, match=r"metadata.sha256: cannot be read"):
        Bundle(copy)


def test_a_bundle_made_before_metadata_had_a_checksum_is_read(copy):
    metadata = broken(metadata_of(copy), "checksum")
    for entry in metadata["precisions"].values():
        del entry["engines"], entry["least_runtime"]
    (copy / "metadata.json").write_text(json.dumps(metadata))
    (copy / "metadata.sha256").unlink()
    assert Bundle(copy, "dynamic").signature("step")


def test_an_app_is_told_the_id_that_an_empty_prompt_starts_from(tmp_path):
    tokenizers = {"source": CharacterTokenizer("\tab\n"), "target": CharacterTokenizer("ab")}
    found = bundles._write_vocabularies(tokenizers, tmp_path)
    assert json.loads((tmp_path / "source.json").read_text())["characters"] == ["\t", "\n", "a", "b"]
    assert (found["source"]["line_break"], found["target"]["line_break"]) == (5, 4)  # ids start at 4
