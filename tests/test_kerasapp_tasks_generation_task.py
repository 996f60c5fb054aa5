"""The servable and the predictor: batch invariance, stops, streaming, scores; on a tiny trained model."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import TEXT

import kerasapp
from kerasapp.tasks.generation.model import GenerationModel
from kerasapp.tasks.generation.predictor import TextGenerator
from kerasapp.tasks.generation.servable import GenerationServable
from pipelines.text.tokenizers import SubwordTokenizer

PROMPTS = ["", "R", "ROMEO:\nWhat say you", "人生如梦", "\0\0", " \n \n", "🦜 unknown", "x" * 300, "e\u0301"]


KNOBS = {
    "length": tf.int32,
    "temperature": tf.float32,
    "top_k": tf.int32,
    "top_p": tf.float32,
    "seed": tf.int32,
    "stop": tf.string,
}


@pytest.fixture(scope="module")
def generator(tiny_run):
    return kerasapp.load(tiny_run)


def knobs_of_rows(rng, rows):
    return {
        "length": rng.integers(0, 70, rows).tolist(),
        "temperature": rng.choice([0.0, 0.7, 1.2], rows).tolist(),
        "top_k": rng.integers(0, 4, rows).tolist(),
        "top_p": rng.choice([0.6, 1.0], rows).tolist(),
        "seed": rng.integers(-5, 5, rows).tolist(),
        "stop": rng.choice(["", "\n", "you"], rows).tolist(),
    }


def answer(generator, prompts, knobs):
    """All outputs of the servable, for a list of prompts and a list for each knob."""
    tensors = {name: tf.constant(values, KNOBS[name]) for name, values in knobs.items()}
    outputs = generator.servable.generate(tf.constant(prompts), **tensors)
    return {name: values.numpy() for name, values in outputs.items()}


def test_a_text_is_the_same_alone_and_in_any_batch(generator):
    rng = np.random.default_rng(0)
    for _ in range(4):
        prompts = rng.choice(PROMPTS, int(rng.integers(2, 9))).tolist()
        knobs = knobs_of_rows(rng, len(prompts))
        together = answer(generator, prompts, knobs)
        for i, prompt in enumerate(prompts):
            alone = answer(generator, [prompt], {name: values[i : i + 1] for name, values in knobs.items()})
            for name, values in alone.items():
                assert values[0] == together[name][i]


def test_generated_text_has_its_length_and_no_special_tokens(generator):
    texts = generator.generate(PROMPTS, length=50, temperature=1.0)
    assert [len(text) for text in texts] == [50] * len(PROMPTS)
    assert not any("\N{REPLACEMENT CHARACTER}" in text for text in texts)
    assert set("".join(texts)) <= set(TEXT)


def test_stop_ends_the_text_before_it(generator):
    free = generator.generate(["ROMEO:"], length=300, seed=4)[0]
    stop = free[100:103]
    assert generator.generate(["ROMEO:"], length=300, seed=4, stop=stop) == [free[: free.index(stop)]]
    values = (300, 0.8, 0, 1.0, 4, stop)
    outputs = answer(generator, ["ROMEO:"], {name: [value] for name, value in zip(KNOBS, values)})
    assert outputs["stop_reason"][0] == b"stop"


def test_a_request_out_of_range_is_refused_in_the_graph(generator):
    good = {"length": [5], "temperature": [1.0], "top_k": [0], "top_p": [1.0], "seed": [0], "stop": [""]}
    bad = {"length": 2**31 - 1, "temperature": float("nan"), "top_k": -1, "top_p": 1.5}
    for name, value in bad.items():
        with pytest.raises(tf.errors.InvalidArgumentError, match=name):
            answer(generator, ["a"], {**good, name: [value]})


@pytest.mark.parametrize("stop", ["", "\n", "say y"])
def test_stream_yields_what_generate_gives(generator, stop):
    knobs = {"length": 90, "seed": 2, "stop": stop}
    pieces = list(generator.stream("Nurse:", **knobs))
    assert "".join(pieces) == generator.generate(["Nurse:"], **knobs)[0]
    assert all(pieces)


def test_an_empty_batch_is_answered(generator):
    assert generator.generate([]) == [] and generator.score([]) == []


def test_score_is_the_sum_over_the_model_read_once(generator):
    text = TEXT[37:237]  # several windows of the servable
    ids = generator.servable.tokenizer.encode(tf.constant([text])).to_tensor().numpy()
    before = np.concatenate([[[generator.servable.tokenizer.line_break_id]], ids[:, :-1]], axis=1)
    logits = generator.model(before).numpy()[0].astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_p[np.arange(len(text)), ids[0]].sum()
    alone = generator.score([text])[0]
    assert alone["nats"] == pytest.approx(expected, rel=1e-5)
    assert alone["characters"] == len(text)
    batched = generator.score(["", text, "ab"])
    assert batched[1]["nats"] == pytest.approx(expected, rel=1e-5)
    assert batched[0]["nats"] == 0 and batched[0]["characters"] == 0


def test_evaluate_is_the_score_of_the_split_as_one_text(generator):
    figures = generator.evaluate("test")
    n = len(TEXT)
    score = generator.score([TEXT[int(n * 0.9) :]])[0]
    assert figures["items"] == pytest.approx(score["characters"], abs=1)
    assert figures["nats_per_character"] == pytest.approx(score["nats_per_character"], rel=1e-3)
    assert figures["bits_per_character"] == pytest.approx(figures["nats_per_character"] / math.log(2))
    assert figures["perplexity_per_token"] == pytest.approx(math.exp(figures["nats_per_character"]))


def test_evaluate_in_several_streams_is_close(generator):
    exact = generator.evaluate("train")
    quick = generator.evaluate("train", streams=4)
    assert quick["items"] == exact["items"]
    assert quick["nats_per_character"] == pytest.approx(exact["nats_per_character"], abs=2e-3)


def test_training_taught_it_something(generator):
    assert generator.evaluate("test")["nats_per_character"] < 0.9 * math.log(
        generator.servable.tokenizer.size
    )


@pytest.mark.parametrize(
    "knobs",
    [{"length": -1}, {"temperature": -0.1}, {"top_p": 1.1}, {"seed": 2**31}, {"length": [1, 2]}, {"size": 3}],
)
def test_wrong_knobs_are_refused_by_name(generator, knobs):
    with pytest.raises(ValueError, match=next(iter(knobs))):
        generator.generate(["a"], **knobs)


def test_tokenize_prefill_step_and_detokenize_make_generate(generator):
    servable, prompt = generator.servable, "ROMEO:"
    signatures = servable.signatures()
    out = signatures["tokenize"](text=tf.constant([prompt]))
    ids = tf.concat([out["context"][:, None], out["ids"]], axis=1)
    states = servable.zero_states(1)
    out = signatures["prefill"](ids=ids, lengths=tf.constant([ids.shape[1]]), **states)
    tokens = []
    for _ in range(12):
        tokens.append(int(tf.argmax(out.pop("logits")[0, 4:])) + 4)  # greedy, past the special ids
        out = signatures["step"](ids=tf.constant(tokens[-1:]), **out)
    text = signatures["detokenize"](ids=tf.constant([tokens]), lengths=tf.constant([12]))["text"]
    assert text.numpy()[0].decode() == generator.generate([prompt], length=12, temperature=0.0)[0]


def test_sampling_token_by_token_makes_generate(generator):
    signatures, prompts = generator.servable.signatures(), ["ROMEO:", "人生"]
    knobs = {"temperature": [0.8, 1.2], "top_k": [0, 9], "top_p": [0.9, 1.0], "seed": [4, -3]}
    columns = {name: tf.constant(values, KNOBS[name]) for name, values in knobs.items()}
    read = signatures["tokenize"](text=tf.constant(prompts))
    assert read["normalised"].numpy().tolist() == [prompt.encode() for prompt in prompts]
    ids = tf.concat([read["context"][:, None], read["ids"]], axis=1)
    out = signatures["prefill"](ids=ids, lengths=read["lengths"] + 1, **generator.servable.zero_states(2))
    chosen = []
    for position in range(40):
        out = signatures["sample"](position=tf.fill([2], position), **columns, **out)
        chosen.append(out.pop("ids"))
    text = signatures["detokenize"](ids=tf.stack(chosen, axis=1), lengths=tf.fill([2], 40))["text"]
    assert [t.decode() for t in text.numpy()] == generator.generate(prompts, length=40, **knobs)


def test_a_token_with_knobs_out_of_range_is_refused_in_the_graph(generator):
    sample, states = generator.servable.signatures()["sample"], generator.servable.zero_states(1)
    good = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}
    logits, position = tf.zeros([1, generator.servable.tokenizer.size]), tf.constant([0])
    for name, value in {"temperature": float("nan"), "top_k": -1, "top_p": -0.1}.items():
        knobs = {key: tf.constant([knob], KNOBS[key]) for key, knob in {**good, name: value}.items()}
        with pytest.raises(tf.errors.InvalidArgumentError, match=name):
            sample(logits=logits, position=position, **knobs, **states)


class SubwordTask:
    """The two things that a predictor asks of a task."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def servable(self, model):
        return GenerationServable(model, self.tokenizer)


def test_subwords_stream_whole_characters_and_survive_any_prompt():
    keras.utils.set_random_seed(5)
    tokenizer = SubwordTokenizer.learn([TEXT], vocabulary_size=330)
    predictor = TextGenerator(SubwordTask(tokenizer), GenerationModel(tokenizer.size, units=8, layers=1))
    knobs = {"length": 120, "temperature": 2.0, "seed": 3}  # an untrained model: many odd bytes
    pieces = list(predictor.stream("人", **knobs))
    assert "".join(pieces) == predictor.generate(["人"], **knobs)[0]
    assert len(predictor.generate(PROMPTS, length=5)) == len(PROMPTS)
    score = predictor.score(["What say you, 人生?"])[0]
    assert score["characters"] == 17 and score["nats"] > 0
