"""The folder of a run: whose it is, what it holds, and whether an unfinished run in it goes on."""

import contextlib
import datetime
import errno
import fcntl
import itertools
import os
import shutil
import socket

from kerasapp import spec
from kerasapp.config import building, parsing
from kerasapp.config.presets import config_module
from kerasapp.errors import ConfigError, note
from pipelines import data_report
from pipelines.files import SAMPLE

LOCK = "lock"
VOLUME = "lost+found"  # what a volume that is mounted here has of its own
ATTEMPTS = 1000  # to lock a folder that other processes make and remove meanwhile


# === Configuration ===


def absolute(config):
    """The configuration with whole paths, so that the run can be used from any folder."""
    values = building.flatten(config)
    paths = {key: values[key] for key in config_module(config.task).PATHS if values[key] is not None}
    return building.build(config, {key: _absolute_paths(value) for key, value in paths.items()})


def _absolute_paths(value):
    """A path, or a tuple of them, as whole paths; the name of a sample as it is."""
    if isinstance(value, tuple):
        return tuple(map(_absolute_paths, value))
    return value if value.startswith(SAMPLE) else os.path.abspath(os.path.expanduser(value))


def stored_config(folder):
    """The configuration of the run in `folder`, or None where there is no run.

    Raises: ConfigError where something else is there.
    """
    path = folder / "config.yaml"
    if path.is_file():
        return parsing.load(path)
    before_it = {"checkpoints", "logs", VOLUME, LOCK, data_report.FILE}.union(
        *(task.files for task in spec.specs())
    )
    if folder.is_dir() and {entry.name for entry in folder.iterdir()} - before_it:
        raise ConfigError(f"{folder}: is neither empty nor a run; name another folder with --run")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; name a folder with --run")
    return None


# === Training in it ===


@contextlib.contextmanager
def opened(folder, config):
    """Within, no other process trains in `folder`. Yields True where an unfinished run there goes on.

    Args:
        folder: of the run; made if it is missing, and removed again if nothing was put into it.
        config: of the run that is to be trained, with whole paths.

    Raises: ConfigError where another process trains there, and where a finished run, a run of another
        configuration or something else is there.
    """
    stored_config(folder)  # nothing is made in a folder that is no run
    with locked(folder):
        yield _goes_on(folder, config)


def would_go_on(folder, config):
    """Whether an unfinished run of this configuration is in `folder`."""
    stored = stored_config(folder)
    if stored is None or config.training.overwrite or (folder / "finished").exists():
        return False
    return not parsing.differing_keys(stored, config)


def _goes_on(folder, config):
    stored = stored_config(folder)
    if stored is None or config.training.overwrite:
        return False
    if (folder / "finished").exists():
        raise ConfigError(
            f"{folder}: this run is finished; name another --run (with --from {folder} it starts from these "
            "weights), or give --training.overwrite true to delete it"
        )
    differing = parsing.differing_keys(stored, config)
    if differing:
        raise ConfigError(
            f"{folder}: holds a run of another configuration ({', '.join(differing)}); give its values to "
            "resume it, another --run, or --training.overwrite true to delete it"
        )
    note(f"{folder}: going on with this run")
    return True


def clear(folder):
    """Deletes what is in a run's folder; its lock stays, and what belongs to the volume."""
    try:
        for entry in folder.iterdir():
            if entry.name == VOLUME:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot delete the run there: {error.strerror or error}") from None


@contextlib.contextmanager
def locked(folder):
    """Within, this process holds the folder's lock. The system frees it however the process ends.

    Raises: ConfigError where another process holds it, saying which.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    path = folder / LOCK
    try:
        with _lock_file(path):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            for place in made:
                place.rmdir()


def _lock_file(path):
    """The lock's file, open and locked; its text says who holds it."""
    for attempt in itertools.count(1):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        except FileNotFoundError:  # another process has just removed an empty folder
            if attempt == ATTEMPTS:  # or no folder can be made there, as below /proc
                raise
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                file.seek(0)
                holder = file.read().strip() or "another process"
            raise ConfigError(
                f"{path.parent}: {holder} trains there; wait for its end, or name another --run"
            ) from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            note(f"{path.parent}: this file system has no locks; train there only once")
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
        file.close()  # its holder has deleted it between the two lines above
    since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    try:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {since},\n")
        file.flush()
    except OSError as error:  # as of a full disk
        error.filename = str(path)
        raise
    return file
