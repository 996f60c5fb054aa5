"""Imports TensorFlow without Keras, for a process that only serves."""

import sys


def import_tensorflow() -> None:
    """Imports TensorFlow, but not Keras, which TensorFlow would import too.

    The import of Keras takes a third of the time to the first answer, and a server does not use it: a
    SavedModel has its own graphs. Keras can still be imported later. If TensorFlow or Keras is imported
    already, this does nothing.
    """
    if "tensorflow" in sys.modules or "keras" in sys.modules:
        return
    sys.modules["keras"] = None  # makes the import fail; TensorFlow can do without
    try:
        import tensorflow  # noqa: F401
    finally:
        del sys.modules["keras"]
