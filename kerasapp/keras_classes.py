"""Lets Keras load models with classes of kerasapp once `kerasapp` is imported, whichever is imported first.

Keras finds a class by the name under which its module registers it. Importing all these modules, and with
them TensorFlow, would make `import kerasapp` slow. So a stand-in is registered for each class, and imports
the class when a model needs it.
"""

import importlib
import importlib.abc
import importlib.util
import sys

CLASSES = {  # module -> its registered classes
    "kerasapp.layers.attention": "Additive Dot General LocationSensitive MultiHead NoAttention ScaledDot",
    "kerasapp.layers.bidirectional": "Bidirectional",
    "kerasapp.layers.carried": "Carried",
    "kerasapp.layers.convolutions": "Convolutions",
    "kerasapp.layers.decoder": "AttentionDecoder",
    "kerasapp.layers.recurrent": "GRU LSTM SimpleRNN",
    "kerasapp.layers.stack": "RecurrentStack",
    "kerasapp.tasks.generation.discriminator": "TextDiscriminator",
    "kerasapp.tasks.generation.model": "GenerationModel",
    "kerasapp.tasks.series.losses": "MixtureLoss",
    "kerasapp.tasks.series.model": "SeriesModel",
    "kerasapp.tasks.synthesis.losses": "GuidedAttentionLoss SpectrogramLoss StopLoss",
    "kerasapp.tasks.synthesis.model": "SynthesisModel",
    "kerasapp.tasks.translation.losses": "SmoothedCrossEntropy",
    "kerasapp.tasks.translation.model": "TranslationModel",
}


class StandIn:
    """What Keras finds in place of a class whose module has not been imported."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def from_config(self, config):
        return getattr(importlib.import_module(self.module), self.name).from_config(config)


def register():
    """Gives Keras the stand-ins: now if it has been imported, or else as soon as it is."""
    if "keras" in sys.modules:
        _register(sys.modules["keras"])
    else:
        sys.meta_path.insert(0, _Finder())


def _register(keras):
    known = keras.saving.get_custom_objects()
    for module, names in CLASSES.items():
        for name in names.split():
            known.setdefault(f"kerasapp>{name}", StandIn(module, name))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds Keras as usual, and registers the stand-ins at the end of its import."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                _register(module)

            spec.loader.exec_module = execute_and_register
        return spec
