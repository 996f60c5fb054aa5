"""Configuration and presets of `synthesis`: speech by attention, from recordings with transcripts."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Fraction, Range, Rate, Section
from kerasapp.config.data import TextSection
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError
from kerasapp.tasks.synthesis.audio_config import AudioConfig

HEADS = 4  # of the multi_head attention


@dataclass(frozen=True)
class SynthesisData(TextSection):
    """The recordings to learn from, and how their transcripts become characters."""

    required: ClassVar[str] = "directory"

    directory: str | None = None
    """A folder in LJSpeech's form: metadata.csv with one line per clip, id|transcript or
    id|transcript|normalised transcript (the last one that is not empty counts), and the clips in wavs/ or
    clips/, in any format of libsndfile; an id may be a path there. sample:NAME is shipped with kerasapp"""

    language: Literal["english_digits", "english", "none"] = "english"
    """How texts are cleaned, in training and in answers. english: lower case; numbers, dates, units and
    abbreviations as words; english_digits: likewise, each digit by itself; none: only normalisation and white
    space"""

    normalisation: Literal["NFC", "NFKC", "none"] = "NFC"
    """Unicode normalisation of all texts"""

    split: tuple[Fraction, Fraction, Fraction] = (0.9, 0.05, 0.05)
    """Shares of the clips for training, validation and test, in this order. Clips of one transcript stay
    together"""

    max_seconds: Annotated[float, Range(above=0, most=60)] = 12.0
    """Most seconds of a clip; a longer one counts as one that cannot be used"""

    max_failures: Fraction = 0.05
    """Share of the clips that may be missing, silent, damaged, too long or too short for their text; with
    more, training stops"""

    batch_frames: Annotated[int, Range(least=1, most=10_000_000)] = 6000
    """Most spectrogram frames per training batch, padding included"""

    time_mask: Annotated[int, Range(least=0, most=1000)] = 0
    """Most decoder steps of the recording that are hidden from the decoder in training, as one block
    (SpecAugment); a step is model.reduction frames; 0 = off"""

    frequency_mask: Annotated[int, Range(least=0, most=1000)] = 0
    """Most mel channels that are hidden, as one block; 0 = off"""

    cache: str | None = None
    """Folder for the spectrograms, kept between runs; null: a folder in the user's cache directory"""


@dataclass(frozen=True)
class SynthesisModelConfig(Section):
    """The network: Tacotron 2 (Shen et al. 2018, arXiv:1712.05884), with a reduction factor."""

    name: ClassVar[str] = "model"

    embedding_size: Annotated[int, Range(least=1, most=16_384)] = 256
    """Size of the vector that stands for a character"""

    encoder_layers: Annotated[int, Range(least=0, most=32)] = 3
    """Convolutions over the characters before the bidirectional LSTM"""

    encoder_width: Annotated[int, Range(least=1, most=101)] = 5
    """Characters that each of these convolutions sees"""

    encoder_units: Annotated[int, Range(least=2, most=16_384)] = 256
    """Size of the encoder's LSTM, an even number: half of it per direction"""

    attention: Literal["location", "additive", "general", "dot", "scaled_dot", "multi_head"] = "location"
    """Attention of the decoder to the characters (formulas and papers in kerasapp/layers/attention.py);
    location knows where it has been, so speech does not stop early or repeat itself"""

    attention_size: Annotated[int, Range(least=1, most=16_384)] = 128
    """Size of the space in which the attention compares"""

    filters: Annotated[int, Range(least=1, most=1024)] = 32
    """Filters of the location attention"""

    filter_width: Annotated[int, Range(least=1, most=1001)] = 31
    """Characters that each of these filters sees"""

    prenet_units: Annotated[int, Range(least=1, most=16_384)] = 128
    """Size of the two layers between the last frame and the decoder"""

    prenet_dropout: Rate = 0.5
    """Share of their units dropped in training: without dropout the decoder copies its last frame and never
    learns to read"""

    decoder_units: Annotated[int, Range(least=1, most=16_384)] = 512
    """Size of each of the decoder's LSTM layers. Time and memory grow with its square"""

    decoder_layers: Annotated[int, Range(least=1, most=32)] = 2
    """LSTM layers of the decoder; the first one drives the attention"""

    reduction: Annotated[int, Range(least=1, most=10)] = 2
    """Frames per decoder step: more are faster, and learn to read sooner; fewer can sound better"""

    postnet_layers: Annotated[int, Range(least=0, most=32)] = 5
    """Convolutions that refine the spectrogram at the end; 0 = none"""

    postnet_channels: Annotated[int, Range(least=1, most=16_384)] = 256
    """Channels of each of these convolutions"""

    postnet_width: Annotated[int, Range(least=1, most=101)] = 5
    """Frames that each of these convolutions sees"""

    dropout: Rate = 0.1
    """Share of the units dropped after the convolutions and between recurrent layers"""

    def __post_init__(self):
        super().__post_init__()
        if self.encoder_units % 2:
            raise ConfigError(
                f"model.encoder_units: {self.encoder_units} is not even, which its two directions need"
            )
        if self.attention == "multi_head" and self.attention_size % HEADS:
            raise ConfigError(
                f"model.attention_size: {self.attention_size} is not a multiple of {HEADS}, the heads of the "
                "multi_head attention"
            )


@dataclass(frozen=True)
class SynthesisTraining(TrainingConfig):
    """How the model is trained."""

    batch_size: Annotated[int, Range(least=1, most=65_536)] = 32
    """Most clips per training batch; data.batch_frames limits it too"""

    guide_weight: Annotated[float, Range(least=0)] = 1.0
    """Weight of the loss that keeps the attention near the diagonal (Tachibana et al. 2018,
    arXiv:1710.08969); 0 = off"""

    guide_steps: Annotated[int, Range(least=0)] = 5000
    """Training steps over which that loss fades out"""

    stop_weight: Annotated[float, Range(least=0)] = 1.0
    """Weight of the loss of the stop token, which ends an utterance"""


@dataclass(frozen=True, kw_only=True)
class SynthesisConfig:
    """Everything that makes a run of `synthesis`.

    Example:
        >>> data = SynthesisData(directory="LJSpeech-1.1")
        >>> config = SynthesisConfig(data=data, training=SynthesisTraining(minutes=90))
        >>> config.audio.sample_rate
        22050
    """

    task: ClassVar[str] = "synthesis"

    data: SynthesisData = field(default_factory=SynthesisData)
    audio: AudioConfig = field(default_factory=AudioConfig)
    model: SynthesisModelConfig = field(default_factory=SynthesisModelConfig)
    training: SynthesisTraining

    def __post_init__(self):
        frames = self.data.max_seconds * 1000 / self.audio.hop_ms
        if self.data.batch_frames < frames:
            raise ConfigError(
                f"data.batch_frames: {self.data.batch_frames} is less than a clip of data.max_seconds can "
                f"have, {frames:,.0f} frames"
            )
        if self.data.frequency_mask >= self.audio.mels:
            raise ConfigError(
                f"data.frequency_mask: {self.data.frequency_mask} is not below audio.mels, {self.audio.mels}"
            )


def digits() -> SynthesisConfig:
    """One voice reads strings of one to six digits, joined from recordings of single ones; 14 minutes.

    kerasapp train synthesis --preset digits

    Fourteen minutes of training on two cores, on which other jobs ran too: 1,989 steps. The test
    strings are joined from clips of their own. All of them end by the stop token, 116 of 120 are aligned;
    teacher-forced mel L1 0.387 nats, of the mean frame 1.361, of the last frame 0.377; free running
    0.528 nats and 3.8 dB of mel-cepstral distortion. An independent recogniser read 860 of 860 digits in
    200 strings of no split (benchmarks/digit_recogniser.py), and 99.3% in strings of real clips; the model
    that it heard was trained on ten clips more of each digit.
    """
    return SynthesisConfig(
        data=SynthesisData(
            directory="sample:digits", language="english_digits", max_seconds=8.0, batch_frames=8000
        ),
        audio=AudioConfig(sample_rate=8000, mels=64, f_max=4000.0, trim_db=45.0),
        model=SynthesisModelConfig(
            embedding_size=128,
            encoder_layers=2,
            encoder_units=128,
            attention_size=64,
            filters=16,
            filter_width=15,
            prenet_units=128,
            decoder_units=256,
            reduction=3,
            postnet_layers=3,
            postnet_channels=128,
        ),
        training=SynthesisTraining(
            minutes=14, average=0.999, learning_rate=2e-3, steps_per_epoch=250, guide_steps=1500
        ),
    )


def ljspeech() -> SynthesisConfig:
    """A reader's sentences in LJSpeech's form (not shipped); 90 minutes, and more for a better voice.

    kerasapp train synthesis --preset ljspeech --data.directory LJSpeech-1.1

    Ninety minutes of training on two cores; developed on a part of LJSpeech, 39 minutes of speech. All of
    its 24 hours need many times as long: give --training.minutes, or a GPU.

    Of that part, after 44 minutes on cores that were busy with other jobs too (1,460 steps): teacher-forced
    mel L1 in test 0.443 nats, of the mean frame 1.465, of the last frame 0.473. Free running it does not
    speak yet: no utterance ends by the stop token, none is aligned. docs/voice.md shows it, and what three
    frames per step (`--model.reduction 3`) give instead.
    """
    return SynthesisConfig(
        model=SynthesisModelConfig(
            embedding_size=128,
            encoder_units=128,
            attention_size=64,
            filters=16,
            filter_width=15,
            prenet_units=256,
            decoder_units=256,
            reduction=2,
            postnet_layers=3,
            postnet_channels=128,
            dropout=0.2,
        ),
        training=SynthesisTraining(
            minutes=90, average=0.999, learning_rate=2e-3, steps_per_epoch=250, guide_steps=3000
        ),
    )


CONFIG = SynthesisConfig
PATHS = CUT = ("data.directory",)
REMOVED = (  # keys of earlier versions, which old files hold
    "training.adversarial_weight",
    "training.adversarial_start",
    "training.discriminator_rate",
)
# What the weights depend on of texts and spectrograms; Griffin-Lim comes after them.
VOCABULARY = (
    "data.language",
    "data.normalisation",
    *(f"audio.{key}" for key in ("sample_rate", "window_ms", "hop_ms", "mels", "f_min", "f_max", "floor_db")),
)
PRESETS = {"digits": digits, "ljspeech": ljspeech}  # the first is the default
