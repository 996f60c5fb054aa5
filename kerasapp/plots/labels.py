"""Letters in pictures: texts as they can be drawn, and fonts that have their characters."""

import functools
import sys

LONGEST = 24  # characters of a label
# Fonts to try first, as parts of their files' names; then all others that are installed.
LIKELY = ("NotoSansCJK", "NotoSansSC", "SourceHanSans", "wqy", "PingFang", "msyh", "Hiragino", "Noto")
PLACEHOLDERS = ("LastResort", "AdobeBlank")  # fonts that have a box for every character


def label(token):
    """A token as it can be drawn: no spaces alone, no control characters, not too long."""
    if token and not token.strip(" "):
        return "\N{OPEN BOX}" * len(token)
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in token)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def families(text):
    """Names of fonts that together have the characters of a text; the first one with a character draws it.

    If no font has some of them, standard error says so, once.
    """
    from matplotlib import font_manager

    found, missing = ["DejaVu Sans"], _lacking(font_manager.findfont("DejaVu Sans"), frozenset(text))
    for path in _installed() if missing else ():
        lacking = _lacking(path, missing)
        if len(lacking) < len(missing):
            known = {entry.fname for entry in font_manager.fontManager.ttflist}
            if path not in known:  # installed after matplotlib made its list
                font_manager.fontManager.addfont(path)
            found.append(font_manager.get_font(path).family_name)
            missing = lacking
        if not missing:
            break
    if missing:
        _advise()
    return found


def _lacking(path, characters):
    return frozenset(c for c in characters if ord(c) not in _characters(path))


@functools.lru_cache(maxsize=256)
def _characters(path):
    """The code points that a font can draw."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):  # damaged, or of a kind that matplotlib cannot read
        return frozenset()


def _installed():
    """Paths of the installed fonts, the likely ones first, regular ones before bold ones."""
    from matplotlib import font_manager

    def rank(path):
        likely = [i for i, name in enumerate(LIKELY) if name.lower() in path.lower()]
        return (likely[0] if likely else len(LIKELY), "regular" not in path.lower(), path)

    paths = font_manager.findSystemFonts()
    return sorted((path for path in paths if not any(name in path for name in PLACEHOLDERS)), key=rank)


@functools.cache  # once is enough
def _advise():
    print(
        "no installed font has all the letters of a picture's labels, and boxes stand for some: install one, "
        "such as the package fonts-noto-cjk for Chinese, Japanese and Korean (apt install fonts-noto-cjk)",
        file=sys.stderr,
    )
