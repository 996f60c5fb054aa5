"""What Python users call: tasks that export themselves, and trained models that answer."""

import zipfile

import keras

from kerasapp.artefact import find
from kerasapp.backend import require_tensorflow
from kerasapp.config import parsing
from kerasapp.errors import ConfigError
from kerasapp.export import saved_model
from kerasapp.tasks.generation import task as generation
from kerasapp.tasks.generation.predictor import TextGenerator
from kerasapp.tasks.series import task as series
from kerasapp.tasks.series.predictor import Forecaster
from kerasapp.tasks.synthesis import task as synthesis
from kerasapp.tasks.synthesis.predictor import Synthesizer
from kerasapp.tasks.translation import task as translation
from kerasapp.tasks.translation.predictor import Translator

require_tensorflow()


class _Exporting:
    """What a task can do here and not in `kerasapp.tasks`, which comes before the export."""

    def export(self, model, folder, metrics=None, tflite=(), check=None):
        """Writes the next version under `folder`; returns it (see `kerasapp.export.saved_model.export`)."""
        return saved_model.export(self, model, folder, metrics, tflite, check)


class Generation(_Exporting, generation.Generation):
    __doc__ = generation.Generation.__doc__

    predictor = TextGenerator


class Translation(_Exporting, translation.Translation):
    __doc__ = translation.Translation.__doc__

    predictor = Translator


class Synthesis(_Exporting, synthesis.Synthesis):
    __doc__ = synthesis.Synthesis.__doc__

    predictor = Synthesizer


class Series(_Exporting, series.Series):
    __doc__ = series.Series.__doc__

    predictor = Forecaster


TASKS = {task.name: task for task in (Generation, Translation, Synthesis, Series)}


def load(path, data=None):
    """A trained model that answers, from a run or an export.

    Args:
        path: a run folder, an exported version, or `saved_models/NAME` for its newest version.
        data: keys of the section `data` to change, as {"files": ["other.txt"]}, for `evaluate`.

    Returns: the task's predictor, such as `TextGenerator`.
    Raises: ConfigError where there is no trained model.
    """
    artefact = find(path)
    config = parsing.load(artefact.config)
    if data:
        config = parsing.override(config, {"data": data})
    task_class = TASKS[config.task]
    task = task_class(config=config, tokenizer=task_class.load_tokenizer(artefact.folder), minimum=1)
    try:
        model = keras.models.load_model(artefact.model, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{artefact.model}: cannot load the model: {str(error).splitlines()[0]}") from error
    return task_class.predictor(task, model)
