"""Models whose weights are set by hand or drawn, without training: for looking into them."""

from types import SimpleNamespace

import keras
import numpy as np

from kerasapp.tasks.generation.model import GenerationModel
from kerasapp.tasks.generation.predictor import TextGenerator
from kerasapp.tasks.generation.servable import GenerationServable
from kerasapp.tasks.series.model import SeriesModel
from kerasapp.tasks.series.predictor import Forecaster
from kerasapp.tasks.series.servable import SeriesServable
from kerasapp.tasks.synthesis.audio_config import AudioConfig
from kerasapp.tasks.synthesis.model import SynthesisModel
from kerasapp.tasks.synthesis.predictor import Synthesizer
from kerasapp.tasks.synthesis.servable import SynthesisServable
from kerasapp.tasks.synthesis.voice import Voice
from kerasapp.tasks.translation.model import TranslationModel
from kerasapp.tasks.translation.predictor import Translator
from kerasapp.tasks.translation.servable import TranslationServable
from pipelines.scaling import Scaling
from pipelines.speech.cleaning import Cleaner
from pipelines.text.tokenizers import CharacterTokenizer

QUOTED = (
    "He said: “Come in. It is late (or early).” And she went.\n\nNo one spoke; they ate. “Why?” he asked, "
    "“is the door open?”\nShe did not know.\n"
) * 3
TRACKER = 5  # the unit of `quote_tracker` that follows quotations, and that of `level_tracker`


def generator(text, **options):
    """A `TextGenerator` of the characters of a text, with weights that were drawn."""
    keras.utils.set_random_seed(3)
    tokenizer = CharacterTokenizer.learn([text])
    model = GenerationModel(tokenizer.size, **{"units": 8, "layers": 2, "embedding_size": 8, **options})
    task = SimpleNamespace(servable=lambda model: GenerationServable(model, tokenizer))
    return TextGenerator(task, model)


def quote_tracker():
    """A `TextGenerator` of one LSTM layer that reads `QUOTED`; its cell `TRACKER` is 1 inside quotation marks
    and -1 outside, and all others have weights that were drawn."""
    size = CharacterTokenizer.learn([QUOTED]).size
    made = generator(QUOTED, layers=1, embedding_size=size)
    made.model.embedding.set_weights([np.eye(size)])  # of each character its own input
    (layer,) = made.model.stack.recurrent_layers
    kernel, recurrent, bias = layer.get_weights()
    opening, closing = (made.servable.tokenizer.encode([mark]).numpy()[0, 0] for mark in "“”")
    gates = [TRACKER + 8 * i for i in range(4)]  # of input, forget, candidate, output
    kernel[:, gates], recurrent[:, gates], bias[gates] = 0, 0, [-20, 20, 0, 20]
    for mark, sign in ((opening, 1), (closing, -1)):  # a mark opens the input gate and shuts the forget gate
        kernel[mark, gates] = [40, -40, 20 * sign, 0]
    layer.set_weights([kernel, recurrent, bias])
    return made


def forecaster(columns=("level", "flow"), transform="sqrt", date="day", level=0.0, **options):
    """A `Forecaster` of series with weights that were drawn; it has no data of its own. level: of its values,
    added to their means."""
    keras.utils.set_random_seed(3)
    scaling = Scaling(
        columns, transform, [level + 4.0 + i for i in range(len(columns))], [1.5] * len(columns)
    )
    model = SeriesModel(len(columns), **{"units": 8, "components": 3, **options})
    task = SimpleNamespace(
        servable=lambda model: SeriesServable(model, scaling),
        config=SimpleNamespace(data=SimpleNamespace(date=date)),
        tokenizer=scaling,
    )
    return Forecaster(task, model)


def level_tracker():
    """A `Forecaster` of one column whose unit `TRACKER`, a SimpleRNN's, is tanh(value / 4), scaled."""
    made = forecaster(("level",), "none", cell="simple_rnn")
    (layer,) = made.model.stack.recurrent_layers
    kernel, recurrent, bias = layer.get_weights()
    kernel[:, TRACKER], recurrent[:, TRACKER], bias[TRACKER] = 0.25, 0, 0
    layer.set_weights([kernel, recurrent, bias])
    return made


def translator():
    """A `Translator` of letters with weights that were drawn."""
    draw, tokenizer = np.random.default_rng(1), CharacterTokenizer("abcdefgh <&")
    model = TranslationModel(tokenizer.size, tokenizer.size, units=12, embedding_size=8)
    model.set_weights([draw.normal(size=weights.shape) for weights in model.get_weights()])
    return Translator(None, model, TranslationServable(model, (tokenizer, tokenizer)))


def synthesizer():
    """A `Synthesizer` of letters with weights that were drawn; it does not know when to stop."""
    keras.utils.set_random_seed(7)
    audio = AudioConfig(sample_rate=8000, mels=20, f_max=4000, griffin_lim_iterations=2)
    tokenizer = CharacterTokenizer("abcdefgh ")
    model = SynthesisModel(
        tokenizer.size, 20, embedding_size=8, encoder_layers=1, encoder_units=8, attention_size=8, filters=4,
        prenet_units=8, decoder_units=16, postnet_layers=0,
    )  # fmt: skip
    voice = Voice(tokenizer, [-5.0] * 20, [1.0] * 20)
    task = SimpleNamespace(config=SimpleNamespace(audio=audio))
    return Synthesizer(task, model, SynthesisServable(model, voice, Cleaner("none"), audio))
