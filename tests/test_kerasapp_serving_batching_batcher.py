"""Dynamic batching: what shares a batch, what each request gets, and what happens when things go wrong."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from waiting import PATIENCE, wait_until

from kerasapp.serving.batching import queue
from kerasapp.serving.batching.batcher import Batcher, batched_signatures
from kerasapp.serving.batching.parameters import BatchingParameters, read_parameters
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import ServingError, StatusError

LONG = int(2e6 * PATIENCE)  # microseconds; a batch that runs in a test is full


class Recorder:
    """Stands for a model: y = 2x, and a value below 0 is an error. Keeps the inputs of each call."""

    def __init__(self):
        self.calls = []

    def __call__(self, signature, inputs, deadline=None):
        self.calls.append((signature, inputs))
        if (inputs["x"] < 0).any():
            raise StatusError("INVALID_ARGUMENT", f"{inputs['x'].min()} is below 0")
        return {"y": 2 * inputs["x"]}

    @property
    def sizes(self):
        return [len(inputs["x"]) for _, inputs in self.calls]


@pytest.fixture
def batchers():
    """Makes batchers, which are closed at the end."""
    made = []

    def make(run, *, batched=None, **parameters):
        made.append(Batcher(run, BatchingParameters(**parameters), batched=batched))
        return made[-1]

    yield make
    for batcher in made:
        batcher.close()


def x(*values):
    return {"x": np.float32(values)}


def ask_all(batcher, requests, signature="s"):
    """The answer or the error of each request, all asked at once."""

    def ask(request):
        try:
            return batcher.predict(signature, request)
        except StatusError as error:
            return error

    with ThreadPoolExecutor(len(requests)) as executor:
        return list(executor.map(ask, requests))


def test_requests_share_a_batch_and_get_their_own_rows(batchers):
    model = Recorder()
    batcher = batchers(model, max_batch_size=6, batch_timeout_micros=LONG)
    answers = ask_all(batcher, [x(1), x(2, 3), x(4, 5, 6)])
    assert model.sizes == [6]
    assert [answer["y"].tolist() for answer in answers] == [[2], [4, 6], [8, 10, 12]]


def test_only_equal_signatures_shapes_and_types_share_a_batch(batchers):
    model = Recorder()
    batcher = batchers(model, max_batch_size=2, batch_timeout_micros=LONG)
    kinds = [
        ("a", np.float32([1])),
        ("b", np.float32([1])),
        ("a", np.float64([1])),
        ("a", np.float32([[1, 2]])),
        ("a", np.float32([[1, 2, 3]])),
    ]
    with ThreadPoolExecutor(2 * len(kinds)) as executor:
        asked = [executor.submit(batcher.predict, name, {"x": array}) for name, array in kinds + kinds[::-1]]
    for future, (_, array) in zip(asked, kinds + kinds[::-1], strict=True):
        assert future.result()["y"].tolist() == (2 * array).tolist()
    seen = [(name, inputs["x"].dtype, inputs["x"].shape[1:]) for name, inputs in model.calls]
    assert sorted(map(str, seen)) == sorted({str((name, a.dtype, a.shape[1:])) for name, a in kinds})
    assert model.sizes == [2] * len(kinds)


def test_the_default_signature_has_two_names(batchers):
    model = Recorder()
    batcher = batchers(model, max_batch_size=2, batch_timeout_micros=LONG)
    with ThreadPoolExecutor(2) as executor:
        executor.submit(batcher.predict, "", x(1))
        executor.submit(batcher.predict, "serving_default", x(1))
    assert model.sizes == [2]


def test_strings_of_different_lengths_share_a_batch(batchers):
    batcher = batchers(
        lambda _, inputs, deadline: {"t": inputs["t"]}, max_batch_size=2, batch_timeout_micros=LONG
    )
    words = [np.array([word], object) for word in (b"a\x00", b"a long one")]
    answers = ask_all(batcher, [{"t": word} for word in words])
    assert [answer["t"].tolist() for answer in answers] == [[b"a\x00"], [b"a long one"]]


def test_a_batch_does_not_wait_longer_than_asked(batchers):
    model = Recorder()
    batcher = batchers(model, max_batch_size=100, batch_timeout_micros=300_000, num_batch_threads=1)
    start = time.monotonic()
    assert batcher.predict("s", x(1))["y"] == [2]
    assert 0.3 <= time.monotonic() - start < PATIENCE


def test_without_a_timeout_a_free_thread_takes_what_is_there(batchers):
    entered, go = threading.Event(), threading.Event()
    model = Recorder()

    def slow(signature, inputs, deadline):
        entered.set()
        go.wait(PATIENCE)
        return model(signature, inputs)

    batcher = batchers(slow, max_batch_size=3, num_batch_threads=1)
    with ThreadPoolExecutor(5) as executor:
        first = executor.submit(batcher.predict, "s", x(1))
        entered.wait(PATIENCE)
        others = [executor.submit(batcher.predict, "s", x(value)) for value in range(4)]
        wait_until(lambda: batcher.queue.rows == 4)
        go.set()
    assert model.sizes == [1, 3, 1]
    assert [future.result()["y"].tolist() for future in [first, *others]] == [[2], [0], [2], [4], [6]]


def test_what_one_thread_leaves_another_takes(batchers):
    """Two groups that are due at once begin at once."""
    meet = threading.Barrier(2)

    def run(signature, inputs, deadline):
        meet.wait(PATIENCE)
        return {"y": inputs["x"]}

    batcher = batchers(run, max_batch_size=2, batch_timeout_micros=LONG, num_batch_threads=2)
    requests = [("a", x(1)), ("b", x(2)), ("a", x(3)), ("b", x(4))]
    with ThreadPoolExecutor(4) as executor:
        answers = list(executor.map(lambda one: batcher.predict(*one)["y"].tolist(), requests))
    assert answers == [[1], [2], [3], [4]]


class Held(Recorder):
    """A model that holds its first batch until `go` is set."""

    def __init__(self):
        super().__init__()
        self.entered, self.go = threading.Event(), threading.Event()

    def __call__(self, signature, inputs, deadline=None):
        if not self.entered.is_set():
            self.entered.set()
            self.go.wait(PATIENCE)
        return super().__call__(signature, inputs)


def test_beside_a_batch_another_as_large_begins_at_once(batchers, monkeypatch):
    monkeypatch.setattr(queue, "BESIDE", 2 * PATIENCE)
    model = Held()
    batcher = batchers(model, num_batch_threads=2)
    with ThreadPoolExecutor(3) as executor:
        held = executor.submit(batcher.predict, "s", x(1, 2, 3))
        model.entered.wait(PATIENCE)
        others = [executor.submit(batcher.predict, "s", request) for request in (x(4), x(5, 6))]
        assert [other.result()["y"].tolist() for other in others] == [[8], [10, 12]]
        assert not held.done()
        model.go.set()
    assert model.sizes == [3, 3]


def test_beside_a_batch_a_smaller_one_waits_a_little(batchers, monkeypatch):
    monkeypatch.setattr(queue, "BESIDE", 0.1)
    model = Held()
    batcher = batchers(model, num_batch_threads=2)
    with ThreadPoolExecutor(1) as executor:
        held = executor.submit(batcher.predict, "s", x(1, 2, 3))
        model.entered.wait(PATIENCE)
        start = time.monotonic()
        assert batcher.predict("other", x(4))["y"] == [8]  # has nothing to wait for
        assert batcher.predict("s", x(5))["y"] == [10]
        assert 0.1 <= time.monotonic() - start < PATIENCE
        assert not held.done()
        model.go.set()
        held.result()
        monkeypatch.setattr(queue, "BESIDE", 2 * PATIENCE)
        start = time.monotonic()
        batcher.predict("s", x(6))  # nothing runs any more
        assert time.monotonic() - start < PATIENCE


def test_a_full_queue_refuses_at_once(batchers):
    entered, go = threading.Event(), threading.Event()

    def slow(_, inputs, deadline):
        entered.set()
        go.wait(PATIENCE)
        return {"y": inputs["x"]}

    batcher = batchers(slow, max_batch_size=2, max_enqueued_batches=2, num_batch_threads=1)
    with ThreadPoolExecutor(5) as executor:
        running = executor.submit(batcher.predict, "s", x(1))
        entered.wait(PATIENCE)
        waiting = [executor.submit(batcher.predict, "s", x(value)) for value in range(4)]
        wait_until(lambda: batcher.queue.rows == 4)
        with pytest.raises(StatusError, match="to which this task was submitted is full") as caught:
            batcher.predict("s", x(1))
        assert caught.value.code == "RESOURCE_EXHAUSTED"
        go.set()
        assert [future.result()["y"].tolist() for future in [running, *waiting]] == [[1], [0], [1], [2], [3]]
    assert batcher.predict("s", x(7))["y"] == [7]


def test_a_request_that_is_too_late_is_dropped(batchers):
    entered, go = threading.Event(), threading.Event()
    model = Recorder()

    def slow(signature, inputs, deadline):
        entered.set()
        go.wait(PATIENCE)
        return model(signature, inputs)

    batcher = batchers(slow, num_batch_threads=1)
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(batcher.predict, "s", x(1))
        entered.wait(PATIENCE)
        start = time.monotonic()
        with pytest.raises(StatusError) as caught:
            batcher.predict("s", x(99), deadline=Deadline(start + 0.1))
        assert caught.value.code == "DEADLINE_EXCEEDED"
        assert time.monotonic() - start < PATIENCE
        assert batcher.queue.rows == 0
        go.set()
        running.result()
    batcher.predict("s", x(2))
    assert all(99 not in inputs["x"] for _, inputs in model.calls)


def test_a_deadline_ends_the_wait_for_a_model_that_runs(batchers):
    go = threading.Event()
    batcher = batchers(
        lambda _, inputs, deadline: go.wait(PATIENCE) and {"y": inputs["x"]}, num_batch_threads=1
    )
    with pytest.raises(StatusError, match="Deadline exceeded"):
        batcher.predict("s", x(1), deadline=Deadline.after(0.1))
    go.set()
    assert batcher.predict("s", x(1), deadline=Deadline.after(PATIENCE))["y"] == [1]


class Endless(Recorder):
    """A model that runs until its deadline is over, if a value is 99."""

    def __init__(self):
        super().__init__()
        self.entered, self.seconds = threading.Event(), []

    def __call__(self, signature, inputs, deadline):
        answer = super().__call__(signature, inputs)
        self.entered.set()
        start = time.monotonic()
        if 99 in inputs["x"]:
            wait_until(deadline.is_over)
            self.seconds.append(time.monotonic() - start)
            raise deadline.error()
        return answer


def test_a_batch_ends_with_the_latest_deadline_and_never_runs_again(batchers):
    model = Endless()
    batcher = batchers(model, max_batch_size=3, batch_timeout_micros=LONG, num_batch_threads=1)
    start = time.monotonic()

    def ask(seconds):
        with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
            batcher.predict("s", x(99), Deadline(start + seconds))
        return time.monotonic() - start

    with ThreadPoolExecutor(3) as executor:
        ends = list(executor.map(ask, (1, 2, 3)))
    assert [end >= seconds for end, seconds in zip(ends, (1, 2, 3), strict=True)] == [True] * 3
    assert batcher.predict("s", x(1, 2, 3))["y"].tolist() == [2, 4, 6]  # the thread is free
    assert model.sizes == [3, 3]
    assert time.monotonic() - start >= 3 and model.seconds[0] > 1  # it ran until the last of them


def test_a_client_that_leaves_stops_a_run_but_no_batch_of_others(batchers):
    model = Endless()
    batcher = batchers(model, max_batch_size=2, batch_timeout_micros=LONG, num_batch_threads=1)
    first, second = Deadline(), Deadline()
    with ThreadPoolExecutor(3) as executor:
        asked = [executor.submit(batcher.predict, "s", x(99), deadline) for deadline in (first, second)]
        assert model.entered.wait(PATIENCE)
        waiting = executor.submit(batcher.predict, "s", x(98), third := Deadline())
        wait_until(lambda: batcher.queue.rows == 1)
        for leaving, future in ((third, waiting), (first, asked[0])):
            leaving.leave()
            with pytest.raises(StatusError, match="CANCELLED"):
                future.result()
        assert batcher.queue.rows == 0
        assert not model.seconds and not asked[1].done()
        second.leave()
        with pytest.raises(StatusError, match="CANCELLED"):
            asked[1].result()
    wait_until(lambda: model.seconds)
    assert model.sizes == [2]


def test_what_is_late_is_left_out_when_a_failed_batch_is_split(batchers):
    entered, go, calls = threading.Event(), threading.Event(), []

    def fail(_, inputs, deadline):
        calls.append(inputs["x"].tolist())
        entered.set()
        go.wait(PATIENCE)
        if len(inputs["x"]) > 1:
            raise StatusError("INVALID_ARGUMENT", "together")
        return {"y": inputs["x"]}

    batcher = batchers(fail, max_batch_size=2, batch_timeout_micros=LONG, num_batch_threads=1)
    with ThreadPoolExecutor(2) as executor:
        leaving = executor.submit(batcher.predict, "s", x(1), deadline := Deadline())
        staying = executor.submit(batcher.predict, "s", x(2))
        entered.wait(PATIENCE)
        deadline.leave()
        leaving.exception()
        go.set()
        assert staying.result()["y"] == [2]
    assert sorted(calls[0]) == [1, 2] and calls[1:] == [[2]]


def test_close_does_not_wait_longer_than_asked(batchers):
    go = threading.Event()
    batcher = batchers(lambda _, inputs, deadline: go.wait(PATIENCE) and {}, num_batch_threads=1)
    with pytest.raises(StatusError):
        batcher.predict("s", x(1), Deadline.after(0.2))
    assert not batcher.close(0.01)
    go.set()
    assert batcher.close(PATIENCE)


@pytest.mark.parametrize("bad", [{0}, {5}, {0, 3, 7}, set(range(8))])
def test_a_bad_row_fails_its_own_request_alone(batchers, bad):
    model = Recorder()
    batcher = batchers(model, max_batch_size=8, batch_timeout_micros=LONG, num_batch_threads=1)
    answers = ask_all(batcher, [x(-value if value - 1 in bad else value) for value in range(1, 9)])
    assert model.sizes[0] == 8
    for index, answer in enumerate(answers):
        if index in bad:
            assert (answer.code, answer.message) == ("INVALID_ARGUMENT", f"-{index + 1}.0 is below 0")
        else:
            assert answer["y"] == [2 * (index + 1)]


def test_an_allowed_size_is_reached_with_the_last_row_and_cut_off_again(batchers):
    model = Recorder()
    batcher = batchers(
        model, max_batch_size=8, allowed_batch_sizes=(2, 4, 8), batch_timeout_micros=1000, num_batch_threads=1
    )
    assert batcher.predict("s", x(1, 2, 3))["y"].tolist() == [2, 4, 6]
    assert batcher.predict("s", x(1, 2))["y"].tolist() == [2, 4]
    assert batcher.predict("s", x(5))["y"].tolist() == [10]
    assert [inputs["x"].tolist() for _, inputs in model.calls] == [[1, 2, 3, 3], [1, 2], [5, 5]]


def test_a_signature_without_a_batch_runs_alone(batchers):
    model = Recorder()
    batcher = batchers(
        model, batched={"other"}, max_batch_size=4, allowed_batch_sizes=(4,), batch_timeout_micros=LONG
    )
    answers = ask_all(batcher, [x(1), x(2, 3)])
    assert sorted(model.sizes) == [1, 2]
    assert [answer["y"].tolist() for answer in answers] == [[2], [4, 6]]


@pytest.mark.parametrize("sizes", [(), (2, 4)])
def test_outputs_that_prove_to_have_no_batch(batchers, sizes):
    calls = []

    def mean(_, inputs, deadline):
        calls.append(len(inputs["x"]))
        return {"mean": inputs["x"].mean(keepdims=True), "x": inputs["x"]}

    batcher = batchers(mean, max_batch_size=4, allowed_batch_sizes=sizes, batch_timeout_micros=LONG)
    answers = ask_all(batcher, [x(1, 2), x(3, 5)])
    assert [answer["mean"].tolist() for answer in answers] == [[1.5], [4]]
    assert [answer["x"].tolist() for answer in answers] == [[1, 2], [3, 5]]
    assert calls == [4, 2, 2]
    assert batcher.predict("s", x(1, 2, 6))["mean"] == [3]  # no wait, no padding
    assert calls[3:] == [3]


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": np.float32(3)},
        {"x": np.float32([1, 2]), "z": np.float32([1])},
        {"x": np.zeros((0, 2), np.float32)},
        {},
    ],
)
def test_inputs_without_a_common_batch_run_alone(batchers, inputs):
    seen = []
    batcher = batchers(
        lambda _, given, deadline: seen.append(given) or {"n": np.int32(7)},
        max_batch_size=4,
        batch_timeout_micros=LONG,
    )
    start = time.monotonic()
    assert batcher.predict("s", inputs) == {"n": 7}
    assert time.monotonic() - start < PATIENCE  # it waits for no others
    assert seen == [inputs]


def test_a_request_larger_than_a_batch_runs_alone(batchers):
    model = Recorder()
    batcher = batchers(model, max_batch_size=2, max_enqueued_batches=1, batch_timeout_micros=LONG)
    assert batcher.predict("s", x(1, 2, 3, 4, 5))["y"].tolist() == [2, 4, 6, 8, 10]
    assert model.sizes == [5]


def test_a_large_request_is_cut_where_that_is_asked_for(batchers):
    model = Recorder()
    large = {"enable_large_batch_splitting": True, "max_batch_size": 8, "max_execution_batch_size": 2}
    batcher = batchers(model, **large, allowed_batch_sizes=(2,))
    assert batcher.predict("s", x(1, 2, 3, 4, 5))["y"].tolist() == [2, 4, 6, 8, 10]
    assert model.sizes == [2, 2, 2]


def test_parts_that_cannot_be_joined_run_whole(batchers):
    calls = []

    def triangle(_, inputs, deadline):  # as wide as the largest value, as padded tokens are
        calls.append(len(inputs["x"]))
        return {"t": np.tri(len(inputs["x"]), int(inputs["x"].max()), dtype=np.float32)}

    batcher = batchers(triangle, enable_large_batch_splitting=True, max_batch_size=2)
    for _ in range(2):
        assert batcher.predict("s", x(1, 2, 3))["t"].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert calls == [2, 1, 3, 3]


def test_close_answers_what_is_queued(batchers):
    model = Recorder()
    batcher = batchers(model, max_batch_size=100, batch_timeout_micros=LONG)
    with ThreadPoolExecutor(2) as executor:
        asked = [executor.submit(batcher.predict, "s", x(value)) for value in (1, 2)]
        wait_until(lambda: batcher.queue.rows == 2)
        start = time.monotonic()
        batcher.close()
        assert time.monotonic() - start < PATIENCE  # what waits for others is due at once
        assert [future.result()["y"].tolist() for future in asked] == [[2], [4]]
    with pytest.raises(StatusError) as caught:
        batcher.predict("s", x(1))
    assert caught.value.code == "UNAVAILABLE"


def test_many_clients_each_get_what_they_asked_for(batchers):
    batcher = batchers(
        Recorder(),
        max_batch_size=5,
        max_enqueued_batches=20,  # room for all clients at once
        allowed_batch_sizes=(1, 3, 5),
        batch_timeout_micros=200,
        num_batch_threads=3,
    )

    def client(seed):
        draw = random.Random(seed)
        for _ in range(40):
            rows, width = draw.randint(1, 7), draw.randint(1, 2)
            value = np.float32([[draw.randint(-1, 9)] * width for _ in range(rows)])
            try:
                answer = batcher.predict("s", {"x": value})["y"]
            except StatusError as error:
                assert value.min() == -1, error
            else:
                assert value.min() >= 0
                np.testing.assert_array_equal(answer, 2 * value)
        return True

    with ThreadPoolExecutor(12) as executor:
        assert all(executor.map(client, range(12)))


class Signatures(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def rows(self, x):
        return {"y": x[:, 0], "z": x}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def total(self, x):
        return {"y": tf.reduce_sum(x), "z": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32)])
    def scaled(self, x, factor):
        return {"y": x * factor}

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, name="x")])
    def pair(self, x):
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def anything(self, x):
        return {"y": x}


def test_the_signatures_that_have_a_batch(tmp_path):
    module = Signatures()
    names = ["rows", "total", "scaled", "pair", "anything"]
    tf.saved_model.save(module, str(tmp_path), signatures={name: getattr(module, name) for name in names})
    model = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    assert batched_signatures(model.meta_graphs[0].signature_def) == {"rows"}


FILE = """
max_batch_size { value: 128 }  # rows
batch_timeout_micros { value: 500 }
max_enqueued_batches { value: 20 }
num_batch_threads { value: 3 }
thread_pool_name { value: "translation" }
allowed_batch_sizes: 32
allowed_batch_sizes: 64
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }
"""


def test_a_file_of_parameters(tmp_path, batchers):
    path = tmp_path / "batching.txt"
    path.write_text(FILE)
    assert read_parameters(path) == BatchingParameters(
        max_batch_size=128,
        batch_timeout_micros=500,
        max_enqueued_batches=20,
        num_batch_threads=3,
        thread_pool_name="translation",
        allowed_batch_sizes=(32, 64),
        enable_large_batch_splitting=True,
        max_execution_batch_size=64,
    )
    path.write_text("")
    assert read_parameters(path) == BatchingParameters()
    batchers(Recorder(), num_batch_threads=1, thread_pool_name="translation")
    assert "translation_0" in {thread.name for thread in threading.enumerate()}


def test_padding_of_inputs_is_not_done_and_said_so(tmp_path, caplog, batchers):
    path = tmp_path / "batching.txt"
    path.write_text("pad_variable_length_inputs: true")
    assert read_parameters(path).pad_variable_length_inputs
    assert "pad_variable_length_inputs has no effect" in caplog.text
    model = Recorder()
    batcher = batchers(model, pad_variable_length_inputs=True, batch_timeout_micros=1000)
    answers = ask_all(batcher, [{"x": np.float32([[1, 2]])}, {"x": np.float32([[3, 4, 5]])}])
    assert [answer["y"].tolist() for answer in answers] == [[[2, 4]], [[6, 8, 10]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "max_batch_size { value: 8 }\nmax_batchsize { value: 8 }",
            r"line 2, .* no field named \"max_batchsize\"",
        ),
        ("\nmax_batch_size: 8", r"line 2, column 17: .*Expected \"{\""),
        ("max_batch_size { value: many }", "line 1, .*Couldn't parse integer: many"),
        ("max_batch_size { value: 1 } max_batch_size { value: 2 }", "line 1, .*multiple"),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1; it is 0"),
        ("num_batch_threads { value: -1 }", "num_batch_threads must be at least 1"),
        ("max_enqueued_batches { value: 0 }", "max_enqueued_batches must be at least 1"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must not be negative"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "end with the largest batch, 8; they are 4"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]", "must ascend"),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 9 }",
            "max_execution_batch_size must be from 1 to max_batch_size, 8; it is 9",
        ),
    ],
)
def test_a_wrong_file_of_parameters(tmp_path, text, message):
    path = tmp_path / "batching.txt"
    path.write_text(text)
    with pytest.raises(ServingError, match=message) as caught:
        read_parameters(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_of_parameters_that_cannot_be_read(tmp_path):
    with pytest.raises(ServingError, match=r"none\.txt: cannot be read: No such file"):
        read_parameters(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"# gr\xfc\xdfe")
    with pytest.raises(ServingError, match=r"latin\.txt: byte 4 is no UTF-8 text"):
        read_parameters(tmp_path / "latin.txt")
