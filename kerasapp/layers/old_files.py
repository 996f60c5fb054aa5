"""Weights of `.keras` files that were stored before `RecurrentStack`, whose layers stood in the model itself.

Keras loads each part of a model from the path in the file that its place in the model has. In an old file the
parts of a stack have other paths, and some of the decoder's weights another form.
"""


def place(store):
    """The path in the file of the layer whose `load_own_variables` got this store."""
    return getattr(store, "_h5_entry_path", None) or ""  # Keras has no public name for it


def load(part, store, path):
    """Loads a part from a path of its own in the file."""
    part.load_own_variables(store.get(path))
    keep(part)


def keep(part):
    """Keeps the weights of a part: the next `load_own_variables`, which Keras calls for the part's own place,
    finds nothing there and does nothing."""

    def nothing_to_load(store):
        del part.load_own_variables

    part.load_own_variables = nothing_to_load
