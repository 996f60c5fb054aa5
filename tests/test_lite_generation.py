"""The small runtime generates with LiteRT what a model in NumPy does."""

import subprocess
import venv
from pathlib import Path

import lite_bundles
import pytest

from kerasapp_lite.bundle import Bundle
from kerasapp_lite.generation import Generator

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return lite_bundles.write(tmp_path_factory.mktemp("lite") / "tflite")


@pytest.fixture(scope="module")
def generator(folder):
    return Generator(Bundle(folder))


@pytest.mark.parametrize("prompt", ["", "a", "abcde é好" * 5])
def test_greedy_text_is_that_of_the_plain_model(generator, prompt):
    expected = lite_bundles.Plain().greedy(prompt, 60)
    assert generator.generate(prompt, length=60, temperature=0) == expected
    assert generator.generate(prompt, length=0) == ""


def test_two_generators_do_not_share_states(folder, generator):
    other, expected = Generator(Bundle(folder)), lite_bundles.Plain()
    first = generator.stream("ab", length=30, temperature=0)
    second = other.stream("dé", length=30, temperature=0)
    third = generator.stream("好", length=30, temperature=0)
    texts = ["".join(parts) for parts in zip(*zip(first, second, third, strict=True))]
    assert texts == [expected.greedy(prompt, 30) for prompt in ("ab", "dé", "好")]


def test_stream_ends_before_the_stop_string(generator):
    whole = generator.generate("a", length=200, temperature=1.0, seed=4)
    for stop in (whole[50:53], whole[10], whole[199:], "never"):
        pieces = list(generator.stream("a", length=200, temperature=1.0, seed=4, stop=stop))
        assert "".join(pieces) == whole.split(stop)[0]
        assert not any(stop in piece for piece in pieces)


def test_knobs_and_seed(generator):
    with pytest.raises(ValueError, match="length: -1 is not a whole number from 0 to 1000000"):
        generator.stream("a", length=-1)  # at once, not with the first piece
    knobs = {"length": 50, "temperature": 1.0}
    assert generator.generate("a", seed=1, **knobs) == generator.generate("a", seed=1, **knobs)
    assert generator.generate("a", seed=1, **knobs) != generator.generate("a", seed=2, **knobs)
    assert generator.generate("a", top_k=1, **knobs) == lite_bundles.Plain().greedy("a", 50)


@pytest.mark.slow
def test_package_runs_where_there_is_no_tensorflow(folder, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", ROOT / "lite"], check=True)
    script = "import importlib.util as u; print(u.find_spec('tensorflow'), u.find_spec('kerasapp'))"
    found = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert found.stdout == "None None\n"
    command = [tmp_path / "venv/bin/kerasapp-lite", "generate", folder, "ab", "--length", "9"]
    found = subprocess.run(
        [*command, "--temperature", "0"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert found.stdout == lite_bundles.Plain().greedy("ab", 9) + "\n"
    size = sum(file.stat().st_size for file in (tmp_path / "venv/lib").rglob("*") if file.is_file())
    assert size < 200e6
