"""Which models and versions are served: read from a folder, or from TF Serving's ModelServerConfig.

The rules are those of tensorflow_serving/model_servers/server_core.cc (what a configuration may hold) and
tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc (which versions a policy means).
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kerasapp.artefact import versions
from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.protocol.text_proto import parse_file

_PLATFORM = "tensorflow"
_TENSORFLOW = 1  # in the deprecated enum ModelType


@dataclass(frozen=True)
class VersionPolicy:
    """Which of a model's versions are served."""

    kind: str = "latest"  # for the newest `count`; or "all", or "specific" for `numbers`
    count: int = 1
    numbers: frozenset[int] = frozenset()

    def choose(self, numbers: Collection[int], broken: Collection[int] = ()) -> set[int]:
        """The versions to serve.

        Args:
            numbers: those on disk.
            broken: those that could not be loaded. "latest" skips them, so that the version before serves
                on. TF Serving, started with a broken newest version, would serve none.

        Example:
            >>> VersionPolicy().choose([1, 2, 3], broken=[3])
            {2}
        """
        if self.kind == "latest":
            return set(sorted(set(numbers) - set(broken))[-self.count :])
        return set(numbers) if self.kind == "all" else self.numbers & set(numbers)


@dataclass(frozen=True)
class ModelConfig:
    """One model: the folder that holds its versions, which of them are served, and the version per label."""

    name: str
    base_path: Path
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)


def find_models(folder: Path) -> dict[str, ModelConfig]:
    """The models in a folder, by name; the newest version of each is served, as in TF Serving.

    Args:
        folder: holds `NAME/VERSION/...`, or is the folder of one model.

    Raises:
        ServingError: there is no such folder, or no model in it.
    """
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise ServingError(f"{folder}: no such folder; export a model first (kerasapp export)")
    if (folder / "saved_model.pb").is_file():
        raise ServingError(f"{folder}: this is one version of a model; give the folder above it")
    models = folder_reader(folder)()
    if not any(_has_versions(model.base_path, unreadable=False) for model in models.values()):
        raise ServingError(
            f"{folder}: no model found; expected NAME/VERSION/saved_model.pb, VERSION being 1, 2, ..."
        )
    return models


def folder_reader(folder: Path) -> Callable[[], dict[str, ModelConfig]]:
    """A function that finds the models that are in a folder when it is called; there may be none.

    Whether the folder is one model or holds several is decided here, once: one whose name is a number is a
    model if it has versions. Hidden folders are not searched. One that cannot be read counts as a model, so
    that the registry tells of it. A link is followed anew each time, and names the model.
    """
    folder = Path(os.path.abspath(folder))  # no `resolve`: TF Serving polls the path that it was given

    def inside() -> list[Path]:
        return [path for path in sorted(folder.iterdir()) if path.name[0] != "." and path.is_dir()]

    one = bool(versions(folder)) and not any(_has_versions(path, unreadable=False) for path in inside())

    def read() -> dict[str, ModelConfig]:
        paths = [folder] if one else [path for path in inside() if _has_versions(path, unreadable=True)]
        return {path.name: ModelConfig(path.name, path) for path in paths}

    return read


def _has_versions(folder: Path, unreadable: bool) -> bool:
    """Whether a folder has versions; `unreadable` for one that cannot be read."""
    try:
        return bool(versions(folder))
    except OSError:
        return unreadable


def read_model_config(path: Path) -> dict[str, ModelConfig]:
    """The models in a models.config, the text form of TF Serving's ModelServerConfig, by name, in its order.

    The folders that it names need not exist.

    Raises:
        ServingError: one line that names the file and the line or the field that is wrong.

    Example:
        >>> read_model_config(Path("models.config"))["shakespeare"].labels  # doctest: +SKIP
        {'stable': 1, 'canary': 2}
    """
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    message = parse_file(path, ModelServerConfig())
    if message.WhichOneof("config") != "model_config_list":
        raise ServingError(f"{path}: model_config_list is missing; only such a list of models is served")
    models = {}
    for index, entry in enumerate(message.model_config_list.config):
        where = f"{path}: model_config_list.config[{index}]"
        model = _read_entry(entry, where)
        if model.name in models:
            raise ServingError(f"{where}.name: Illegal to list model {model.name} multiple times")
        models[model.name] = model
    return models


def _read_entry(entry, where: str) -> ModelConfig:
    if not entry.name or set(entry.name) & set("/:"):
        raise ServingError(f"{where}.name: {entry.name!r} cannot be a model's name in a URL")
    if not entry.base_path.startswith("/"):  # ValidateModelConfigList
        raise ServingError(
            f"{where}.base_path: Expected model {entry.name} to have an absolute path; "
            f"got {entry.base_path!r}"
        )
    _check_platform(entry, where)
    policy, kind = entry.model_version_policy, entry.model_version_policy.WhichOneof("policy_choice")
    count, numbers = max(policy.latest.num_versions, 1), frozenset(policy.specific.versions)
    served = VersionPolicy(kind or "latest", count, numbers)
    return ModelConfig(entry.name, Path(entry.base_path), served, dict(entry.version_labels))


def _check_platform(entry, where: str) -> None:  # GetPlatform
    platform, deprecated = entry.model_platform, entry.model_type
    if platform and deprecated:
        raise ServingError(f"{where}: Illegal setting both model_type (deprecated) and model_platform")
    if not platform and not deprecated:
        raise ServingError(f'{where}.model_platform: is missing; expected "{_PLATFORM}"')
    if platform not in ("", _PLATFORM) or deprecated not in (0, _TENSORFLOW):
        raise ServingError(
            f"{where}: requests unsupported platform {platform or deprecated}; expected {_PLATFORM}"
        )
