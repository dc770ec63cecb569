"""Makes foreign text safe to print: whatever it contains, it stays on one line, and no terminal acts on it.

Escapes are Python's (``\\x1b``, ``\\u202e``). A backslash stays unchanged, so text may pass through twice.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

MAX_MARKS = 2
"""Combining characters on one letter; more of them would pile up over the neighbouring lines."""

_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Letters, marks and a symbol that Unicode counts as printable but that are invisible."""
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_MARKS = ("Mn", "Me")
_PLAIN = re.compile("[\\x20-\\u02ff\\u2000-\\u20cf\\u2100-\\u27ff\\u2900-\\u2bff]*")
"""Text for which `str.isprintable` is enough: Latin letters, arrows, lines; no combining characters."""


def visible(text: object) -> str:
    """One harmless line: control characters, line breaks, bidirectional and invisible characters as escapes."""
    return _rewritten(str(text), _escape)


def shortened(text: object, longest: int = 200) -> str:
    """Like :func:`visible`, but cut after ``longest`` characters; then says how many there were."""
    line = str(text)
    return visible(line) if len(line) <= longest else f"{visible(line[:longest])}… ({len(line)} characters)"


def counted(number: int, thing: str) -> str:
    """A number of things: ``1 run``, ``2 runs``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def apart(seconds: float) -> str:
    """``0.120 s after`` or ``before``, to be followed by what the time counts from."""
    return f"{abs(seconds):.3f} s {'before' if seconds < 0.0 else 'after'}"


def capital(text: str) -> str:
    """Text at the start of a sentence; names of messages keep their letters."""
    word = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if word.isalpha() and word.islower() else text


def clause(text: str) -> str:
    """Text that continues a sentence, for example after a colon; names of messages and pilot states keep theirs."""
    word = text.partition(" ")[0]
    plain = word.isalpha() and word.istitle() and (len(word) > 1 or word == "A")
    return text[:1].lower() + text[1:] if plain else text


def dumps(value: Any, *, indent: int | None = None, default: Callable[[Any], Any] | None = None) -> str:
    """A value as JSON that is also harmless on a terminal and reads back unchanged; one line unless indented."""
    made = json.dumps(value, ensure_ascii=False, indent=indent, default=default)
    return "\n".join(_rewritten(line, _json_escape) for line in made.split("\n"))


def xml_line(document: str) -> str:
    """XML on one line: what a terminal would act on becomes a character reference, which reads back unchanged."""
    return _rewritten(document, lambda sign: f"&#x{ord(sign):X};")


def xml_comment(text: object) -> str:
    """Text for an XML comment, which may neither hold ``--`` nor end in a hyphen."""
    return re.sub("-(?=-|$)", "- ", visible(text))


def no_attachment(text: str) -> str:
    """Text of JUnit XML in which no ``[[ATTACHMENT|file]]`` has a server take a file along."""
    return re.sub(r"\[(?=\[)", "[ ", text)


def visible_lines(text: object) -> list[str]:
    """Our own multi-line text with each line made :func:`visible`."""
    return [visible(line) for line in str(text).split("\n")]


def _rewritten(line: str, escape: Callable[[str], str]) -> str:
    if line.isprintable() and _PLAIN.fullmatch(line):
        return line
    marks = MAX_MARKS  # none may stand at the beginning
    made = []
    for sign in line:
        marks = marks + 1 if unicodedata.category(sign) in _MARKS else 0
        made.append(sign if marks <= MAX_MARKS and _seen(sign) else escape(sign))
    return "".join(made)


def _seen(sign: str) -> bool:
    if sign.isascii():
        return sign.isprintable()
    if not sign.isprintable() or sign in _INVISIBLE:
        return False
    return not any(first <= ord(sign) <= last for first, last in _SELECTORS)


def _escape(sign: str) -> str:
    code = ord(sign)
    if code < 0x100:
        return _NAMED.get(sign) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(sign: str) -> str:
    code = ord(sign)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
