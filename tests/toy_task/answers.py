"""Plain texts, by whoever answers."""

from kerasapp.answers import Answers
from kerasapp.knobs import columns, texts
from toy_task.spec import SPEC


class CipherAnswers(Answers):
    """Asks a servable or a server."""

    def decipher(self, secrets, **knobs):
        """The plain text of each secret one."""
        rows = columns(knobs, SPEC.knobs, len(secrets), "texts")
        return [text.decode() for text in self._ask("decipher", {"secret": texts(secrets), **rows})["plain"]]
