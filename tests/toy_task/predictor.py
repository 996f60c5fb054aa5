"""A trained model that answers in this process."""

from kerasapp.task import Predictor
from toy_task.answers import CipherAnswers


class Decipherer(Predictor, CipherAnswers):
    """What `kerasapp.load` gives."""
