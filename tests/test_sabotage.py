"""`kerasapp verify` against saboteurs: what is broken is found, what is not holds (see tests/sabotage)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sabotage import running
from sabotage.in_process import Kept
from sabotage.saboteur import BASES, Copy, Saboteur, broken_copy, seal
from sabotage.suite import SABOTEURS

from kerasapp.verify import runtimes

QUICK = {
    "generation": (
        "float32: one weight",
        "float16: weights at random",
        "dynamic: weights at random",
        "vocabulary: two rare characters swapped",
        "metadata: NFKC for NFC",
        "metadata: another default seed",
        "metadata: another line break",
        "phone: refuses prompts of more than 4 characters",
        "phone: ignores the seed",
        "phone: ignores the stop string",
        "serving_default: greedy",
        "step: forgets its states",
        "SavedModel: one weight",
    ),
}


def of(base):
    return [saboteur for saboteur in SABOTEURS if saboteur.base == base]


def version_of(base, request):
    """The version's folder that the fixture of a base makes."""
    folder = request.getfixturevalue(BASES[base])
    return folder.parent if folder.name == "tflite" else folder / "1"


# === The saboteurs themselves ===


def test_there_are_enough_and_each_has_a_name_and_rows():
    assert len(SABOTEURS) >= 60 and {saboteur.base for saboteur in SABOTEURS} == set(BASES)
    for base in BASES:
        names = [saboteur.name for saboteur in of(base)]
        assert len(names) == len(set(names))
    known = {*runtimes.EXACT, *(f"{e}_{p}" for e in runtimes.ENGINES for p in runtimes.PRECISIONS)}
    assert all(saboteur.rows and set(saboteur.rows) <= known for saboteur in SABOTEURS)


def test_a_copy_has_right_checksums_and_the_export_stays(tiny_bundle, tmp_path):
    from kerasapp_lite.bundle import Bundle

    before = {path: path.read_bytes() for path in tiny_bundle.rglob("*") if path.is_file()}
    (saboteur,) = (one for one in of("generation") if one.name == "vocabulary: another order")
    copy = broken_copy(saboteur, tiny_bundle.parent, None, tmp_path)
    assert (copy.bundle / "vocabulary.json").read_bytes() != (tiny_bundle / "vocabulary.json").read_bytes()
    Bundle(copy.bundle, "float32").vocabulary("vocabulary")  # compares the checksums
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_change_that_changes_nothing_is_no_saboteur(tiny_bundle, tmp_path):
    from sabotage import bundles

    with pytest.raises(AssertionError):
        bundles.put("limits", "chunk", value=64)(Copy(tiny_bundle.parent, None))
    with pytest.raises(AssertionError):
        bundles.lite("sampling.py", "no such line", "")(Copy(tmp_path / "a" / "b", None))


@pytest.mark.parametrize("base", BASES)
def test_the_lines_that_are_changed_in_a_runtime_are_there(base, tmp_path):
    of_runtimes = [one for one in of(base) if one.name.startswith(("phone:", "TensorFlow's loader:"))]
    for place, saboteur in enumerate(of_runtimes):
        copy = Copy(tmp_path / str(place) / "export" / "1", None)
        saboteur.how(copy)
        assert copy.paths


def test_sealing_twice_changes_nothing(tiny_bundle, tmp_path):
    import shutil

    version = shutil.copytree(tiny_bundle.parent, tmp_path / "1")
    seal(version)
    once = (version / "tflite" / "metadata.json").read_bytes()
    seal(version)
    assert (version / "tflite" / "metadata.json").read_bytes() == once
    assert json.loads(once) == json.loads((tiny_bundle / "metadata.json").read_bytes())


ROW = {
    "ok": False,
    "problems": ["1 of 9 answers differ"],
    "first_difference": {"input": "a"},
    "batched": None,
}
FINE = {"ok": True, "problems": [], "first_difference": None, "batched": None}
TOLD = "rest: 1 of 9 answers differ"
VERDICTS = {
    "caught": ((1, {"keras": FINE, "rest": ROW}, TOLD, 1.0), None),
    "yes": ((0, {"keras": FINE, "rest": FINE}, "", 1.0), "exit code 0"),
    "hung": ((None, {}, "", 1.0), "hung"),
    "another row": ((1, {"keras": FINE, "rest": FINE}, "", 1.0), "rest says yes"),
    "not named": ((1, {"keras": FINE, "rest": ROW}, "", 1.0), "rest is not named"),
    "no first difference": (
        (1, {"keras": FINE, "rest": {**ROW, "first_difference": None}}, TOLD, 1.0),
        "does not tell the first difference",
    ),
    "keras too": ((1, {"keras": ROW, "rest": ROW}, TOLD, 1.0), "keras is blamed"),
}


@pytest.mark.parametrize(("verdict", "wanted"), VERDICTS.values(), ids=VERDICTS)
def test_only_a_no_that_is_told_counts(verdict, wanted):
    saboteur = Saboteur("a break", "generation", None, ("rest",))
    found = running.missed(saboteur, running.Verdict(*verdict))
    assert found is None if wanted is None else wanted in found


# === The quick part ===


@pytest.fixture(scope="module")
def kept():
    return Kept()


def test_the_untouched_export_holds(kept, tiny_bundle):
    phones = [f"tflite_{precision}" for precision in runtimes.PRECISIONS]
    found = kept.verify(tiny_bundle.parent, ("saved_model", *phones))
    assert found.code == 0, found.told
    assert all(row["ok"] for row in found.rows.values())


def test_a_copy_that_is_saved_again_holds(kept, tiny_bundle, tmp_path):
    copy = broken_copy(running.harmless("generation"), tiny_bundle.parent, None, tmp_path)
    found = kept.verify(copy.version, ("saved_model", "tflite_float32"))
    assert found.code == 0, found.told


@pytest.mark.parametrize(("base", "name"), [(base, name) for base in QUICK for name in QUICK[base]])
def test_a_saboteur_is_caught(kept, base, name, request, tmp_path):
    (saboteur,) = (one for one in of(base) if one.name == name)
    wrong, found = running.tried(saboteur, version_of(base, request), None, tmp_path, kept.verify)
    assert wrong is None, found.told


# === The whole suite, through the command ===


@pytest.fixture(scope="session")
def other(once, request):
    """Function base -> a version of the same model from another checkpoint."""

    def made(base):
        version = version_of(base, request)
        folder = once(f"other_{base}", lambda folder: running.another_checkpoint(version, folder))
        return folder / version.parent.name / "1"

    return made


@pytest.mark.slow
@pytest.mark.parametrize("saboteur", SABOTEURS, ids=lambda one: f"{one.base}: {one.name}")
def test_every_saboteur_is_caught_by_the_command(saboteur, other, request, tmp_path):
    version = version_of(saboteur.base, request)
    wrong, found = running.tried(saboteur, version, other(saboteur.base), tmp_path)
    assert wrong is None, found.told


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
def test_a_copy_that_is_saved_again_holds_everywhere(base, request, tmp_path):
    copy = broken_copy(running.harmless(base), version_of(base, request), None, tmp_path)
    found = running.verify(copy.version)
    assert found.code == 0, found.told


@pytest.fixture
def busy():
    """Ten other processes that keep the cores busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(10)]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
def test_the_untouched_export_holds_ten_times_on_a_busy_machine(base, request, busy):
    version = Path(version_of(base, request))
    for _ in range(10):
        found = running.verify(version)
        assert found.code == 0, found.told
