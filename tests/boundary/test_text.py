"""Text from elsewhere becomes one line that no terminal acts on."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from boundary import console, text
from boundary.errors import OutputError
from boundary.text import clause

HOSTILE = (
    [chr(code) for code in (*range(0x20), *range(0x7F, 0xA1), 0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x2030))]
    + [chr(code) for code in (*range(0x2060, 0x2070), 0xFEFF, 0xFFF9, 0xFE0F, 0xE0001, 0xE0100, 0x3164, 0x2800)]
    + ["\ud800", "\udcff"]
)
"""What must never reach a terminal as it is."""

texts = st.text(st.characters() | st.sampled_from(HOSTILE), max_size=60)


def harmless(line: str) -> bool:
    """Whether a terminal only shows it."""
    return line.isprintable() and not any(sign in HOSTILE for sign in line)


@given(texts)
def test_any_text_becomes_one_harmless_line_and_may_pass_twice(given: str) -> None:
    """No control, bidirectional or invisible character is left, and what is harmless stays as it is."""
    shown = text.visible(given)
    assert harmless(shown)
    assert text.visible(shown) == shown
    if not any(unicodedata.category(c)[0] in "CZM" and c != " " for c in given) and harmless(given):
        assert shown == given


@pytest.mark.parametrize("sign", HOSTILE, ids=lambda sign: f"U+{ord(sign):04X}")
def test_every_hostile_character_is_shown_by_its_number(sign: str) -> None:
    """It is escaped, not dropped: an engineer sees what the peer sent."""
    shown = text.visible(f"a{sign}b")
    assert shown[:2] == "a\\"
    assert shown.encode("ascii").decode("unicode_escape") in (
        f"a{sign}b",
        f"a{sign}b".encode("utf-16", "surrogatepass"),
    )


def test_marks_do_not_pile_up() -> None:
    """Two combining characters on a letter are some languages' spelling; fifty reach into the lines above."""
    assert text.visible("e\u0301") == "e\u0301"
    assert text.visible("e" + "\u0301" * 50).count("\u0301") == 2
    assert text.visible("\u0301e") == "\\u0301e"


def test_ordinary_text_stays() -> None:
    """Units, German and Japanese names, arrows and the lines of a chart."""
    for line in ("DE*ABC*E1", "12,5 µV ≥ 3 Ω", "Prüfstelle Süd", "充電", "│── PreChargeReq ─▶│", "C:\\temp\\x1b"):
        assert text.visible(line) == line


@given(st.recursive(texts | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_json_is_harmless_and_reads_back(value: object) -> None:
    """One line for terminals and programs alike."""
    made = text.dumps(value)
    assert harmless(made)
    assert json.loads(made) == value


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_xml_is_harmless_and_reads_back(content: str) -> None:
    """Character references stand for what a terminal would act on."""
    element = etree.Element("a")
    try:
        element.text = content
    except ValueError:
        return  # XML cannot spell it at all
    made = text.xml_line(etree.tostring(element, method="c14n").decode())
    assert harmless(made)
    assert (etree.fromstring(made).text or "") == content


@given(texts)
def test_what_is_said_is_one_line(given: str) -> None:
    """Whatever a peer has written, the number of lines is the number of calls."""
    out = io.StringIO()
    console.say(given, file=out)
    assert out.getvalue().count("\n") == 1
    assert harmless(out.getvalue()[:-1])


def test_an_output_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk behind standard output is one line, not a traceback."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        console.prepare()
        console.say("text", flush=True)
        console.say("more")
        with pytest.raises(OutputError, match=r"^cannot write standard output: No space left on device$"):
            console.check()
        console.finish()


@given(st.text(st.sampled_from("-[]x\n\x1b"), max_size=12))
def test_text_of_a_peer_stays_text_in_xml_comments_and_in_junit(said: str) -> None:
    """No run of hyphens ends a comment or breaks it, and no run of brackets attaches a file."""
    assert etree.fromstring(f"<!--{text.xml_comment(said)}--><x/>").tag == "x"
    assert "[[" not in text.no_attachment(said)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The vehicle closed", "the vehicle closed"),
        ("A vehicle closed", "a vehicle closed"),
        ("E or F for 1.0 s", "E or F for 1.0 s"),
        ("B with 5 %", "B with 5 %"),
        ("SessionStopReq came", "SessionStopReq came"),
        ("TCP stays open", "TCP stays open"),
        ("", ""),
    ],
)
def test_a_clause_keeps_the_letters_of_names_and_states(text: str, expected: str) -> None:
    assert clause(text) == expected
