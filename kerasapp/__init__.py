"""Sequence models in Keras, from raw files to production.

`kerasapp.load(RUN_OR_EXPORT)` answers with a trained model; `kerasapp.Generation` is data, model and export
of text generation, for a `fit` of your own; `kerasapp.train(task, RUN)` is the project's own training.
TensorFlow is imported when one of them is first used.
"""

import pipelines
from kerasapp import keras_classes

if getattr(pipelines, "PROJECT", None) != "kerasapp":
    place = pipelines.__spec__.origin or list(pipelines.__path__)
    raise ImportError(
        f"kerasapp found another package of the name pipelines, {place}: start Python in another folder, or "
        "rename that one"
    )

keras_classes.register()

__version__ = "0.1.0"
__all__ = ["Generation", "Series", "Synthesis", "Translation", "load", "train"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'kerasapp' has no attribute {name!r}")
    from kerasapp import spec
    from kerasapp.backend import require_tensorflow

    require_tensorflow()
    functions = {"load": "kerasapp.api:load", "train": "kerasapp.training.fit:train"}
    return spec.resolve(functions[name]) if name in functions else spec.spec(name.lower()).load("task")
