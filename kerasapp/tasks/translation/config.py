"""Configuration and presets of `translation`: a recurrent model with attention, from sentence pairs."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Range, Rate, Section
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError
from kerasapp.tasks.translation.data_config import TranslationData


@dataclass(frozen=True)
class TranslationModelConfig(Section):
    """The network: bidirectional recurrent encoder, attention, recurrent decoder with input feeding."""

    name: ClassVar[str] = "model"

    cell: Literal["lstm", "gru"] = "lstm"
    """Kind of the recurrent layers"""

    units: Annotated[int, Range(least=2, most=16_384)] = 512
    """Size of the decoder's state, an even number; half of it is the encoder's in each direction. Time and
    memory grow with its square"""

    encoder_layers: Annotated[int, Range(least=1, most=32)] = 1
    """Bidirectional layers that read the source"""

    decoder_layers: Annotated[int, Range(least=1, most=32)] = 1
    """Recurrent layers that write the target"""

    embedding_size: Annotated[int, Range(least=1, most=16_384)] = 256
    """Size of the vector that stands for a token"""

    attention: Literal["dot", "scaled_dot", "general", "additive", "location", "multi_head", "none"] = (
        "general"
    )
    """Attention of the decoder to the source (formulas and papers in kerasapp/layers/attention.py); none: the
    decoder has only the encoder's last state"""

    heads: Annotated[int, Range(least=1, most=256)] = 4
    """Heads of the multi_head attention; model.units is a multiple of it"""

    dropout: Rate = 0.3
    """Share of the units dropped between layers and before the logits; increase it if the training loss falls
    and the validation loss does not"""

    embedding_dropout: Rate = 0.2
    """Share of the embeddings' units dropped"""

    word_dropout: Rate = 0.0
    """Share of whole tokens whose embedding is dropped, on both sides"""

    recurrent_dropout: Rate = 0.0
    """Share of the recurrent kernel's weights dropped, the same ones for a whole training step"""

    def __post_init__(self):
        super().__post_init__()
        if self.units % 2:
            raise ConfigError(f"model.units: {self.units} is not even, which the encoder's two halves need")
        if self.attention == "multi_head" and self.units % self.heads:
            raise ConfigError(f"model.heads: {self.heads} does not divide model.units, {self.units}")


@dataclass(frozen=True)
class TranslationTraining(TrainingConfig):
    """How the model is trained."""

    batch_size: Annotated[int, Range(least=1, most=65_536)] = 256
    """Most pairs of sentences per training batch; data.batch_tokens limits it too"""

    label_smoothing: Rate = 0.1
    """Share of the target probability that the loss spreads over all tokens"""


@dataclass(frozen=True, kw_only=True)
class TranslationConfig:
    """Everything that makes a run of `translation`.

    Example:
        >>> data = TranslationData(source="corpus.de", target="corpus.en")
        >>> config = TranslationConfig(data=data, training=TranslationTraining(minutes=20))
        >>> config.model.attention
        'general'
    """

    task: ClassVar[str] = "translation"

    data: TranslationData = field(default_factory=TranslationData)
    model: TranslationModelConfig = field(default_factory=TranslationModelConfig)
    training: TranslationTraining


def small_corpus() -> TranslationConfig:
    """Some tens of thousands of pairs of yours (not shipped), strongly regularised; 80 minutes.

    kerasapp train translation --preset small-corpus --data.source corpus.de --data.target corpus.en

    Eighty minutes of training on two cores. Where a validation and a test set come with the corpus, give them
    with --data.valid_source and so on.
    """
    return TranslationConfig(
        model=TranslationModelConfig(word_dropout=0.1),
        training=TranslationTraining(minutes=80, average=0.999, learning_rate=4e-3, steps_per_epoch=500),
    )


def tatoeba_zh_en() -> TranslationConfig:
    """Chinese to English, 27,000 short sentences of Tatoeba (shipped); 12 minutes.

    kerasapp train translation --preset tatoeba-zh-en

    Twelve minutes of training on two cores (2.6 GHz, AVX2): 29.7 BLEU and 47.3 chrF in test, beam 4.
    """
    return _tatoeba(swap=True, dropout=0.2, embedding_dropout=0.1)


def tatoeba_en_zh() -> TranslationConfig:
    """English to Chinese, 27,000 short sentences of Tatoeba (shipped); 12 minutes.

    kerasapp train translation --preset tatoeba-en-zh

    Twelve minutes of training on two cores (2.6 GHz, AVX2): 30.0 BLEU (sacreBLEU's
    "zh": a token is a character) and 26.2 chrF in test, beam 4.
    """
    return _tatoeba(swap=False, dropout=0.3, embedding_dropout=0.2)


def sentence_autoencoder() -> TranslationConfig:
    """English sentences to one vector each and back, 26,000 of Tatoeba (shipped); 3,400 steps.

    kerasapp train translation --preset sentence-autoencoder

    Some twenty minutes of processor time on cores of 2.6 GHz with AVX2. In test, beam 4, 95.0% of the
    sentences of up to 8 words come back exactly, and 91.1% of all (docs/autoencoder.md; Li, Luong & Jurafsky
    2015, arXiv:1506.01057).
    """
    return TranslationConfig(
        data=TranslationData(
            pairs="sample:tatoeba-cmn-eng",
            autoencode=True,
            altered=0.5,
            joint_vocabulary=True,
            vocabulary_size=2000,
        ),
        model=TranslationModelConfig(
            cell="gru", units=512, attention="none", dropout=0.0, embedding_dropout=0.0
        ),
        training=TranslationTraining(
            steps=3400, average=0.999, learning_rate=3e-3, steps_per_epoch=500, label_smoothing=0.0
        ),
    )


def _tatoeba(swap: bool, **dropouts: float) -> TranslationConfig:
    return TranslationConfig(
        data=TranslationData(  # English is the first column
            pairs="sample:tatoeba-cmn-eng", swap=swap, vocabulary_size=4000, batch_tokens=1000
        ),
        model=TranslationModelConfig(units=384, **dropouts),
        training=TranslationTraining(minutes=12, average=0.999, learning_rate=5e-3, steps_per_epoch=500),
    )


CONFIG = TranslationConfig
CUT = ("data.pairs", "data.source", "data.target")
PATHS = (*CUT, "data.valid_source", "data.valid_target", "data.test_source", "data.test_target")
VOCABULARY = (
    "data.tokenizer",
    "data.normalisation",
    "data.vocabulary_size",
    "data.joint_vocabulary",
)
FIXED = ("data.autoencode",)  # what a model was trained to do; one that starts from it may do something else
PRESETS = {  # the first is the default
    "small-corpus": small_corpus,
    "tatoeba-zh-en": tatoeba_zh_en,
    "tatoeba-en-zh": tatoeba_en_zh,
    "sentence-autoencoder": sentence_autoencoder,
}
