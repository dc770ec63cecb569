"""Power curves from files: every habit of writing them, and one clear line for what cannot be one."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boundary.errors import InputError
from plugfest import curves
from secc.manager import Curve, Point

EXPECTED = (Point(0.0, 11e3), Point(60.0, -10.5e3))


def read(directory: Path, text: str | bytes) -> Curve:
    file = directory / "curve.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return curves.read(file)


@pytest.mark.parametrize(
    "text",
    [
        "0,11\n60,-10.5\n",
        "0;11\n60;-10,5\n",
        "0,0;11,0\r\n60,00;-10,50\r\n",
        "0\t11\n60\t-10,5",
        "0 11\n  60   -10.5  \n",
        '"time","kW"\n"0","11"\n"60","-10.5"\n',
        "sep=;\nZeit;Leistung [kW]\n00:00:00;11\n0:01;-10,5\n",
        "# made by hand\n\ntime_s,power_kW\n0,+11\n# evening\n00:01:00.0,-1.05e1\n\n",
        "t, P1 (kW)\n0, 11\n60, \u221210.5\n",
        b"\xef\xbb\xbf0,11\n60,-10.5\n",
    ],
)
def test_points_are_read_as_people_and_tables_write_them(tmp_path: Path, text: str | bytes) -> None:
    assert read(tmp_path, text) == EXPECTED


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", None, "it has no line of seconds and kW"),
        ("time,kW\n", None, "it has no line of seconds and kW"),
        ("time,P [W]\n0,11000\n", 1, "the heading says W, but kW are needed"),
        ("5,11\n", 1, "a curve begins at 0 s, when power first flows, not at 5 s"),
        ("0,11\n60,1\n60,2\n", 3, "60 s is not later than the 60 s"),
        ("0,11\n60,1\n30,2\n", 3, "30 s is not later than the 60 s"),
        ("0,11\ntime,kW\n", 2, "time is not a time; use seconds or hh:mm:ss"),
        ("a,b\nc,d\n", 2, "c is not a time"),
        ("0,11\n60,-10 kW\n", 2, "-10 kW is not a power; give a number in kW without the unit"),
        ("0,11\n60,nan\n", 2, "nan is not a power"),
        ("0,11\n60,1e999\n", 2, "1e999 is not a power"),
        ("0,11\n-60,1\n", 2, "-60 is not a time"),
        ("0,11\n00:61:00,1\n", 2, "00:61:00 is not a time in hh:mm:ss"),
        ("0,11\n60,1,2\n", 2, "not 3 columns"),
        ("0,11\n60\n", 2, "not 1 column"),
        ("0,11000\n", 1, "11000 kW is more than any outlet has; give power in kW"),
        ("0,1\n60,\x1b[2J\n", 2, r"\\x1b\[2J is not a power"),
        (b"0,11\n60,\xe4\n", 2, "not UTF-8 text"),
    ],
)
def test_a_line_that_is_not_a_point_is_named(tmp_path: Path, text: str | bytes, line: int | None, said: str) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert raised.value.line == line
    assert re.search(said.replace("[W]", r"\[W\]").replace("(", r"\("), str(raised.value)), str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=200))
def test_any_text_is_a_curve_or_one_refusal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with contextlib.suppress(InputError):
        curve = read(tmp_path_factory.getbasetemp(), text.encode("utf-8", "replace"))
        assert curve[0].start == 0.0
