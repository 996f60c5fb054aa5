"""A bar on standard error, where that is a terminal."""

import contextlib
import sys


@contextlib.contextmanager
def progress_bar(description, shown=True):
    """Gives a function of the share done, from 0 to 1 or None where it is not known, which draws.

    shown: False draws nothing, where standard output is on the same terminal and writes all the time.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr)
    with Progress(console=console, transient=True, disable=not (shown and console.is_terminal)) as progress:
        row = progress.add_task(description, total=None)
        yield lambda share: progress.update(row, completed=share or 0.0, total=None if share is None else 1.0)
