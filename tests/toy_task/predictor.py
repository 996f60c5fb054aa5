"""A trained model that answers in this process."""

from kerasapp.task import asking
from toy_task.answers import CipherAnswers


class Decipherer(CipherAnswers):
    """What `kerasapp.load` gives."""

    def __init__(self, task, model):
        self.task, self.model = task, model
        self.servable = task.servable(model)
        super().__init__(asking(self.servable))

    def evaluate(self, split=None, progress=None):
        return self.task.evaluate(self.model, split)
