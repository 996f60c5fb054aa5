"""The tiny data and models that the tests share: texts, letters to reverse, words of tones, a wave."""

TEXT = "".join(
    f"{name}:\nWhat say you, {other}? 人生如梦，{i} 杯。\n\n"
    for i in range(60)
    for name, other in [("ROMEO", "Juliet"), ("JULIET", "Romeo"), ("Nurse", "madam")]
)
SMALL = [
    "--model.units", "24", "--model.embedding_size", "8",
    "--data.window", "16", "--data.split", "0.8", "0.1", "0.1",
    "--training.batch_size", "8", "--training.steps", "40", "--training.steps_per_epoch", "15",
    "--training.learning_rate", "0.02",
]  # fmt: skip

LETTERS = "abcdefgh"
REVERSAL = [
    "--data.tokenizer", "characters", "--data.batch_tokens", "3000", "--model.attention", "additive",
    "--model.cell", "gru", "--model.units", "64", "--model.embedding_size", "32",
    "--model.dropout", "0", "--model.embedding_dropout", "0", "--model.word_dropout", "0",
    "--training.batch_size", "64", "--training.steps", "900", "--training.steps_per_epoch", "450",
    "--training.learning_rate", "0.01", "--training.average", "0", "--training.label_smoothing", "0",
]  # fmt: skip

ECHO = [
    "--data.autoencode", "true", "--data.altered", "0.3", "--data.tokenizer", "characters",
    "--data.joint_vocabulary", "true", "--data.batch_tokens", "3000", "--data.split", "0.8", "0.1", "0.1",
    "--model.attention", "none", "--model.cell", "gru", "--model.units", "32", "--model.embedding_size", "16",
    "--model.dropout", "0", "--model.embedding_dropout", "0", "--model.word_dropout", "0",
    "--training.batch_size", "128", "--training.steps", "600", "--training.steps_per_epoch", "300",
    "--training.learning_rate", "0.01", "--training.average", "0", "--training.label_smoothing", "0",
]  # fmt: skip

TONES = dict(zip("abcdefgh", range(300, 3900, 450), strict=True))  # Hz
SPEECH = [
    "--data.language", "none", "--audio.sample_rate", "8000", "--audio.mels", "20", "--audio.f_max", "4000",
    "--audio.griffin_lim_iterations", "5", "--model.embedding_size", "8", "--model.encoder_units", "8",
    "--model.encoder_layers", "1", "--model.attention_size", "8", "--model.filters", "4",
    "--model.prenet_units", "8", "--model.decoder_units", "16", "--model.postnet_layers", "2",
    "--model.postnet_channels", "8", "--model.reduction", "2", "--training.batch_size", "8",
    "--training.steps", "20",
    "--training.steps_per_epoch", "10", "--training.average", "0",
]  # fmt: skip


def reversed_words(sentence):
    """The words of a sentence, the last one first: what the toy of translation learns."""
    return " ".join(reversed(sentence.split()))


SERIES = [
    "--data.window", "16", "--data.horizon", "8", "--data.split", "0.6", "0.2", "0.2",
    "--model.units", "12", "--model.components", "2", "--training.batch_size", "8",
    "--training.steps", "60", "--training.steps_per_epoch", "30", "--training.learning_rate", "0.02",
]  # fmt: skip
