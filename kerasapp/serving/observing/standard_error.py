"""Standard error for a server: whoever writes never waits for whoever reads."""

import contextlib
import io
import os
import queue
import threading

_LINES = 10_000  # that wait to be written; later ones are lost
_CLOSING = 1.0  # seconds for the last lines


class StandardError(io.TextIOBase):
    """Text for the standard error of this process, which a thread writes.

    A pipe that nobody reads, or a full disk, costs lines and no answer.
    """

    def __init__(self, descriptor: int = 2):
        super().__init__()
        self._descriptor, self._waiting = descriptor, queue.Queue(_LINES)
        self._thread = threading.Thread(target=self._work, name="standard error", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Takes a text, or loses it."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(text.encode(errors="backslashreplace"))
        return len(text)

    def close(self) -> None:
        """Waits a moment until what was taken is written."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
            self._thread.join(_CLOSING)

    def _work(self) -> None:
        while (rest := self._waiting.get()) is not None:
            with contextlib.suppress(OSError):
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
