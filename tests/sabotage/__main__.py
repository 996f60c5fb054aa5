"""Breaks copies of an export, one by each saboteur, and asks `kerasapp verify` about each copy.

    python -m tests.sabotage saved_models/NAME/VERSION            all saboteurs of its task
    python -m tests.sabotage saved_models/NAME/VERSION phone:     those whose name has these words
    python -m tests.sabotage saved_models/NAME/VERSION --list     their names
    python -m tests.sabotage saved_models/NAME/VERSION --untouched 10     no saboteur: the export itself

The export has a bundle of all precisions (kerasapp export RUN --tflite float32 float16 dynamic int8). Run it
in the repository's folder, with PYTHONPATH=.:lite. The exit code is 1 where something is not caught.
"""

import argparse
import functools
import shutil
import sys
import tempfile
from pathlib import Path

from . import running
from .saboteur import broken_copy
from .suite import SABOTEURS


def main():
    args = _parser().parse_args()
    version = args.export.resolve()
    base = running.base_of(version)
    words = () if args.full else ("--quick",)
    chosen = [
        s for s in SABOTEURS if s.base == base and (not args.words or any(w in s.name for w in args.words))
    ]
    if args.list:
        print("\n".join(f"{s.name}  ({', '.join(s.rows)})" for s in chosen))
        return 0
    if args.untouched:
        return _untouched(version, args.untouched, words)
    verify = functools.partial(running.verify, words=words) if args.command else _fast(args.full)
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        other = args.other or running.another_checkpoint(version, Path(folder, "other"))
        return _all(chosen, version, other.resolve(), Path(folder), verify)


def _fast(full):
    """A function that verifies in this process."""
    from kerasapp.verify import checking

    from .in_process import Kept

    return functools.partial(Kept().verify, settings=checking.Settings() if full else checking.QUICK)


def _all(chosen, version, other, folder, verify):
    whole = broken_copy(running.harmless(chosen[0].base), version, None, folder / "whole")
    control = verify(whole.version, ("saved_model", "tflite_float32"))
    print(f"saved again, nothing broken: exit code {control.code}  {control.told.strip()[-500:]}", flush=True)
    missed = int(control.code != 0)
    for place, saboteur in enumerate(chosen):
        work = folder / str(place)
        work.mkdir()
        try:
            wrong, found = running.tried(saboteur, version, other, work, verify)
        except Exception as error:  # the version has nothing of the kind
            wrong, found = f"not applied: {error!r}", running.Verdict(None, {}, "", 0.0)
        shutil.rmtree(work)
        missed += wrong is not None
        told = "caught" if wrong is None else f"NOT CAUGHT: {wrong}"
        rows = " ".join(saboteur.rows)
        print(f"{saboteur.base:13} {saboteur.name:60} {found.seconds:5.0f} s  {rows}: {told}", flush=True)
    print(f"{missed} of {len(chosen)} not caught", flush=True)
    return int(missed > 0)


def _untouched(version, times, words):
    """Verifies the export itself, again and again."""
    wrong = 0
    for _ in range(times):
        found = running.verify(version, words=words)
        wrong += found.code != 0
        print(
            f"{version}: exit code {found.code}, {found.seconds:.0f} s  {found.told.strip()[-500:]}",
            flush=True,
        )
    print(f"{times - wrong} of {times} hold", flush=True)
    return int(wrong > 0)


def _parser():
    parser = argparse.ArgumentParser(
        "python -m tests.sabotage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("export", type=Path, metavar="EXPORT", help="the folder of a version")
    add("words", nargs="*", metavar="WORDS", help="saboteurs whose name has these words (default: all)")
    add("--command", action="store_true", help="ask the command itself each time, not its functions: slower")
    words = "a version of the same model from another checkpoint (default: one is made)"
    add("--other", type=Path, metavar="EXPORT", help=words)
    add("--full", action="store_true", help="kerasapp verify without --quick")
    add("--list", action="store_true", help="print the names of the saboteurs and stop")
    add("--untouched", type=int, metavar="N", help="verify the export itself N times instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
