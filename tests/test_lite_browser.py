"""The page in `lite/browser` in a real browser: the same bundle gives the same text as the small runtime."""

import functools
import json
import re
import shutil
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import lite_bundles
import numpy as np
import pytest
from waiting import PATIENCE

from kerasapp.tasks.generation.spec import SPEC
from kerasapp_lite.bundle import Bundle
from kerasapp_lite.generation import Generator
from kerasapp_lite.sampling import choose, uniform

FOLDER = Path(__file__).parents[1] / "lite" / "browser"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PROMPTS = ("", "ROMEO:\n", "人生如梦，" * 30)  # the last one of three chunks


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Nothing is logged."""


@contextmanager
def served(folder):
    """Serves a folder at a free port; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium, such as that of `apt-get install chromium`")
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip("needs LiteRT.js: `npm ci --prefix lite/browser`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, tmp_path):
    """A function that opens the page with a bundle: (bundle, precision) -> Visit."""
    (tmp_path / "page").symlink_to(FOLDER)
    with served(tmp_path) as address:

        def opened(bundle, precision="float32"):
            (tmp_path / "bundle").unlink(missing_ok=True)
            (tmp_path / "bundle").symlink_to(bundle)
            return Visit(browser, address, precision)

        yield opened


class Visit:
    """The page, used by its keyboard; what it asks for and complains of is kept."""

    def __init__(self, browser, address, precision):
        self.page = browser.new_page(viewport={"width": 360, "height": 740})  # a phone's
        self.page.set_default_timeout(1000 * PATIENCE)
        self.problems, self.asked = [], []
        self.page.on("console", self._keep)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{address}/page/?bundle=../bundle&precision={precision}")

    def _keep(self, message):
        # LiteRT.js tells of its doings as of errors.
        if message.type == "error" and not message.text.startswith(("INFO: ", "WARNING: ")):
            self.problems.append(message.text)

    def wait(self, text):
        self.page.locator("#status", has_text=text).wait_for()

    def tab_to(self, selector):
        for _ in range(20):
            if self.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    def fill(self, **fields):
        for name, value in fields.items():
            self.tab_to(f"#{name}")
            self.page.keyboard.press("Control+a")
            self.page.keyboard.press("Delete")
            self.page.keyboard.insert_text(str(value))

    def written(self, **fields):
        """The text for fields of the form, without the prompt."""
        self.fill(**fields)
        self.page.keyboard.press("Control+Enter")
        self.wait(re.compile(rf"^{fields['length']} characters, "))
        assert self.text().startswith(fields["prompt"])
        return self.text().removeprefix(fields["prompt"])

    def text(self):
        return self.page.locator("#text").text_content()


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic", "int8"])
def test_text_is_that_of_the_small_runtime(visit, tiny_bundle, precision):
    generator, page = Generator(Bundle(tiny_bundle, precision)), visit(tiny_bundle, precision)
    page.wait("Ready.")
    for prompt in PROMPTS:
        expected = generator.generate(prompt, length=60, temperature=0)
        assert page.written(prompt=prompt, length=60, temperature=0) == expected
    for knobs in ({"seed": 7}, {"seed": -(2**31)}, {"top_k": 5}, {"top_p": 0.8}, {"top_k": 9, "top_p": 0.9}):
        knobs = {"length": 200, "temperature": 0.7, "top_k": 0, "top_p": 1, "seed": 0} | knobs
        expected = generator.generate("ROMEO:\n", **knobs)
        assert page.written(prompt="ROMEO:\n", **knobs) == expected
    assert page.problems == []
    assert all(url.startswith(page.page.url.split("/page/")[0]) for url in page.asked)


@pytest.fixture(scope="module")
def plain_bundle(tmp_path_factory):
    return lite_bundles.write(tmp_path_factory.mktemp("lite") / "tflite")


def test_page_streams_stops_and_follows_the_scheme(visit, plain_bundle):
    page = visit(plain_bundle)
    page.wait("Ready.")
    assert page.written(prompt="abé好", length=50, temperature=0) == lite_bundles.Plain().greedy("abé好", 50)
    page.fill(length=1_000_000)
    page.page.keyboard.press("Enter")
    while len(page.text()) < 300:  # while it writes
        page.page.wait_for_timeout(20)
    page.tab_to("#cancel")
    page.page.keyboard.press("Enter")
    page.wait("per second.")
    assert 300 <= len(page.text()) < 1_000_000
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    light = page.page.evaluate("getComputedStyle(document.querySelector('#prompt')).backgroundColor")
    page.page.emulate_media(color_scheme="dark")
    assert page.page.evaluate("getComputedStyle(document.querySelector('#prompt')).backgroundColor") != light
    assert page.problems == []


CHOOSE = """async (requests) => {
    const { choose, uniform } = await import("./generate.js");
    return requests.map(([logits, seed, ...knobs]) =>
        choose(Float32Array.from(logits), uniform(seed, 5), ...knobs));
}"""


def test_tokens_are_those_of_the_small_runtime(visit, plain_bundle):
    rng = np.random.default_rng(0)
    knobs = [(0.7, 0, 1.0), (0.7, 5, 1.0), (1.3, 0, 0.8), (1.0, 9, 0.5), (1.0, 0, 0.0), (0.0, 3, 0.5)]
    requests, expected = [], []
    for seed in range(60):
        logits = np.round(2 * rng.normal(size=50), 1).astype(np.float32)  # some are equal
        requests.append([logits.tolist(), seed, *knobs[seed % len(knobs)]])
        logits[:4] = -np.inf
        expected.append(choose(logits, uniform(seed, 5), *knobs[seed % len(knobs)]))
    assert visit(plain_bundle).page.evaluate(CHOOSE, requests) == expected


def test_a_text_ends_before_stop(visit, plain_bundle):
    page, whole = visit(plain_bundle), lite_bundles.Plain().greedy("ab", 50)
    page.wait("Ready.")
    for stop in (whole[20:23], whole[49:] + "no text has this"):
        given = {"length": 50, "temperature": 0, "stop": stop}
        expected = whole[: whole.index(stop)] if stop in whole else whole
        assert page.page.evaluate(ASK, given) == expected


@pytest.fixture
def other(plain_bundle, tmp_path):
    """A function that copies the bundle with other metadata."""

    def copied(leave_out=(), **changed):
        copy = shutil.copytree(plain_bundle, tmp_path / "copy", dirs_exist_ok=True)
        metadata = json.loads((copy / "metadata.json").read_text()) | changed
        for key in leave_out:
            metadata.pop(key)
        (copy / "metadata.json").write_text(json.dumps(metadata))
        return copy

    return copied


FIELDS = """() => Object.fromEntries(Array.from(document.querySelectorAll("#knobs input"), (field) =>
    [field.name, [field.value, field.min, field.max, field.step, field.title]]))"""
ASK = """async (given) => {
    const { open } = await import("./generate.js");
    const generator = await open("../bundle", "float32");
    let text = "";
    try {
        for await (const character of generator.stream("ab", given)) text += character;
    } catch (error) {
        return error.message;
    }
    return text;
}"""


def test_defaults_and_limits_are_the_bundles(visit, other):
    own = {
        "length": {"default": 7, "least": 5, "most": 9, "help": "at most"},
        "temperature": {"default": 0.0, "most": 2.5},
    }
    known = [knob.described() for knob in SPEC.knobs]
    page = visit(other(knobs=[knob | own.get(knob["name"], {}) for knob in known]))
    page.wait("Ready.")
    top_k, top_p, seed = (SPEC.knob(name) for name in ("top_k", "top_p", "seed"))
    assert page.page.evaluate(FIELDS) == {
        "length": ["7", "5", "9", "1", "at most"],
        "temperature": ["0", "0", "2.5", "any", SPEC.knob("temperature").help],
        "top_k": ["0", "0", str(top_k.most), "1", top_k.help],
        "top_p": ["1", "0", "1", "any", top_p.help],
        "seed": ["0", str(seed.least), str(seed.most), "1", seed.help],
        "stop": ["", "", "", "", SPEC.knob("stop").help],
    }
    page.fill(prompt="ab")
    page.page.keyboard.press("Control+Enter")
    page.wait(re.compile("^7 characters, "))
    assert page.text() == "ab" + lite_bundles.Plain().greedy("ab", 7)
    page.fill(length=10)
    page.page.keyboard.press("Enter")
    assert not page.page.evaluate("document.querySelector('#length').validity.valid")
    assert page.page.evaluate(ASK, {}) == lite_bundles.Plain().greedy("ab", 7)
    for given, message in (
        ({"length": 10}, "length: 10 is not a whole number from 5 to 9"),
        ({"length": 5.5}, "length: 5.5 is not a whole number from 5 to 9"),
        ({"temperature": -1}, "temperature: -1 is not a number from 0 to 2.5"),
        ({"lenght": 9}, "unknown: lenght; there are length, temperature, top_k, top_p, seed, stop"),
    ):
        assert page.page.evaluate(ASK, given) == message
    assert page.problems == []


def test_a_bundle_of_an_older_kerasapp_goes_on_working(visit, other):
    defaults = SPEC.defaults | {"length": 12, "temperature": 0.0}
    page = visit(other(("knobs", "command"), defaults=defaults))
    page.wait("Ready.")
    assert page.page.evaluate(FIELDS)["length"] == ["12", "", "", "any", ""]
    page.fill(prompt="ab")
    page.page.keyboard.press("Control+Enter")
    page.wait(re.compile("^12 characters, "))
    assert page.text() == "ab" + lite_bundles.Plain().greedy("ab", 12)


def test_damaged_and_other_bundles_are_refused(visit, plain_bundle, tmp_path):
    copy = shutil.copytree(plain_bundle, tmp_path / "copy")
    file, metadata = copy / "float32.tflite", copy / "metadata.json"
    content, about = file.read_bytes(), metadata.read_text()
    file.write_bytes(content[:5000] + b"\0" + content[5001:])
    visit(copy).wait("float32.tflite: is damaged")
    file.write_bytes(content)
    visit(copy, "int8").wait("has no int8")
    metadata.write_text(about.replace('"generation"', '"synthesis"'))
    visit(copy).wait("is a bundle of synthesis")
    metadata.write_text(about.replace('"format": 1', '"format": 2'))
    visit(copy).wait("has format 2, not 1")
    metadata.unlink()
    visit(copy).wait("metadata.json: cannot be read: 404")


RUN = """async ([file, requests]) => {
    const { Tensor, loadAndCompile, loadLiteRt } = await import("@litertjs/core");
    await loadLiteRt("node_modules/@litertjs/core/wasm/");
    const content = new Uint8Array(await (await fetch(`../bundle/${file}`)).arrayBuffer());
    const model = await loadAndCompile(content, { accelerator: "wasm" });
    const answers = {};
    for (const [signature, inputs] of Object.entries(requests)) {
        const tensors = {};
        for (const [name, [dtype, shape, values]] of Object.entries(inputs)) {
            tensors[name] = new Tensor((dtype === "int32" ? Int32Array : Float32Array).from(values), shape);
        }
        const found = Object.entries(await model.run(signature, tensors));
        const numbers = found.map(([name, x]) => [name, Array.from(x.toTypedArray())]);
        answers[signature] = Object.fromEntries(numbers);
    }
    return answers;
}"""


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("bundle", ["reversal_bundle", "speech_bundle"])
def test_files_of_translation_and_synthesis_run_in_the_browser(visit, bundle, precision, request):
    folder = request.getfixturevalue(bundle)
    opened = Bundle(folder, precision)
    asked = lite_bundles.requests(opened)
    given = {
        name: {key: [str(x.dtype), x.shape, x.ravel().tolist()] for key, x in inputs.items()}
        for name, inputs in asked.items()
    }
    found = visit(folder).page.evaluate(RUN, [f"{precision}.tflite", given])
    for name, inputs in asked.items():
        expected = opened.signature(name)(**inputs)
        assert found[name].keys() == expected.keys()
        for key, values in expected.items():
            np.testing.assert_allclose(found[name][key], values.ravel(), rtol=1e-4, atol=1e-4, err_msg=key)
