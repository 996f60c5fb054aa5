"""What a saboteur is: a way to break a copy of an export, as data."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Saboteur:
    """One way to break an export.

    Attributes:
        name: what is broken, in words.
        base: the export that it breaks, one of `BASES`.
        how: function of a `Copy` that breaks it.
        rows: the runtimes that must say no.
        says: a part of the message where no answer shows the break; None where the first difference must be
            told.
    """

    name: str
    base: str
    how: Callable
    rows: tuple
    says: str | None = None


def saboteurs(base, *rows):
    """The saboteurs of an export, of rows (name, how, rows) or (name, how, rows, says)."""
    return [Saboteur(name, base, how, wanted, *says) for name, how, wanted, *says in rows]


BASES = {
    "generation": "tiny_bundle",
    "translation": "reversal_bundle",
    "autoencoder": "echo_export",
    "synthesis": "speech_bundle",
    "series": "wave_bundle",
}
"""The exports that are broken, and the fixture of tests/conftest.py that makes each."""


@dataclass
class Copy:
    """A copy of an export to break.

    Attributes:
        version: the folder of its version.
        other: the folder of a version of the same model from another checkpoint.
        original: the folder of the version that it is a copy of.
        paths: folders of packages that come before all others, for a runtime that is broken itself.
    """

    version: Path
    other: Path
    original: Path | None = None
    paths: list = field(default_factory=list)

    @property
    def bundle(self):
        return self.version / "tflite"

    @property
    def extra(self):
        return self.version / "assets.extra" / "kerasapp"


def broken_copy(saboteur, version, other, folder):
    """A `Copy` of `version` in `folder`, broken, with right checksums."""
    shutil.copytree(version, folder / "broken" / "1")
    copy = Copy(folder / "broken" / "1", other, version)
    saboteur.how(copy)
    seal(copy.version)
    return copy


def seal(version):
    """Makes all checksums of a version right again."""
    path = version / "tflite" / "metadata.json"
    if not path.is_file():
        return
    metadata = json.loads(path.read_text("utf-8"))
    for entry in _entries(metadata):
        content = (path.parent / entry["file"]).read_bytes()
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(metadata, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (path.parent / metadata["checksum"]).write_text(f"{digest}  metadata.json\n", encoding="utf-8")


def _entries(value):
    """The entries of files in metadata, at any depth."""
    if isinstance(value, dict):
        if "sha256" in value:
            yield value
        for part in value.values():
            yield from _entries(part)
