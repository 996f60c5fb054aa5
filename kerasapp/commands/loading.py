"""The model that a command asks, with what it takes to run it."""


def load(path):
    """The predictor of a run or an export. TensorFlow is imported here, when the words are known good."""
    from kerasapp import api, threads

    threads.run_side_by_side()
    return api.load(path)
