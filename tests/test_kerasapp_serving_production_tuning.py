"""What batching parameters follow from the times of batches."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.export import warmup
from kerasapp.serving.batching.parameters import read_parameters
from kerasapp.serving.production import tuning
from kerasapp.serving.production.tuning import Timing, choose, time_batches
from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.protocol.signatures import TensorSpec


@pytest.fixture
def clock(monkeypatch):
    """Runs batches by a clock of its own: 10 ms each and 1 ms for each row up to 16, then 4 ms."""
    now = 0.0

    def run(rows):
        nonlocal now
        now += 0.010 + 0.001 * min(rows, 16) + 0.004 * max(rows - 16, 0)

    monkeypatch.setattr(tuning.time, "perf_counter", lambda: now)
    return run


def test_sizes_double_until_more_rows_give_nothing_more(clock):
    timings = time_batches(clock)
    assert [timing.rows for timing in timings] == [1, 2, 4, 8, 16, 32, 64]
    assert [timing.seconds for timing in timings[:5]] == pytest.approx([0.011, 0.012, 0.014, 0.018, 0.026])


@pytest.mark.parametrize(("factor", "sizes"), [(1.03, [1, 2, 4]), (1.07, [1, 2, 4, 8, 16, 32, 64, 128, 256])])
def test_a_few_per_cent_more_rows_per_second_are_no_gain(monkeypatch, factor, sizes):
    now = 0.0

    def run(rows):
        nonlocal now
        now += 0.001 * rows / factor ** np.log2(rows)

    monkeypatch.setattr(tuning.time, "perf_counter", lambda: now)
    assert [timing.rows for timing in time_batches(run, budget=1000.0)] == sizes


def test_the_measuring_keeps_to_its_time(clock):
    timings = time_batches(clock, budget=0.5)
    assert 1 <= len(timings) < 7
    assert tuning.time.perf_counter() <= 0.5


def test_the_rule():
    # Rows per second: 500, 800, 1000, 1100; 90% of the most are reached by 4 rows.
    timings = [Timing(1, 0.002), Timing(2, 0.0025), Timing(4, 0.004), Timing(8, 8 / 1100)]
    assert choose(timings, cores=3) == {
        "max_batch_size": 256,  # that a request may have
        "batch_timeout_micros": 100,  # a twentieth of 2 ms
        "num_batch_threads": 3,
        "max_enqueued_batches": 19,  # full batches in 5 s at 1000 rows per second
    }
    few = choose([Timing(1, 0.1)], cores=3)
    assert few["max_enqueued_batches"] == 3  # one per thread; 5 s of 10 rows per second are no full batch
    slow = choose([Timing(1, 30.0)], cores=2)
    assert (slow["max_enqueued_batches"], slow["batch_timeout_micros"]) == (2, 10_000)
    fast = choose([Timing(1, 1e-5), Timing(512, 1e-4)], cores=2)
    assert fast == {  # 5,120,000 rows per second
        "max_batch_size": 512,
        "batch_timeout_micros": 0,
        "num_batch_threads": 2,
        "max_enqueued_batches": 1000,
    }


class Reverser(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def __call__(self, text):
        return {"text": text + b"!"}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def double(self, x):
        return {"y": 2 * x}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved_models") / "reverser" / "4"
    module = Reverser()
    signatures = {"serving_default": module.__call__, "double": module.double}
    tf.saved_model.save(module, str(path), signatures=signatures)
    (path / "assets.extra").mkdir()
    requests = [("serving_default", {"text": np.array(["a", "bc"], object)})]
    warmup.write(path / "assets.extra" / "tf_serving_warmup_requests", "reverser", requests)
    return path


def test_a_model_is_measured_and_the_file_says_how(version, tmp_path):
    text = tuning.measured(version, cores=2, budget=0.4)
    file = tmp_path / "batching_parameters.txt"
    file.write_text(text)
    parameters = read_parameters(file)
    assert parameters.num_batch_threads == 2
    sizes = [
        int(line.split()[1]) for line in text.splitlines() if "rows per second" in line and " ms " in line
    ]
    assert sizes == [2**i for i in range(len(sizes))]
    assert parameters.batch_limit == 256 and not parameters.enable_large_batch_splitting
    assert "reverser, version 4" in text and "serving_default" in text


def test_values_to_begin_with_say_so(version, tmp_path):
    (tmp_path / "file").write_text(tuning.unmeasured(version))
    assert read_parameters(tmp_path / "file").batch_limit == 256
    assert "nothing was measured" in (tmp_path / "file").read_text()


def test_a_batch_repeats_all_the_examples():
    """Not the first alone: texts of different lengths take different times."""
    inputs = {"text": np.array([b"a", b"bb", b"ccc"], object)}
    assert tuning._tiled(inputs, 5)["text"].tolist() == [b"a", b"bb", b"ccc", b"a", b"bb"]


def test_what_is_measured_is_the_default_signature_where_it_takes_texts():
    request = ("generate", {"prompt": np.array([b"a"], object), "length": np.int32([3])})
    other = ("other", {"prompt": np.array([b"b"], object)})
    text, number = {"text": TensorSpec("string", (None,))}, {"x": TensorSpec("float", (None,))}
    signature, inputs = tuning._example(text, [request, other], None)
    assert signature == "" and {name: array.tolist() for name, array in inputs.items()} == {"text": [b"a"]}
    assert tuning._example(number, [request, other], None) == request
    numbers = ("forecast", {"x": np.float32([1])})
    assert tuning._example(text, [numbers, request], None) == numbers


def test_the_cores_are_those_of_this_machine_unless_told(version, monkeypatch):
    monkeypatch.setattr(tuning, "time_batches", lambda run, budget: [Timing(1, 0.1)])
    monkeypatch.setattr(tuning.os, "cpu_count", lambda: 5)
    for cores, expected in ((None, 5), (3, 3)):
        text = tuning.measured(version, cores)
        assert f"num_batch_threads {{ value: {expected} }}" in text and f"on {expected} cores" in text
    assert "num_batch_threads { value: 5 }" in tuning.unmeasured(version)


def test_what_cannot_be_measured_is_told(version, tmp_path):
    with pytest.raises(ServingError, match="SavedModel"):
        tuning.measured(tmp_path)
    (version / "assets.extra" / "tf_serving_warmup_requests").rename(tmp_path / "away")
    with pytest.raises(ServingError, match="warm-up"):
        tuning.measured(version)
