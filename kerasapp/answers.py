"""Asks a model, in this process or on a server, and reads what it answers. Needs no TensorFlow."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kerasapp.knobs import texts

COUNTED_AT_ONCE = 256  # texts whose tokens are counted in one request


class Answers:
    """Base of the tasks' answers.

    Args:
        ask: function (signature, inputs name -> array) -> outputs name -> array; called from several threads.
    """

    def __init__(self, ask):
        self._ask = ask

    def _token_counts(self, strings):
        """The tokens of each string without the end token, by the signature `tokenize`: int32 [strings]."""
        starts = range(0, len(strings), COUNTED_AT_ONCE)
        parts = [texts(strings[start : start + COUNTED_AT_ONCE]) for start in starts]
        found = [self._ask("tokenize", {"text": part})["lengths"] - 1 for part in parts]
        return np.concatenate([np.zeros(0, np.int32), *found])

    def _rows(self, signature, inputs, batches, progress=None, side_by_side=1):
        """The outputs of a signature for each row of its inputs: list of name -> output, in their order.

        Args:
            inputs: name -> array [rows].
            batches: for each request a list of the rows that it asks for.
            progress: function that gets the share done, now and then.
            side_by_side: requests at the same time.
        """
        count = sum(map(len, batches))
        found, done = [None] * count, 0

        def ask(batch):
            return self._ask(signature, {name: values[batch] for name, values in inputs.items()})

        with ThreadPoolExecutor(side_by_side) as pool:
            for batch, outputs in zip(batches, pool.map(ask, batches), strict=True):
                for row, i in enumerate(batch):
                    found[i] = {name: values[row] for name, values in outputs.items()}
                done += len(batch)
                if progress:
                    progress(done / count)
        return found
