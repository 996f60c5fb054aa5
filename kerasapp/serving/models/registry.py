"""The models and versions of a server, and their states.

A new version takes over once it is AVAILABLE. An old version is unloaded once the requests that hold it are
answered: AvailabilityPreservingPolicy in tensorflow_serving/core/availability_preserving_policy.cc.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kerasapp.artefact import versions as find_versions
from kerasapp.serving.models.model_config import ModelConfig
from kerasapp.serving.models.versions import Version
from kerasapp.serving.protocol.errors import StatusError, invalid

Report = Callable[[str], None]


class Registry:
    """All models of a server. Any thread may call it; one thread at a time loads and unloads.

    Args:
        models: by name.
        early_labels: whether a new label may be given to a version before it is available: TF Serving's
            allow_version_labels_for_unavailable_models.
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
        self._serving: dict[str, dict[int, Version]] = {}  # the available versions, oldest first
        self._labels: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()  # guards the above, and every version's state and in_flight
        self._updating = threading.Lock()
        self._reported: dict[str, str] = {}  # the last problem of each model, to report it once

    def configure(self, models: Mapping[str, ModelConfig]) -> None:
        """Serves other models from the next `update` on; the others are unloaded then."""
        self._configs = dict(models)

    def update(self, report: Report = lambda line: None) -> None:
        """Brings the loaded versions in line with the configuration and the folders.

        Loads new versions, one after the other, assigns the labels, and unloads versions that are not wanted
        and that no request holds. It returns when all are loaded; requests are answered meanwhile. `report`
        gets a line per version that was loaded or unloaded, and per problem.
        """
        with self._updating:
            for name in {**self._models, **self._configs}:
                self._update_model(name, report)

    def all_versions(self) -> list[Version]:
        """Every version of every model, in any state."""
        with self._lock:
            return [version for versions in self._models.values() for version in versions.values()]

    def available(self) -> dict[str, list[int]]:
        """The available versions by model, oldest first, without models that have none."""
        with self._lock:
            return {name: list(versions) for name, versions in self._serving.items() if versions}

    def known(self, model: str) -> str | None:
        """The name, if there is or was a model of that name; otherwise None."""
        return model if model in self._models else None

    @contextmanager
    def acquire(self, model: str, number: int | None = None, label: str | None = None) -> Iterator[Version]:
        """An available version of a model: the newest, or the one with a number or a label.

        It is not unloaded before the block ends.

        Raises:
            StatusError: NOT_FOUND if there is none, INVALID_ARGUMENT for an unknown label.
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

    def versions(self, model: str, number: int | None = None, label: str | None = None) -> list[Version]:
        """The versions of a model, newest first, or the one with that number or label.

        Raises:
            StatusError: NOT_FOUND if there is none, INVALID_ARGUMENT for an unknown label.
        """
        if label is not None:  # as api_rest.md says; get_model_status_impl.cc gives all versions for a label
            with self.acquire(model, label=label) as version:
                return [version]
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
        except OSError as error:  # the loaded versions serve on, as in PollFileSystemForServable
            self._report_once(report, name, f"{name}: cannot look into {config.base_path}: {error.strerror}")
            return
        while True:  # a version that cannot be loaded may make another one wanted
            broken = {
                number for number in paths if number in versions and versions[number].is_broken(paths[number])
            }
            wanted = config.policy.choose(paths, broken) if config else set()
            gone = {number for number, version in versions.items() if version.state == "END"}
            new = wanted - broken - (versions.keys() - gone)  # a version in UNLOADING is loaded later
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
        threads = 1 if self.available() else os.cpu_count() or 1  # requests that are answered come first
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
        """Publishes which versions are available; the caller holds the lock."""
        versions = self._models[name]
        self._serving[name] = {
            number: versions[number] for number in sorted(versions) if versions[number].state == "AVAILABLE"
        }

    def _label(self, name: str, wanted: Mapping[str, int], report: Report) -> None:
        """Assigns the labels: UpdateModelVersionLabelMap in server_core.cc.

        There, one label that cannot be assigned refuses the whole configuration. Here it keeps its old
        version, or none, until the new version is available.
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
        self._report_once(report, name, line if refused else "")

    def _unload(self, versions: Mapping[int, Version], wanted: set[int], report: Report) -> None:
        """Takes unwanted versions out of service, and frees those that no request holds."""
        with self._lock:
            states = {number: version.state for number, version in versions.items()}
            if not wanted or any(states.get(number) == "AVAILABLE" for number in wanted):
                for number, version in versions.items():
                    if number not in wanted and version.state == "AVAILABLE":
                        version.state = "UNLOADING"
                        self._serve(version.model)
            idle = [item for item in versions.values() if item.state == "UNLOADING" and not item.in_flight]
        for version in idle:
            if version.unload():
                with self._lock:
                    version.state = "END"
                report(f"{version.model} version {version.number}: unloaded")

    def _report_once(self, report: Report, name: str, line: str) -> None:
        if line and self._reported.get(name) != line:
            report(line)
        self._reported[name] = line
