"""Output to terminals that lack characters: drawings stay readable, and nothing fails."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from processes import PLUGFEST, run

from boundary import console

ROOT = Path(console.__file__).parents[1]
PACKAGES = ("boundary", "evcc", "exi", "pki", "plugfest", "secc", "slac", "v2g")


def printed(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal of this encoding shows of a line."""
    made = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(made, encoding=encoding, newline=""))
    console.prepare()
    console.say(text, flush=True)
    return made.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("│◀── SessionStopRes ──│ 1 ms", "|<-- SessionStopRes --| 1 ms\n"),
        ("✔ 2.74 kΩ", "+ 2.74 kohm\n"),
        ("─é😀", "-\\xe9\\U0001f600\n"),
        ('{"note": "Ω"}', '{"note": "\\u03a9"}\n'),
    ],
)
def test_an_ascii_terminal_shows_drawings(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other characters are escaped, and JSON reads back unchanged."""
    assert printed(text, "ascii", monkeypatch) == shown


def test_an_encoding_keeps_the_characters_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed("│ × Ω é", "cp1252", monkeypatch) == "| × ohm é\n"
    assert printed("│ × Ω é", "utf-8", monkeypatch) == "│ × Ω é\n"


def test_every_character_of_our_own_has_a_stand_in() -> None:
    ours = {
        c for name in PACKAGES for path in (ROOT / name).rglob("*.py") for c in path.read_text("utf-8") if c > "\x7f"
    }
    assert ours == set(console.STAND_INS)


def test_commands_draw_on_an_ascii_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run([*PLUGFEST, "explain", "cp"])
    assert done.returncode == 0
    assert "vehicle, ohm" in done.stdout
    assert "\\u" not in done.stdout
