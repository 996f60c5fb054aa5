"""What a translator does with sentences, as the contents of a report."""

import tensorflow as tf

from kerasapp.inspection.request import ALTERNATIVES, readable
from kerasapp.task import strings

N_BEST = 3  # translations shown
TITLE = "how it translates"
PROGRESS = "translating"
FLAG = "source"
SCRIPTS = ("packed.js", "shown.js", "attention.js", "translation.js")


def choose(translator, request):
    """The sentences of a `Request` that the model can read, one per line."""
    sentences = [request.text]
    if request.path:
        sentences = [line for line in request.text.splitlines() if line.strip()]
    return readable(translator, request, sentences)


def inspect(translator, sentences, progress=None):
    """Translations, what each token looked at and what else it might have been, for page/translation.js."""
    answers = translator.translate(sentences, progress=progress, n_best=N_BEST)
    model = translator.model
    score = _scoring(model, translator.servable.target_tokenizer.start_id)
    places = _places(translator.servable.target_tokenizer)
    return {
        "task": "translation",
        "model": {"cell": model.cell, "units": model.units, "attention": model.attention_name},
        "sentences": [
            _sentence(translator, score, places, sentence, answer)
            for sentence, answer in zip(sentences, answers, strict=True)
        ],
    }


def _sentence(translator, score, places, sentence, answer):
    source = translator.servable.tokenize(strings([sentence]))["ids"]
    target = tf.constant([[places[token] for token in answer.target_tokens]])
    chosen, likeliest, shares = (tensor.numpy() for tensor in score(source, target))
    names = list(places)
    return {
        "text": answer.text,
        "score": round(answer.score, 4),
        "finished": answer.finished,
        "others": [[text, round(score, 4)] for text, score in answer.n_best[1:]],
        "source": answer.source_tokens,
        "target": answer.target_tokens,
        "alignment": _rounded(answer.alignment),
        "probabilities": _rounded(chosen),
        "alternatives": [
            [[names[place], share] for place, share in zip(row, row_shares, strict=True)]
            for row, row_shares in zip(likeliest.tolist(), _rounded(shares), strict=True)
        ],
    }


def _scoring(model, start_id):
    """A function of ids, source [1, source] and target [1, target], to what it gives for each target token,
    after those before it: its probability, the likeliest ids, their probabilities."""
    ids = tf.TensorSpec([1, None], tf.int32)

    @tf.function(autograph=False, input_signature=[ids, ids])
    def score(source, target):
        target_in = tf.concat([[[start_id]], target[:, :-1]], axis=1)
        logits = model({"source": source, "target_in": target_in}, training=False)[0]
        shares = tf.nn.softmax(logits)  # [target, vocabulary]
        likeliest = tf.math.top_k(shares, min(ALTERNATIVES, logits.shape[-1]))
        return tf.gather(shares, target[0], batch_dims=1), likeliest.indices, likeliest.values

    return score


def _places(tokenizer):
    """The id of each token, by the piece that stands for it."""
    pieces = tokenizer.pieces(tf.range(tokenizer.size)).numpy()
    return {piece.decode(): i for i, piece in enumerate(pieces)}


def _rounded(array):
    return array.astype(float).round(4).tolist()
