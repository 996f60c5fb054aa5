"""Trained models that answer, from a run or an export."""

import zipfile

import keras

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.backend import require_tensorflow
from kerasapp.config import parsing
from kerasapp.errors import ConfigError
from pipelines import data_report

require_tensorflow()


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
    trained = config.data
    if data:
        config = parsing.override(config, {"data": data})
    described = spec.spec(config.task)
    task_class = described.load("task")
    task = task_class(config=config, tokenizer=task_class.load_tokenizer(artefact.folder), minimum=1)
    report = artefact.folder / data_report.FILE
    task.data_report_file = report if report.is_file() and config.data == trained else None
    try:
        model = keras.models.load_model(artefact.model, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{artefact.model}: cannot load the model: {str(error).splitlines()[0]}") from error
    return described.load("predictor")(task, model)
