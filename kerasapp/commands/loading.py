"""The model that a command asks, loaded with the threads that a command needs."""


def load(path, data=None):
    """The predictor of a run or an export (see `kerasapp.api.load`); imports TensorFlow only when called."""
    from kerasapp import api, threads

    threads.run_side_by_side()
    return api.load(path, data)
