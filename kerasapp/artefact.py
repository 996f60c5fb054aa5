"""Where a trained model is: a run folder, or an exported version."""

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
    newest = max(versions(path), default=None)
    if newest is not None and (path / str(newest) / EXTRA / "config.yaml").is_file():
        return find(path / str(newest))
    raise ConfigError(
        f"{path}: neither a run (with config.yaml), nor an export (with {EXTRA}), nor a folder of versions"
    )


def versions(folder):
    """The version numbers in an export's folder, in order; empty if there is no such folder."""
    names = (entry.name for entry in Path(folder).glob("[0-9]*/"))  # folders only
    return sorted(int(name) for name in names if name.isdecimal() and name.isascii())
