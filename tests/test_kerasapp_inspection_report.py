"""The file: complete in itself, safe against its contents, small."""

import base64
import configparser
import fnmatch
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from kerasapp import spec
from kerasapp.inspection import report, tracks
from kerasapp.inspection.units import FRAME, ROOM

ROOT = Path(__file__).parents[1]
WICKED = "</script><script>alert(1)</script><!-- {{SCRIPT}} “&”"


class Page(HTMLParser):
    """Keeps the text and the attributes of the elements that matter."""

    def __init__(self, text):
        super().__init__()
        self.found, self.policy, self._open = [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag in ("script", "style", "title"):
            self._open = {"tag": tag, "text": "", **attrs}
            self.found.append(self._open)

    def handle_data(self, data):
        if self._open is not None:
            self._open["text"] += data

    def handle_endtag(self, tag):
        self._open = None


def scripts(task):
    return spec.spec(task).load("inspection").SCRIPTS


@pytest.fixture(params=[task.name for task in spec.specs() if task.has("inspection")])
def page(request):
    contents = {"task": request.param, "text": WICKED}
    text = report.assemble(contents, f"a <run>: {WICKED}", scripts(request.param))
    return text, Page(text), contents


def test_the_contents_cannot_leave_their_place(page):
    _, parsed, contents = page
    title, _, data, _ = parsed.found
    assert [found["tag"] for found in parsed.found] == ["title", "style", "script", "script"]
    assert title["text"] == f"a <run>: {WICKED}"
    assert data["type"] == "application/json" and json.loads(data["text"]) == contents


def test_only_its_own_program_and_style_may_run(page):
    _, parsed, _ = page
    for name in ("script", "style"):
        (text,) = [found["text"] for found in parsed.found if found["tag"] == name and "id" not in found]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in parsed.policy
    assert "default-src 'none'" in parsed.policy and "unsafe" not in parsed.policy


def test_it_names_no_host(page):
    text, parsed, _ = page
    addresses = set(re.findall(r"https?://[^\s\"')]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a language
    assert not re.search(r"\bimport\b|\bexport\b|\bsrc=|\bfetch\(|@import", parsed.found[-1]["text"])
    assert not re.search(r"url\(|@import", parsed.found[1]["text"])


def test_an_installed_package_has_all_files():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]["kerasapp"].split()
    for file in report.PAGE.iterdir():
        name = file.relative_to(ROOT / "kerasapp").as_posix()
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def test_a_file_is_written_and_its_size_told(tmp_path):
    path = tmp_path / "report.html"
    size = report.write(path, {"task": "translation"}, "人", scripts("translation"))
    assert path.stat().st_size == size and "<title>人</title>" in path.read_text("utf-8")


def test_noise_of_a_large_model_has_less_than_two_megabytes():
    """The worst that the signals of 5,000 characters can be: nothing that deflate can use."""
    signals = np.random.default_rng(0).uniform(size=[600, 5000]).astype(np.float32)
    kept = tracks.choose(signals, np.ones(600, bool), list(range(60)), np.arange(600), ROOM)
    assert len(kept) > 60 and len(json.dumps(kept)) < ROOM + FRAME * len(kept)
