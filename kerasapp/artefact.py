"""Where a trained model is: a run folder, or an exported version."""

import re
from dataclasses import dataclass
from pathlib import Path

from kerasapp.errors import ConfigError

EXTRA = Path("assets.extra", "kerasapp")  # inside an exported version


@dataclass(frozen=True)
class Artefact:
    """The files that make a trained model usable again.

    path: the run folder or the version folder. folder: where config.yaml and the tokenizer are.
    model: the `.keras` file.
    """

    path: Path
    folder: Path
    model: Path

    @property
    def config(self):
        return self.folder / "config.yaml"


def find(path):
    """The `Artefact` at `path`: a run, an exported version, or a folder of versions, whose newest it takes.

    Raises: ConfigError if there is neither.
    """
    path = Path(path)
    if not path.is_dir():
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise ConfigError(f"{path}: no such folder{where}; expected a run or an export")
    if (path / "config.yaml").is_file():
        if not (path / "best.keras").is_file():
            raise ConfigError(f"{path}: this run has no best.keras yet; train on until its first validation")
        return Artefact(path, path, path / "best.keras")
    if (path / EXTRA / "config.yaml").is_file():
        return Artefact(path, path / EXTRA, path / EXTRA / "model.keras")
    newest = list(versions(path).values())[-1:]
    if newest and (newest[0] / EXTRA / "config.yaml").is_file():
        return find(newest[0])
    raise ConfigError(
        f"{path}: neither a run (with config.yaml), nor an export (with {EXTRA}), nor a folder of versions"
    )


def version_number(name):
    """The number that a folder's name means, None for another name: ParseVersionNumber of TF Serving.

    Any 64-bit number counts, with leading zeros and a sign (9d981c5c, file_system_storage_path_source.cc:87).

    Example:
        >>> version_number("00123"), version_number("1.0"), version_number(str(2**63))
        (123, None, None)
    """
    number = int(name) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", name, re.ASCII) else 2**63
    return number if -(2**63) <= number < 2**63 else None


def versions(folder):
    """The version folders in a model's folder by number, in order; of 01 and 1 the last name counts.

    Raises: OSError if the folder cannot be read.
    """
    paths = sorted(path for path in Path(folder).iterdir() if version_number(path.name) is not None)
    found = {version_number(path.name): path for path in paths if path.is_dir()}
    return dict(sorted(found.items()))
