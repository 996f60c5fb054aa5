"""The models and versions that a server knows, each with its state in TF Serving's words.

A new version takes over only once it is AVAILABLE, and an old one is unloaded only after the requests that
hold it are answered: TF Serving's AvailabilityPreservingPolicy, of
tensorflow_serving/core/availability_preserving_policy.cc.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kerasapp.serving.models.model_config import ModelConfig, find_models, find_versions
from kerasapp.serving.models.versions import Version
from kerasapp.serving.protocol.errors import StatusError, invalid

__all__ = ["Registry", "Report", "Version", "find_models", "find_versions"]

Report = Callable[[str], None]


class Registry:
    """All models of a server. Any thread may ask it; one at a time loads and unloads.

    Args:
        models: each by its name.
        early_labels: whether a label that has no meaning yet may be given to a version before it is
            available: TF Serving's allow_version_labels_for_unavailable_models.
        loaded: gets each version after an attempt to load it.
    """

    def __init__(
        self,
        models: Mapping[str, ModelConfig],
        *,
        early_labels: bool = False,
        loaded: Callable[[Version], None] = lambda version: None,
    ):
        self._configs = dict(models)
        self._early_labels, self._loaded = early_labels, loaded
        self._models: dict[str, dict[int, Version]] = {}
        self._serving: dict[str, dict[int, Version]] = {}  # what can be asked, oldest first
        self._labels: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()  # guards what is above, and every version's state and in_flight
        self._updating = threading.Lock()
        self._told: dict[str, str] = {}  # what was reported last of each model, to say it once

    def configure(self, models: Mapping[str, ModelConfig]) -> None:
        """Serves other models from the next `update` on; those left out are unloaded then."""
        self._configs = dict(models)

    def load(self, report: Report = lambda line: None) -> None:
        """Loads what the configuration wants, one version after the other, and reports each in a line."""
        self.update(report)

    def update(self, report: Report = lambda line: None) -> None:
        """Brings what is loaded in line with the configuration and the folders.

        Loads what is new, gives labels their meaning, and unloads what is wanted no more and held by nobody.
        Takes as long as loading takes; requests are answered meanwhile.
        """
        with self._updating:
            for name in {**self._models, **self._configs}:
                self._update_model(name, report)

    def all_versions(self) -> list[Version]:
        """Every version of every model, in whatever state."""
        with self._lock:
            return [version for versions in self._models.values() for version in versions.values()]

    def available(self) -> dict[str, list[int]]:
        """The versions that can be asked, by model, oldest first; models without one are left out."""
        with self._lock:
            return {name: list(versions) for name, versions in self._serving.items() if versions}

    def knows(self, model: str) -> bool:
        """Whether there is, or was, a model of that name."""
        return model in self._models

    def labels(self, model: str) -> dict[str, int]:
        """The versions that a model's labels mean."""
        with self._lock:
            return dict(self._labels.get(model, {}))

    def get(self, model: str, number: int | None = None) -> Version:
        """An available version, the newest by default; StatusError NOT_FOUND in TF Serving's words."""
        with self._lock:
            return self._get(model, number)

    @contextmanager
    def acquire(self, model: str, number: int | None = None, label: str | None = None) -> Iterator[Version]:
        """An available version, the newest by default, that is not unloaded before the block ends.

        Raises:
            StatusError: NOT_FOUND where there is none; INVALID_ARGUMENT for a label without a meaning.
        """
        with self._lock:
            if label is not None:
                number = self._labels.get(model, {}).get(label)
                if number is None:  # GetModelVersionForLabel in server_core.cc
                    raise invalid(f"Unrecognized servable version label: {label}")
            version = self._get(model, number)
            version.in_flight += 1
        try:
            yield version
        finally:
            with self._lock:
                version.in_flight -= 1

    def versions(self, model: str, number: int | None = None) -> list[Version]:
        """The versions of a model, newest first, or the one asked for; StatusError NOT_FOUND if none."""
        with self._lock:
            versions = self._models.get(model, {})
            if number is None:
                if not versions:
                    raise StatusError("NOT_FOUND", f"Could not find any versions of model {model}")
                return [versions[key] for key in sorted(versions, reverse=True)]
            if number not in versions:
                raise StatusError("NOT_FOUND", f"Could not find version {number} of model {model}")
            return [versions[number]]

    def _get(self, model: str, number: int | None) -> Version:
        versions = self._serving.get(model)
        if number is None and versions:
            return next(reversed(versions.values()))
        if not versions or number not in versions:
            wanted = f"Latest({model})" if number is None else f"Specific({model}, {number})"
            raise StatusError("NOT_FOUND", f"Servable not found for request: {wanted}")
        return versions[number]

    def _update_model(self, name: str, report: Report) -> None:
        versions, config = self._models.get(name, {}), self._configs.get(name)
        try:
            paths = find_versions(config.base_path) if config else {}
        except OSError as error:  # what is loaded serves on, as in PollFileSystemForServable
            self._tell(report, name, f"{name}: cannot look into {config.base_path}: {error.strerror}")
            return
        while True:  # a version that cannot be loaded may make another one wanted
            broken = {
                number for number in paths if number in versions and versions[number].is_broken(paths[number])
            }
            wanted = config.policy.choose(paths, broken) if config else set()
            gone = {number for number, version in versions.items() if version.state == "END"}
            new = wanted - broken - (versions.keys() - gone)  # one that is still being unloaded comes later
            if not new:
                break
            versions = self._load(Version(name, max(new), paths[max(new)]), report)
        self._label(name, config.labels if config else {}, report)
        self._unload(versions, wanted, report)

    def _load(self, version: Version, report: Report) -> dict[int, Version]:
        with self._lock:
            versions = self._models.setdefault(version.model, {})
            versions[version.number] = version
        start = time.perf_counter()
        threads = 1 if self.available() else os.cpu_count() or 1  # those who are answered come first
        success = version.load(threads)
        with self._lock:
            version.state = "AVAILABLE" if success else "END"
            self._serve(version.model)
        seconds = time.perf_counter() - start
        reason = f": {version.code}: {version.message.splitlines()[0]}" if version.message else ""
        report(f"{version.model} version {version.number}: {version.state} after {seconds:.1f} s{reason}")
        self._loaded(version)
        return versions

    def _serve(self, name: str) -> None:
        """Publishes which versions can be asked; the lock is held."""
        versions = self._models[name]
        self._serving[name] = {
            number: versions[number] for number in sorted(versions) if versions[number].state == "AVAILABLE"
        }

    def _label(self, name: str, wanted: Mapping[str, int], report: Report) -> None:
        """Gives labels their meaning: UpdateModelVersionLabelMap in server_core.cc.

        There one label that cannot be given refuses the whole configuration. Here it keeps its old meaning,
        or none, until its version is available.
        """
        with self._lock:
            serving, before, labels = self._serving.get(name, {}), self._labels.get(name, {}), {}
            refused = []
            for label, number in wanted.items():
                new = self._early_labels and label not in before
                if number in serving or before.get(label) == number or new:
                    labels[label] = number
                else:
                    refused.append(f"{label} to version {number}")
                    labels.update({label: before[label]} if label in before else {})
            self._labels[name] = labels
            for number, version in self._models.get(name, {}).items():
                version.labels = tuple(label for label, meant in labels.items() if meant == number)
        line = f"{name}: cannot assign label {', '.join(refused)}, which is not available for inference"
        self._tell(report, name, line if refused else "")

    def _unload(self, versions: Mapping[int, Version], wanted: set[int], report: Report) -> None:
        """Takes unwanted versions out of service, and frees those that nobody holds any more."""
        with self._lock:
            states = {number: version.state for number, version in versions.items()}
            if not wanted or any(states.get(number) == "AVAILABLE" for number in wanted):
                for number, version in versions.items():
                    if number not in wanted and version.state == "AVAILABLE":
                        version.state = "UNLOADING"
                        self._serve(version.model)
            idle = [item for item in versions.values() if item.state == "UNLOADING" and not item.in_flight]
        for version in idle:
            version.unload()
            with self._lock:
                version.state = "END"
            report(f"{version.model} version {version.number}: unloaded")

    def _tell(self, report: Report, name: str, line: str) -> None:
        if line and self._told.get(name) != line:
            report(line)
        self._told[name] = line
