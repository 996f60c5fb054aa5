"""A report as one HTML file, with page, style, program and contents; it loads nothing from the network."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from pipelines.atomic import write_text

PAGE = Path(__file__).parent / "page"
SHARED = Path(__file__).parents[1] / "serving" / "page" / "static"  # shared with the server's page
STYLES = ("page.css", "report.css")
# Nothing from another host, and no program except the one in the file.
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; media-src blob: data:; "
    "base-uri 'none'; form-action 'none'"
)


def write(path, contents, title, scripts):
    """Writes a report, whole or not at all; returns its size in bytes.

    Args:
        path: the file. contents: the result of a task's `inspect`. title: what was inspected, in words.
        scripts: files of page/ that show it, in order.

    Raises: OSError if the file cannot be written.
    """
    page = assemble(contents, title, scripts)
    write_text(path, page)
    return len(page.encode("utf-8"))


def assemble(contents, title, scripts):
    """The HTML of a report, a string."""
    task = contents["task"]
    script, style = program(scripts), "\n".join(_read(name) for name in STYLES)
    parts = {
        "POLICY": POLICY.format(script=_digest(script), style=_digest(style)),
        "TITLE": html.escape(title),
        "STYLE": style,
        "BODY": re.sub(r"\{\{(\w+)\}\}\n", lambda part: _read(f"{part[1]}.html"), _read(f"{task}.html")),
        # An HTML parser ends the contents at any "</script>".
        "CONTENTS": json.dumps(contents, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "SCRIPT": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _read("frame.html"))


def program(names):
    """Modules joined to one, in order; each may use the exports of those before it."""
    text = "\n".join(_read(name) for name in names)
    text = re.sub(r"^import .*?;\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


def _read(name):
    path = PAGE / name
    return (path if path.is_file() else SHARED / name).read_text("utf-8")


def _digest(text):
    """The source of a Content-Security-Policy that allows exactly this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
