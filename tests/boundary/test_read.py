"""Whatever a user hands us, the outcome is its content or one line that says where and what."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boundary import read, yaml_read
from boundary.errors import InputError
from boundary.octets import spelled


def deep(opening: str, closing: str, levels: int) -> str:
    return opening * levels + closing * levels


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
JSON = {
    "number": ('{"a":\n ' + "9" * 4301 + "}", "more than 300 digits"),
    "number no float holds": ('{"a":\n ' + "9" * 400 + "}", "more than 300 digits"),
    "deep": (deep("[", "]", 200_000), "x:1: nested more than 100 deep"),
    "deep on line 3": ("\n\n" + deep('{"a":', "}", 101), "x:3: nested"),
    "brackets in text": ('{"a": "' + "[" * 200 + '\\"", "b"', "x:1: not JSON"),
    "NaN": ("[NaN]", "NaN is not a JSON number"),
    "infinity": ("[1e999]", "1e999 is too large"),
    "twice": ('{"a": 1, "a": 2}', "'a' appears twice"),
    "cut": ('{"a": \n', "x:2: not JSON"),
    "empty": ("", "x:1: not JSON"),
    "controls": ('{"\x1b": 1, "\x1b": 2}', "not JSON"),
}
YAML = {
    "deep": (deep("[", "]", 50_000), "x:1: nested more than 20 deep"),
    "deep blocks": ("".join("  " * n + "a:\n" for n in range(60)), "x:2[01]: nested more than 20 deep"),
    "laughs": (BOMB, "more than 100000 values"),
    "cycle": ("a: &a [*a]", "x:1: nested more than 20 deep"),
    "tab": ("a:\n\t- b", "x:2: not YAML"),
    "twice": ("a: 1\nb: 2\na: 3\n", "x:3: a is repeated here, first on line 1"),
    "object": ("!!python/object/apply:os.system [true]", "x:1: could not determine a constructor"),
    "date": ("a: 2026-02-31", "cannot build"),
    "number": ("a: " + "9" * 4301, "more than 300 digits"),
    "number no float holds": ("a: " + "9" * 400, "more than 300 digits"),
    "key": ("? [1]\n: 2", "x:1: "),
    "control": ("a: 1\nb: \x1b[2J", r"x:2: the character U\+001B"),
    "huge": ("a" * 1_000_001, "more than 1000000 characters"),
    "two documents": ("a: 1\n---\nb: 2\n", "x:[23]: not YAML"),
}
LAUGHS = '<!DOCTYPE a [<!ENTITY l "ha"><!ENTITY m "&l;&l;">]>'
XML = {
    "deep": (deep("<a>", "</a>", 100_000), "x:1: not well-formed XML"),
    "entity": (f"{LAUGHS}<a>&m;</a>", "DOCTYPE"),
    "outside": ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DOCTYPE"),
    "cut": ("<a>\n<b>", "x:2: not well-formed"),
    "empty": ("", "not well-formed"),
    "encoding": ('<?xml version="1.0" encoding="none"?><a/>', "x"),
    "surrogate": ("<a>\ud800</a>", "x:1: not well-formed"),
}
PARSERS: dict[str, tuple[Callable[[str, str], Any], dict[str, tuple[str, str]]]] = {
    "JSON": (read.parse_json, JSON),
    "YAML": (yaml_read.parse_yaml, YAML),
    "XML": (read.parse_xml, XML),
}
CASES = [(parse, *case) for parse, cases in PARSERS.values() for case in cases.values()]
NAMES = [f"{kind} {name}" for kind, (_, cases) in PARSERS.items() for name in cases]


@pytest.mark.parametrize(("parse", "content", "expected"), CASES, ids=NAMES)
def test_a_bad_input_is_one_line(parse: Callable[[str, str], Any], content: str, expected: str) -> None:
    """The line begins with the name, and says what is wrong."""
    with pytest.raises(InputError, match=expected) as caught:
        parse(content, "x")
    said = str(caught.value)
    assert said.startswith("x")
    assert said.isprintable()
    assert len(said) < 300


@given(st.sampled_from([read.parse_json, yaml_read.parse_yaml, read.parse_xml, spelled]), st.text(max_size=80))
def test_any_text_is_read_or_refused(parse: Callable[[str, str], Any], content: str) -> None:
    """Nothing but `InputError` comes out."""
    with contextlib.suppress(InputError):
        parse(content, "x")


def test_good_content_is_read() -> None:
    """Merge keys, anchors, byte order marks, comments, hex in all its spellings."""
    assert read.parse_json(b'\xef\xbb\xbf{"a": [1.5, "\\u00e4"]}', "x") == {"a": [1.5, "ä"]}
    assert yaml_read.parse_yaml("a: &a {b: 1}\nc: {<<: *a, d: 2}\n", "x") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}
    assert yaml_read.parse_yaml("# nothing\n", "x") is None
    assert read.parse_xml('<?xml version="1.0"?><a b="1">&amp;<!-- c --></a>', "x").text == "&"
    assert spelled("0x80 98\n0a") == spelled("80:98:0a") == spelled("gJgK") == b"\x80\x98\x0a"


def test_files_are_bounded_and_named(tmp_path: Path) -> None:
    """Missing, a directory, endless, not UTF-8, UTF-16: one line each, with what to do."""
    latin = tmp_path / "latin1.yaml"
    latin.write_bytes("a: 1\nb: Prüfstelle\n".encode("latin-1"))
    wide = tmp_path / "wide.yaml"
    wide.write_bytes("a: 1\n".encode("utf-16"))
    for path, expected in (
        (tmp_path / "none", "^cannot read .*none: No such file or directory$"),
        (tmp_path, "^cannot read .*: Is a directory$"),
        (Path("/dev/zero"), "^/dev/zero: more than 1000000 bytes, too many for a YAML file$"),
        (latin, r"latin1.yaml:2: not UTF-8 text \(byte 0xfc\); save it as UTF-8$"),
        (wide, "wide.yaml:1: UTF-16 text; save it as UTF-8$"),
        (tmp_path / ("x" * 300), "^cannot read .*: File name too long$"),
    ):
        with pytest.raises(InputError, match=expected):
            yaml_read.read_yaml(path)


@pytest.mark.parametrize("reader", [read.read_bytes, lambda path: list(read.read_lines(path))], ids=["bytes", "lines"])
def test_a_pipe_without_a_writer_is_given_up(
    reader: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening it would wait forever."""
    monkeypatch.setattr(read, "PIPE_SECONDS", 0.01)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="a pipe that delivered nothing"):
        reader(tmp_path / "pipe")


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """As `<(command)` of a shell is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f"echo one > {pipe}; echo two > /dev/null"]):
        assert read.read_bytes(pipe) == b"one\n"
