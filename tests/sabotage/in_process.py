"""`kerasapp verify` in this process, for many copies of one export: what Keras answers is kept."""

import contextlib
import dataclasses
import hashlib
import pickle
import sys
import tempfile
import time
from pathlib import Path

import kerasapp
from kerasapp import threads
from kerasapp.artefact import EXTRA
from kerasapp.verify import checking, files, held_out, measuring, runtimes, table, worker

from .running import Verdict

AFRESH = ("cc_loader",)  # runtimes that need a process without Python's TensorFlow


class Kept:
    """Verifies version after version.

    Keras's answers and the held-out data are those of the first version with the same model.keras, tokenizer,
    vectors and signatures. The SavedModel and the bundles run in this process, unless packages are broken.
    """

    def __init__(self):
        self._kept, self._predictors, self._child = {}, {}, runtimes.child
        self._afresh = False

    def verify(self, version, names=(), paths=(), settings=checking.QUICK):
        """The `Verdict` on a version; see `running.verify`."""
        settings = dataclasses.replace(settings, runtimes=names or None)
        started = time.monotonic()
        with self._patched(paths):
            report = checking.verify(version, settings)
        told = "\n".join(table.broken(report))
        return Verdict(0 if report["ok"] else 1, report["runtimes"], told, time.monotonic() - started)

    @contextlib.contextmanager
    def _patched(self, paths):
        """Children are this process; those of broken packages are not."""
        self._afresh, before = bool(paths), (sys.path[:], threads.run_side_by_side)
        runtimes.child, threads.run_side_by_side = self._run, lambda: None
        sys.path[:0] = map(str, paths)  # the path of children
        try:
            yield
        finally:
            sys.path[:], threads.run_side_by_side = before
            runtimes.child = self._child

    def _run(self, module, job, timeout=runtimes.LONGEST, first=None, later=None):
        job = job | (later() if later else {})
        runtime = job.get("runtime")
        if runtime in (None, "keras"):
            key = _key(module, job)
            if key not in self._kept:
                self._kept[key] = self._whole(module, job, timeout)
                return self._kept[key]
            return self._again(key, job["folder"]) if runtime else self._kept[key]
        if self._afresh or runtime in AFRESH:
            return self._whole(module, job, timeout)
        with tempfile.TemporaryDirectory() as folder:
            file, result = (Path(folder, name) for name in ("job", "result"))
            runtimes.write(file, job)
            runtimes.write(f"{file}.later", {})
            worker.main(file, result)
            return pickle.loads(result.read_bytes())

    def _whole(self, module, job, timeout):
        """In a process of its own, which is given everything at once."""
        later = (lambda: {}) if "runtime" in job else None
        return self._child(module, job, timeout, later=later)

    def _again(self, key, folder):
        """What Keras answered before, with what is wrong with this version's files."""
        found = self._kept[key]
        if isinstance(found, str) or found.error:
            return found
        if key not in self._predictors:
            self._predictors[key] = kerasapp.load(folder)
        figure = [fault for fault in found.faults if fault.startswith("model.keras:")]
        try:
            faults = files.faults(self._predictors[key], folder)
        except Exception as error:  # as in the worker
            faults = [measuring.one_line(error)]
        return dataclasses.replace(found, faults=[*faults, *figure])


def _key(module, job):
    """What the answers to a job depend on."""
    folder = Path(job["folder"])
    parts = [folder / EXTRA / name for name in sorted(path.name for path in (folder / EXTRA).iterdir())]
    told = {name: value for name, value in job.items() if name not in ("folder", "started")}
    content = [path.read_bytes() for path in parts if path.name != "model_card.md"]
    content += [repr(sorted(held_out._specs(folder).items())).encode(), pickle.dumps(told), module.encode()]
    return hashlib.sha256(b"\0".join(content)).hexdigest()
