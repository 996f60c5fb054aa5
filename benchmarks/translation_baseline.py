"""A plain Keras model on the data of a translation preset: the BLEU that a preset has to beat.

    python benchmarks/translation_baseline.py --preset tatoeba-zh-en --minutes 20 --run runs/tatoeba-zh-en

The model of the tutorial "Neural machine translation with attention"
(https://www.tensorflow.org/text/tutorials/nmt_with_attention), built from `keras.layers` alone: embeddings of
256, one bidirectional GRU(256) whose directions are added up, a GRU(256) that reads the target, one attention
of its outputs over the source, added to them and normalised, and a dense layer. Attention is additive
(Bahdanau et al. 2015), as in the tutorial's first version: projections and `AdditiveAttention`; `--attention
multi_head` is its later version, `MultiHeadAttention` with one head. Vocabularies of at most 5,000, Adam at
1e-3, batches of 64 shuffled pairs, no schedule, no dropout.

Text is prepared as in the tutorial, as lower-case words and punctuation between [START] and [END], except
where that would lower the baseline's BLEU unfairly: Chinese, which has no spaces, is cut into characters,
apostrophes and digits are kept, and [UNK] is never written. The pairs and their split are those of the
preset. The epoch with the lowest validation loss is kept; translations are greedy. The time is counted as in
`kerasapp train`, validation included.

The baseline writes lower-case letters, so the table has BLEU without case beside the usual one, for both.
"""

import argparse
import os
import re
import tempfile
import time
import unicodedata
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from rich.console import Console
from rich.table import Table

import kerasapp
from kerasapp.tasks.translation.metrics import translation_scores

UNITS, BATCH, VOCABULARY = 256, 64, 5000
LONGEST = 100  # tokens of a translation at most
CJK = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"  # with kana and full-width punctuation


def standardise(text: str) -> str:
    """[START], lower-case words, punctuation marks and Chinese characters with spaces between, and [END]."""
    text = unicodedata.normalize("NFC", text).lower()
    text = re.sub(rf'([.?!,;:"()¿¡{CJK}])', r" \1 ", text)
    return " ".join(["[START]", *text.split(), "[END]"])


def plain(tokens: list[str]) -> str:
    """Tokens joined to a sentence: no space before punctuation or beside Chinese characters."""
    text = re.sub(r" ([.?!,;:)])", r"\1", " ".join(tokens))
    return re.sub(rf" ?([{CJK}]) ?", r"\1", text)


class Text:
    """The vocabulary of one side's training sentences: `TextVectorization` of standardised text."""

    def __init__(self, sentences):
        self.vectorization = layers.TextVectorization(
            VOCABULARY, standardize=None, split="whitespace", ragged=True
        )
        self.vectorization.adapt([standardise(sentence) for sentence in sentences])
        self.words = self.vectorization.get_vocabulary()
        self.start, self.end = self.words.index("[START]"), self.words.index("[END]")

    def ids(self, sentences):
        """Ragged ids [sentences, None] int32, with [START] and [END]."""
        return tf.cast(self.vectorization(tf.constant([standardise(s) for s in sentences])), tf.int32)


def datasets(task, source, target, seed):
    """Batches of ((source, target_in), target_out) of the training and the validation split, for `fit`."""

    def batch(sources, targets):
        targets = targets.to_tensor()
        return (sources.to_tensor(), targets[:, :-1]), targets[:, 1:]

    found = []
    for part in ("train", "valid"):
        sources, targets = task.corpus.texts(part)
        data = tf.data.Dataset.from_tensor_slices((source.ids(sources), target.ids(targets)))
        data = data.shuffle(len(sources), seed=seed) if part == "train" else data
        found.append(data.batch(BATCH).map(batch).prefetch(tf.data.AUTOTUNE))
    return found


def models(source_size, target_size, attention):
    """The model to train, (source, target_in) -> logits, and the same layers for translation: the encoder,
    source -> context, and a step, (context, source, token [batch, 1], state) -> (logits, state)."""
    source = keras.Input([None], dtype="int32")
    target = keras.Input([None], dtype="int32")
    state = keras.Input([UNITS])
    context_in = keras.Input([None, UNITS])
    reader = layers.GRU(UNITS, return_sequences=True)
    context = layers.Embedding(source_size, UNITS, mask_zero=True)(source)
    context = layers.Bidirectional(reader, merge_mode="sum")(context)
    embedding = layers.Embedding(target_size, UNITS, mask_zero=True)
    writer = layers.GRU(UNITS, return_sequences=True, return_state=True)
    attend = ATTENTIONS[attention]()
    norm, dense = layers.LayerNormalization(), layers.Dense(target_size)

    def logits(words, context):
        return dense(norm(words + attend(words, context, ops.not_equal(source, 0))))

    words, _ = writer(embedding(target))
    model = keras.Model([source, target], logits(words, context))
    words, after = writer(embedding(target), initial_state=state)
    step = keras.Model([context_in, source, target, state], [logits(words, context_in), after])
    return model, keras.Model(source, context), step


def additive():
    """Bahdanau et al. 2015, arXiv:1409.0473: weights are softmax(v tanh(W query + U key))."""
    query, key, score = layers.Dense(UNITS, use_bias=False), layers.Dense(UNITS), layers.AdditiveAttention()
    return lambda words, context, mask: score([query(words), context, key(context)], mask=[None, mask])


def multi_head():
    """Vaswani et al. 2017, arXiv:1706.03762, with one head."""
    heads = layers.MultiHeadAttention(num_heads=1, key_dim=UNITS)
    return lambda words, context, mask: heads(words, context, attention_mask=ops.expand_dims(mask, 1))


ATTENTIONS = {"additive": additive, "multi_head": multi_head}


class TimeLimit(keras.callbacks.Callback):
    """Ends `fit` after so many minutes, also in the middle of an epoch."""

    def __init__(self, minutes):
        super().__init__()
        self.minutes = minutes

    def on_train_begin(self, logs=None):
        self.end = time.monotonic() + 60 * self.minutes

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = time.monotonic() > self.end


def train(model, train_data, valid_data, minutes):
    """Trains with `fit` and leaves the model with the weights of the best epoch; returns the history."""
    # The mean over all tokens without padding.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        best = Path(folder, "best.weights.h5")
        keeper = keras.callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True)
        history = model.fit(
            train_data,
            validation_data=valid_data,
            epochs=1_000_000,
            shuffle=False,  # the dataset does it
            verbose=2,
            callbacks=[TimeLimit(minutes), keeper],
        )
        model.load_weights(best)
    return history.history


def translate(encoder, step, source, target, sentences):
    """Greedy translations of sentences, in batches."""
    one_step = tf.function(step, jit_compile=False, reduce_retracing=True)
    never = np.zeros(len(target.words), np.float32)
    never[[0, 1, target.start]] = -np.inf  # padding, [UNK], [START]
    texts = []
    for begin in range(0, len(sentences), BATCH):
        ids = source.ids(sentences[begin : begin + BATCH]).to_tensor()
        context = encoder(ids)
        tokens = tf.fill([len(ids), 1], target.start)
        state, ended, written = tf.zeros([len(ids), UNITS]), np.zeros(len(ids), bool), []
        while not ended.all() and len(written) < LONGEST:
            logits, state = one_step([context, ids, tokens, state])
            tokens = tf.argmax(logits[:, -1] + never, axis=1, output_type=tf.int32)[:, tf.newaxis]
            written.append(tokens.numpy()[:, 0])
            ended |= written[-1] == target.end
        for row in np.stack(written, axis=1).tolist():
            row = row[: row.index(target.end)] if target.end in row else row
            texts.append(plain([target.words[i] for i in row]))
    return texts


def scores(texts, references):
    """Cells of a row: BLEU and chrF without case, then with it."""
    lower = translation_scores([text.lower() for text in texts], [text.lower() for text in references])
    cased = translation_scores(texts, references)
    return [f"{figures[name]:.1f}" for figures in (lower, cased) for name in ("bleu", "chrf")]


def run_rows(run, sources, references):
    """Rows of the table for a run of kerasapp, which must have the same test pairs."""
    translator = kerasapp.load(run)
    if translator.task.corpus.texts("test") != (sources, references):
        raise SystemExit(f"{run}: the test pairs are not those of the preset")
    for beam_size in (1, 4):
        texts = [answer.text for answer in translator.translate(sources, beam_size=beam_size)]
        yield f"kerasapp, {'greedy' if beam_size == 1 else f'beam {beam_size}'}", texts


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="tatoeba-zh-en")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--attention", choices=ATTENTIONS, default="additive")
    parser.add_argument("--run", help="a run of the preset to compare with")
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    task = kerasapp.Translation(preset=options.preset)
    sources, references = task.corpus.texts("test")
    rows = list(run_rows(options.run, sources, references)) if options.run else []
    source, target = (Text(sentences) for sentences in task.corpus.texts("train"))
    model, encoder, step = models(len(source.words), len(target.words), options.attention)
    history = train(model, *datasets(task, source, target, options.seed), options.minutes)
    best = int(np.argmin(history["val_loss"])) + 1
    rows = [("baseline, greedy", translate(encoder, step, source, target, sources)), *rows]
    title = (
        f"{options.preset}: {len(sources):,} test pairs; baseline: {model.count_params():,} weights, best of"
        f" {len(history['val_loss'])} epochs is {best}, in {options.minutes:g} minutes"
    )
    table = Table("", "BLEU, no case", "chrF, no case", "BLEU", "chrF", title=title)
    for name, texts in rows:
        table.add_row(name, *scores(texts, references))
    console = Console()
    console.print(table)
    console.print(translation_scores(references, references)["signature"], highlight=False)
    for sentence, reference, *answers in list(zip(sources, references, *(texts for _, texts in rows)))[:5]:
        console.print(f"{sentence} | {reference} | {' | '.join(answers)}", markup=False, highlight=False)


if __name__ == "__main__":
    main()
