"""The page: its files, the list of models, and all of it in a real browser, with the keyboard alone."""

import configparser
import fnmatch
import json
import re
import shutil
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient
from waiting import PATIENCE, wait_until

from kerasapp import spec
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.page import routes as page
from kerasapp.serving.rest import streaming
from kerasapp.serving.rest.app import create_app

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
ROOT = Path(__file__).parents[1]
STATIC = ROOT / "kerasapp/serving/page/static"
FILES = sorted(STATIC.iterdir())
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def version(number, state="AVAILABLE", signatures=("generate",), settings=None, **more):
    bundle = SimpleNamespace(signature_defs=dict.fromkeys(signatures)) if signatures else None
    about = {"model": "m", "number": number, "state": state, "settings": settings, "bundle": bundle}
    return SimpleNamespace(**{**about, "message": "", "labels": (), **more})


def listed(*versions):
    engine = SimpleNamespace(registry=SimpleNamespace(all_versions=lambda: list(versions)))
    return TestClient(Starlette(routes=page.routes(engine)))


def test_the_models_are_listed_newest_version_first():
    voice = {"audio": {"sample_rate": 8000, "f_min": 50, "f_max": None}}
    client = listed(
        version(9, "END", (), message="broken"),
        version(10, labels=("stable",), signatures=("generate", "__saved_model_init_op")),
        version(1, model="a", signatures=("add",)),
        version(2, model="voice", signatures=("synthesize",), settings=voice),
        version(3, model="voice", signatures=("synthesize",)),
    )
    answer = client.get("/kerasapp/models")
    assert answer.headers["content-type"] == "application/json"
    other, model, voice = answer.json()["models"]
    assert (other["name"], other["versions"][0]["task"]) == ("a", None)
    assert [found["version"] for found in model["versions"]] == ["10", "9"]
    form = model["versions"][0].pop("form")
    assert (form["signature"], form["input"], form["takes"], form["streams"]) == (
        "generate",
        "prompt",
        "text",
        False,
    )
    assert form["knobs"] == [knob.described() for knob in spec.spec("generation").knobs]
    assert model["versions"][0] == {
        "version": "10", "state": "AVAILABLE", "labels": ["stable"], "error": "", "signatures": ["generate"],
        "task": "generation", "audio": None,
    }  # fmt: skip
    assert model["versions"][1]["error"] == "broken" and model["versions"][1]["signatures"] == []
    assert [found["audio"] for found in voice["versions"]] == [None, {"f_min": 50, "f_max": 4000}]


def test_a_model_that_streams_and_one_that_is_being_loaded():
    stream = (*spec.spec("generation").stream.signatures, "generate")
    (model,) = (
        listed(version(1, signatures=stream), version(2, "LOADING", ()))
        .get("/kerasapp/models")
        .json()["models"]
    )
    loading, ready = model["versions"]
    assert (loading["state"], loading["signatures"], loading["form"]) == ("LOADING", [], None)
    assert ready["form"]["streams"] is True and ready["signatures"] == sorted(stream)


@pytest.mark.parametrize(
    "text", ["audio: 3\n", "audio:\n  f_min: x\n", "a: [\n", "- 1\n", "audio:\n  f_min: 1\n"]
)
def test_a_configuration_of_something_else_hides_no_model(tmp_path, text):
    config = tmp_path / "assets.extra" / "kerasapp" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    client = listed(version(2, signatures=("synthesize",), path=tmp_path))
    assert client.get("/kerasapp/models").json()["models"][0]["versions"][0]["audio"] is None


def test_all_files_are_served_and_may_reach_no_other_host():
    client = listed()
    html = client.get("/")
    assert html.status_code == 200 and html.headers["content-type"].startswith("text/html")
    policy = html.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "http" not in policy
    assert all(f"{name} 'none'" in policy for name in ("frame-ancestors", "form-action", "base-uri"))
    for name in ["page.css", "page.js", "icon.svg"]:
        assert f'"kerasapp/page/{name}"' in html.text
    for file in FILES:
        path = "/" if file.name == "index.html" else f"/kerasapp/page/{file.name}"
        assert client.get(path).content == file.read_bytes()
        headers = client.get(path).headers
        assert headers["content-security-policy"] == policy
        assert headers["content-type"].partition(";")[0] == KINDS[file.suffix]  # "nosniff" takes no other
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert headers["cache-control"] == "no-cache"  # or a newer server would get an older page
        names = set(re.findall(r"https?://[^\s\"')]+", file.read_text("utf-8")))
        assert names <= {"http://www.w3.org/2000/svg"}  # the name of a language, not an address
        imported = re.findall(r'from "\./([^"]+)"', file.read_text("utf-8"))
        assert {STATIC / name for name in imported} <= set(FILES)
    assert client.post("/").status_code == 405
    assert client.get("/kerasapp/page/missing.js").status_code == 404


def test_an_installed_package_has_all_files():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]["kerasapp"].split()
    for file in FILES:
        name = file.relative_to(ROOT / "kerasapp").as_posix()
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


TEXTS, GROUNDS = ("text", "muted", "accent"), ("ground", "surface", "sunken")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme):
    blocks = re.findall(r":root \{(.*?)\}", (STATIC / "page.css").read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", blocks[scheme == "dark"]))
    pairs = [
        *((text, ground, 4.5) for text in TEXTS for ground in GROUNDS),
        ("alarm", "alarm-ground", 4.5), ("alarm", "surface", 4.5), ("good", "surface", 4.5),
        ("on-accent", "accent", 4.5), ("on-accent", "accent-strong", 4.5), ("edge", "surface", 3.0),
    ]  # fmt: skip
    for one, other, least in pairs:
        light, dark = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, (one, other)


@contextmanager
def running(app):
    """Serves an application at a free port; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def registry(tmp_path_factory, tiny_export, reversal_export, speech_export, wave_export):
    folder = tmp_path_factory.mktemp("saved_models")
    for export in (tiny_export, reversal_export, speech_export, wave_export):
        (folder / export.name).symlink_to(export)
    registry = Registry(find_models(folder))
    registry.update()
    return registry


@pytest.fixture(scope="module")
def address(registry):
    engine = Engine(registry, limits=Limits(length=100_000, timeout=PATIENCE))
    with ThreadPoolExecutor(4) as executor:
        routes = [*streaming.routes(engine, executor), *page.routes(engine)]
        with running(create_app(engine, executor, routes=routes)) as address:
            yield address


@pytest.fixture
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium, such as that of `apt-get install chromium`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1000 * PATIENCE)
        yield browser
        browser.close()


def predict(address, model, signature, **row):
    body = json.dumps({"signature_name": signature, "instances": [row]}).encode()
    with urllib.request.urlopen(f"{address}/v1/models/{model}:predict", body) as answer:
        return json.load(answer)["predictions"][0]


class Visit:
    """A page in a browser, used by its keyboard; what it asks for and complains of is kept."""

    def __init__(self, browser, address):
        self.page = browser.new_page(viewport={"width": 360, "height": 740})  # a phone's
        self.page.set_default_timeout(1000 * PATIENCE)
        self.problems, self.asked = [], []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector("#synthesis:not([hidden])")

    def tab_to(self, selector):
        for _ in range(80):
            if self.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    def type_over(self, text):
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def wait(self, selector, text):
        self.page.locator(selector, has_text=text).wait_for()

    def text(self, selector):
        return self.page.locator(selector).text_content()

    def fits(self):
        return self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def write(visit, address):
    visit.tab_to("#generation-text")
    visit.page.keyboard.type("ROMEO:")
    visit.page.keyboard.press("Control+Enter")
    visit.wait("#generation .status", re.compile("200 tokens .* with seed 0"))
    row = {"length": 200, "temperature": 0.8, "top_k": 0, "top_p": 1, "seed": 0, "stop": ""}
    expected = predict(address, "tiny", "generate", prompt="ROMEO:", **row)["text"]
    assert visit.text("#generation .text") == "ROMEO:" + expected


def stop(visit, registry):
    visit.tab_to("#generation summary")
    visit.page.keyboard.press("Enter")
    visit.tab_to("#generation-length")
    visit.type_over("100000")
    visit.page.keyboard.press("Enter")
    visit.wait("#generation .status", "Writing: ")
    visit.tab_to("#generation .stop")
    visit.page.keyboard.press("Enter")
    visit.wait("#generation .status", "Stopped.")
    (held,) = registry.versions("tiny")
    wait_until(lambda: held.in_flight == 0)  # the server has stopped, too
    assert len(visit.text("#generation .written")) > 0


def translate(visit, address):
    visit.tab_to("#translation-text")
    visit.page.keyboard.type("a b c")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("#translation svg")
    knobs = {"beam_size": 4, "n_best": 1, "length_penalty": 1, "coverage_penalty": 0, "min_ratio": 0}
    expected = predict(address, "reversal", "translate", source="a b c", max_ratio=2, **knobs)
    assert visit.text("#translation .text") == expected["translation"]
    sources, targets = (sum(map(bool, expected[name])) for name in ("source_tokens", "target_tokens"))
    assert visit.page.locator("#translation svg rect").count() == sources * targets + 1  # and the frame
    assert visit.page.locator("#translation .words tr").count() == targets + 1  # and the head


COLOURS = """(canvas) => {
  const pixels = canvas.getContext("2d").getImageData(60, 25, 200, 60).data;
  return new Set(new Uint32Array(pixels.buffer)).size;
}"""


def speak(visit):
    visit.tab_to("#synthesis-text")
    visit.page.keyboard.type("abc")
    visit.page.keyboard.press("Enter")
    visit.wait("#synthesis .status", re.compile(r"\d s, .* characters"))
    seconds = visit.page.evaluate(
        """async () => {
          const player = document.querySelector("audio");
          if (!player.duration) await new Promise((done) => (player.onloadedmetadata = done));
          return player.duration;
        }"""
    )
    shown = float(visit.text("#synthesis .status").split(" s,")[0])
    assert seconds == pytest.approx(shown, abs=0.01) and seconds > 0
    pictures = [("spectrogram", "Spectrogram of", 5), ("reading", "Alignment of 4 characters", 2)]
    for name, label, colours in pictures:  # this model looks everywhere nearly the same
        canvas = visit.page.locator(f"#synthesis .{name} canvas")
        assert canvas.get_attribute("aria-label").startswith(label)
        assert canvas.evaluate(COLOURS) > colours


def err(visit):
    visit.tab_to("#synthesis summary")
    visit.page.keyboard.press("Enter")
    visit.tab_to("#synthesis-max-ratio")
    visit.type_over("11")
    visit.page.keyboard.press("Enter")
    visit.wait("#synthesis .error", "Max ratio: ")  # told by the page
    assert visit.page.evaluate("document.activeElement.id") == "synthesis-max-ratio"
    visit.type_over("1")
    visit.tab_to("#synthesis-text")
    visit.type_over("!")
    visit.page.keyboard.press("Enter")
    visit.wait("#synthesis .error", "nothing to read aloud")  # told by the server
    (problem,) = visit.problems
    assert "400 (Bad Request)" in problem  # the browser's own line about it
    visit.problems.clear()


UNLABELLED = """[...document.querySelectorAll("input, select, textarea, button")].filter(
  (field) => !field.labels?.length && !field.textContent.trim()).length"""


def forecast(visit):
    visit.tab_to("#series-text")
    visit.page.keyboard.type("up,down\n1,2\n3,few\n")
    visit.page.keyboard.press("Control+Enter")
    visit.wait("#series .error", "Line 3: “3,few” is not numbers.")
    visit.tab_to("#series-text")
    visit.type_over("up,down\n" + "".join(f"{i % 7},{i % 5}\n" for i in range(30)))
    visit.tab_to("#series summary")
    visit.page.keyboard.press("Enter")
    visit.tab_to("#series-horizon")
    visit.type_over("6")
    visit.page.keyboard.press("Enter")
    visit.wait("#series .status", "Answered in")
    assert visit.page.locator("#series svg.chart").count() == 2  # a column each
    assert visit.page.locator("#series tbody tr").count() == 6
    assert visit.page.locator("#series svg .outer").first.get_attribute("points").count(",") == 2 * 7


def test_settings_are_those_of_the_descriptions(browser, address):
    visit = Visit(browser, address)
    for task in spec.specs():
        for knob in task.knobs:
            field = visit.page.locator(f"#{task.name}-{knob.name.replace('_', '-')}")
            assert field.get_attribute("name") == knob.name
            assert knob.type(field.evaluate("field => field.value")) == knob.default
            if knob.least is not None:
                assert [float(field.get_attribute(name)) for name in ("min", "max")] == [
                    knob.least,
                    knob.most,
                ]


def test_every_field_that_a_script_looks_for_is_there():
    scripts = "".join(file.read_text("utf-8") for file in FILES if file.suffix == ".js")
    looked_for = set(re.findall(r'["`]#([a-z][a-z-]+)["` ]', scripts))
    there = set(re.findall(r' id="([^"]+)"', (STATIC / "index.html").read_text("utf-8")))
    made = {f"{task.name}-{knob.name.replace('_', '-')}" for task in spec.specs() for knob in task.knobs}
    assert len(looked_for) > 2 and looked_for <= there | made


def test_no_setting_is_written_in_the_page():
    names = {knob.name for task in spec.specs() for knob in task.knobs} - {"seed", "stop", "window"}
    text = "".join(file.read_text("utf-8") for file in FILES if file.suffix in (".html", ".js"))
    assert {name for name in names if re.search(rf'name="{name}"|\b{name}: ?\d', text)} == set()


def test_the_page_in_a_browser_by_keyboard(browser, registry, address):
    visit = Visit(browser, address)
    assert visit.page.evaluate(UNLABELLED) == 0
    assert visit.page.locator("#models tbody tr").count() == 4
    assert visit.fits()
    write(visit, address)
    stop(visit, registry)
    translate(visit, address)
    speak(visit)
    err(visit)
    forecast(visit)
    assert visit.fits()  # with all that is shown now
    light = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    visit.page.emulate_media(color_scheme="dark")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert visit.problems == []
    assert all(url.startswith((address + "/", "blob:" + address)) for url in visit.asked)
