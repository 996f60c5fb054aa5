"""docs/equations.md and its Chinese version: what they name exists, and what they quote is the code."""

import ast
import importlib.util
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "docs/equations.md", ROOT / "docs/zh/equations.md"]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def links(document):
    """(text, path) of each link to a file of ours, pictures too."""
    prose = BLOCK.sub("", document.read_text(encoding="utf-8"))
    for match in LINK.finditer(prose):
        if not match["target"].startswith(("http", "#")):
            yield match["text"], (document.parent / match["target"].split("#")[0]).resolve()


def blocks(document, language):
    return [code for name, code in BLOCK.findall(document.read_text(encoding="utf-8")) if name == language]


def definitions(path):
    """Names of the functions, classes, methods (`Class.method`) and constants of a module."""
    found = set()

    def visit(nodes, prefix):
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            if isinstance(node, ast.Assign):
                found.update(prefix + t.id for t in node.targets if isinstance(t, ast.Name))

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


def named(document):
    """(function, file) for each link from a name in backquotes to a module."""
    return {(text.strip("`"), path) for text, path in links(document) if path.suffix == ".py"}


@pytest.mark.parametrize("document", [*DOCUMENTS, *READMES], ids=str)
def test_every_file_exists(document):
    targets = list(links(document))
    assert len(targets) > 5
    assert not [path for _, path in targets if not path.exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_function_exists_in_the_file_that_is_named(document):
    names = named(document)
    assert len(names) > 50
    assert not {(name, path) for name, path in names if name not in definitions(path)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_function_of_the_reference_is_named_or_the_backward_one_of_a_named(document):
    names = {name for name, _ in named(document)}
    modules = [m for m in ROOT.glob("tests/reference*.py") if m.stem != "reference_differences"]
    helpers = {"weights", "randomise", "STEPS", "formula_weights", "by_path"}
    public = {name for m in modules for name in definitions(m) if not name.startswith("_")} - helpers
    assert len(public) > 40
    assert not {name for name in public if name.removesuffix("_back") not in names and name not in names}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_what_is_quoted_is_the_code(document):
    lines = "\n".join(
        re.sub(r"^ +", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for path in ROOT.glob("tests/reference*.py")
    )
    quotes = blocks(document, "python")
    assert len(quotes) >= 8
    for code in quotes:
        assert re.sub(r"^ +", "", textwrap.dedent(code), flags=re.MULTILINE).strip() in lines, code


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_formulas_stand_where_github_finds_them(document):
    """Not next to a letter or a Chinese full stop: it would show the dollars (github/markup#1742)."""
    prose = BLOCK.sub("", document.read_text(encoding="utf-8"))
    formulas = re.findall(r"(^|.)(\$`[^`]+`\$)(.|$)", prose, re.MULTILINE)
    assert len(formulas) > 40
    assert not [f for before, f, after in formulas if before not in " (" or re.match(r"[\w$]", after)]
    assert prose.count("$") == 2 * len(formulas)
    for formula in blocks(document, "math"):
        assert formula.count("{") == formula.count("}") and formula.count(r"\begin") == formula.count(r"\end")


def test_both_languages_have_the_same_formulas_quotes_and_links():
    english, chinese = DOCUMENTS
    for language in ("python", "math"):
        assert blocks(chinese, language) == blocks(english, language)
    assert named(chinese) == named(english)
    ours, theirs = ([path.name for _, path in links(d) if path.suffix == ".png"] for d in (english, chinese))
    assert ours == theirs


def test_what_the_text_says_of_vanishing_gradients():
    """About 40% a step are lost by what is half open, a forget gate's bias of 1 reaches twice as far."""
    spec = importlib.util.spec_from_file_location("equations_figures", ROOT / "docs/equations_figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)

    def kept(cell, **options):
        """Of the gradient, at each step, on average over 50."""
        tries = [figures.norms(cell, 51, 32, np.random.default_rng(i), options)[-1] for i in range(3)]
        return np.exp(np.mean(np.log(tries)) / 50)

    half_open = kept("gru"), kept("lstm", forget=0.0), kept("simple_rnn")
    assert all(0.55 < share < 0.65 for share in half_open)
    reach = np.log(half_open[1]) / np.log(kept("lstm", forget=1.0))
    assert 2 < reach < 3
    assert kept("lstm", forget=5.0) > 0.95 and kept("gru", kept=5.0) > 0.95
    assert kept("simple_rnn", gain=3.0) > 1.1


def test_both_readmes_have_the_same_commands_pictures_and_figures():
    ours, theirs = (readme_parts(path) for path in READMES)
    assert len(ours["code"]) > 20 and len(ours["rows"]) > 20
    for part in ours:
        assert ours[part] == theirs[part]


def readme_parts(path):
    """Commands and code without comments, pictures, and the names and numbers of each row of a table."""
    text = path.read_text(encoding="utf-8")
    code = [line.split(" #")[0].rstrip() for _, block in BLOCK.findall(text) for line in block.splitlines()]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return {
        "code": code,
        "pictures": [p.name for _, p in links(path) if p.suffix == ".png"],
        "rows": [(re.findall(r"`[^`]+`", row), sorted(re.findall(r"\d+(?:[.,]\d+)*", row))) for row in rows],
    }
