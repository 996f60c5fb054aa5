"""Text token by token over signatures in plain Python: bytes are tokens, so characters come in parts."""

from itertools import chain

import numpy as np
import pytest
from byte_model import ByteModel, strings

from kerasapp.serving.protocol.signatures import TensorSpec
from kerasapp.serving.rest.streamed_text import MOST, End
from kerasapp.tasks.generation.stream import generate

PREFILL = {
    "ids": TensorSpec("int32", (None, None)),
    "lengths": TensorSpec("int32", (None,)),
    "h": TensorSpec("float", (None, 3)),
}


def knobs(length, stop="", prompt="abc"):
    return {
        "prompt": strings(prompt),
        "length": np.array([length], np.int32),
        "temperature": np.array([1.0], np.float32),
        "top_k": np.array([0], np.int32),
        "top_p": np.array([1.0], np.float32),
        "seed": np.array([0], np.int32),
        "stop": strings(stop),
    }


def generated(model, length, stop="", most=MOST):
    *pieces, end = chain.from_iterable(generate(model, knobs(length, stop), lambda name: PREFILL, most))
    assert isinstance(end, End) and "".join(piece.text for piece in pieces) == end.text
    return [piece.text for piece in pieces], end


def test_a_character_comes_whole():
    text = "aé人🦜e\u0301!"
    pieces, end = generated(ByteModel(text), len(text.encode()))
    assert end == End(text, "length", len(text.encode()))
    assert [piece for piece in pieces if piece] == list(text)


def test_what_is_cut_off_at_the_end_is_what_decoding_makes_of_it():
    _, end = generated(ByteModel("a🦜"), 3)
    assert end.text == b"a\xf0\x9f".decode(errors="replace")


def test_bytes_that_are_no_text_are_replaced_and_not_lost():
    says = b"a\xff\xfeb\xe4\xbac"
    pieces, end = generated(ByteModel(says), len(says))
    assert end.text == says.decode(errors="replace") and "".join(pieces) == end.text


def test_nothing_of_a_stop_string_is_shown():
    pieces, end = generated(ByteModel("one two. three"), 14, stop="two!")
    assert end == End("one two. three", "length", 14)
    pieces, end = generated(ByteModel("one two. three"), 14, stop="two.")
    assert end == End("one ", "stop", 8) and "".join(pieces) == "one "


def test_a_stop_string_is_found_across_characters_and_repeated_beginnings():
    assert generated(ByteModel("aaaab"), 5, stop="aab")[1].text == "aa"
    assert generated(ByteModel("x人生y"), 8, stop="人生")[1] == End("x", "stop", 7)


def test_a_stop_string_may_end_in_what_replaces_no_text():
    assert generated(ByteModel(b"xa\xff"), 3, stop="a\ufffd")[1] == End("x", "stop", 3)


def test_the_first_stop_string_counts():
    assert generated(ByteModel("a.b.c"), 5, stop=".")[1] == End("a", "stop", 2)


@pytest.mark.parametrize("length", [0, 1])
def test_a_text_of_next_to_nothing(length):
    model = ByteModel("hello")
    pieces, end = generated(model, length)
    assert end == End("hello"[:length], "length", length) and pieces == list("hello"[:length])


def test_a_long_text_is_decoded_piece_by_piece():
    text = "".join(chr(0x4E00 + i % 500) for i in range(1000)) + " end"
    model = ByteModel(text)
    _, end = generated(model, len(text.encode()))
    assert end.text == text
    assert model.decoded < 250 * len(text.encode())  # and not half of its square


def test_a_stop_string_long_after_the_window():
    says = "ab" * 300 + "stop" + "cd" * 10
    _, end = generated(ByteModel(says), len(says), stop="bstop")
    assert end == End(says[:599], "stop", 604)


def test_work_is_done_only_when_it_is_asked_for():
    model = ByteModel("hello")
    pieces = generate(model, knobs(5), lambda name: PREFILL)
    assert len(next(pieces)) == 1 and len(next(pieces)) == 2
    assert model.calls.count("sample_many") == 2
    pieces.close()
    assert model.calls.count("sample_many") == 2


@pytest.mark.parametrize("most", [1, 3, 16, 64])
def test_the_text_does_not_depend_on_the_tokens_of_a_call(most):
    text = "aé人🦜 two. three " * 9
    says = text.encode()
    assert generated(ByteModel(text), len(says), most=most) == generated(ByteModel(text), len(says), most=2)
    pieces, end = generated(ByteModel(text), len(says), stop="人🦜 th", most=most)
    assert end.stop_reason == "length" and "".join(pieces) == text
    assert generated(ByteModel(text), len(says), stop="e aé", most=most)[1].tokens == 25


def test_tokens_that_nobody_asked_for_do_not_count():
    class Batched(ByteModel):
        def sample_many(self, count, **inputs):  # in a batch with a stream that is further on
            return super().sample_many(count=count + 5, **inputs)

    _, end = generated(Batched("hello"), 3)
    assert end == End("hel", "length", 3)


def test_an_export_without_the_newer_signature_streams_a_token_at_a_time():
    model = ByteModel("hello")
    generated(model, 5, most=1)
    assert model.calls.count("sample") == 5 and "sample_many" not in model.calls
