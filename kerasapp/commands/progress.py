"""A progress bar on standard error, if that is a terminal."""

import contextlib
import sys


@contextlib.contextmanager
def progress_bar(description, shown=True):
    """Gives a function that draws the share done, from 0 to 1, or None if it is unknown.

    shown: False draws nothing, for commands that write to the same terminal all the time.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr)
    with Progress(console=console, transient=True, disable=not (shown and console.is_terminal)) as progress:
        row = progress.add_task(description, total=None)
        yield lambda share: progress.update(row, completed=share or 0.0, total=None if share is None else 1.0)
