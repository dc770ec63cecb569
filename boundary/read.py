"""Reads users' files and input: JSON, XML, text, octets; bounded in size and depth, with one line for each refusal.

Reading any file ends with its content or with an `InputError` that names file and line, says what is wrong there and
what to do. Nothing in a file can refer to another file, create objects, or expand to more than its own bytes.
"""

from __future__ import annotations

import errno
import json
import math
import os
import select
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from boundary.errors import InputError, reason
from boundary.text import shortened

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of a file, unless its reader sets another limit."""
MAX_LINE = 4 * 1024 * 1024
"""Bytes of one line of standard input."""
MAX_DEPTH = 100
"""Levels of JSON and XML."""
MAX_DIGITS = 300
"""Digits of an integer: any shorter one fits into a float, so arithmetic with it cannot fail."""

PIPE_SECONDS = 10.0
"""s to wait for the first data from a pipe given in place of a file."""


# ---------------------------------------------------------------------------------------------------------------
# Bytes and text


def read_bytes(path: Path, *, limit: int = MAX_BYTES, what: str = "") -> bytes:
    """The content of a file.

    Args:
        limit: a longer file is refused.
        what: what the file should be, for the error text, e.g. "a bench file".

    Raises:
        InputError: it cannot be read, or is longer.
    """
    try:
        with opened(path) as file:
            data = file.read(limit + 1)
    except OSError as why:
        raise InputError(f"cannot read {path}", reason(why)) from why
    except ValueError as why:  # a NUL in the name
        raise InputError(f"cannot read {shortened(path)}", str(why)) from why
    if len(data) > limit:
        raise InputError(str(path), f"more than {limit} bytes{f', too many for {what}' if what else ''}")
    return data


def is_pipe(path: Path) -> bool:
    """Whether it is a pipe, which can be read only once and may have no writer."""
    try:
        return path.is_fifo()
    except (OSError, ValueError):  # a folder that may not be entered, a NUL in the name
        return False


def opened(path: Path) -> BinaryIO:
    """Opens a file for reading; a pipe must deliver something within `PIPE_SECONDS`. Raises OSError."""
    return open(path, "rb", opener=_awaiting)


def _awaiting(name: str, flags: int) -> int:
    """Opens a file; a pipe must deliver something within this time. Raises TimeoutError: it did not."""
    descriptor = os.open(name, flags | os.O_NONBLOCK)
    try:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode) and not select.select([descriptor], [], [], PIPE_SECONDS)[0]:
            raise TimeoutError(errno.ETIMEDOUT, f"a pipe that delivered nothing within {PIPE_SECONDS:g} s")
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def decoded(data: bytes, name: str) -> str:
    """Decodes UTF-8 without its byte order mark. Raises InputError with the line that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        line = data[: why.start].count(b"\n") + 1
        bad = data[why.start : why.start + 1].hex()
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(name, "UTF-16 text; save it as UTF-8", line=1) from why
        raise InputError(name, f"not UTF-8 text (byte 0x{bad}); save it as UTF-8", line=line) from why


def read_text(path: Path, *, limit: int = MAX_BYTES, what: str = "") -> str:
    """Reads a file of UTF-8 text. Raises the same errors as :func:`read_bytes` and :func:`decoded`."""
    return decoded(read_bytes(path, limit=limit, what=what), str(path))


def read_lines(path: Path, *, limit: int = MAX_LINE) -> Iterator[tuple[int, str]]:
    """Number and text (with its line end, except on a truncated last line) of each line of a file of any length.

    Raises:
        InputError: it cannot be read, or a line has more than ``limit`` characters.
    """
    try:
        with open(path, encoding="utf-8", errors="replace", opener=_awaiting) as file:
            number = 0
            while line := file.readline(limit + 1):
                number += 1
                if len(line) > limit:
                    raise InputError(str(path), f"a line of more than {limit} characters", line=number)
                yield number, line
    except OSError as why:
        raise InputError(f"cannot read {path}", reason(why)) from why


def input_lines() -> Iterator[bytes]:
    """The lines of standard input, without their ends, at most :data:`MAX_LINE` bytes each.

    Raises:
        InputError: a longer one, or input that cannot be read.
    """
    for number, line in enumerate(_raw_lines(), 1):
        if len(line) > MAX_LINE:
            raise InputError("standard input", f"a line of more than {MAX_LINE} bytes", line=number)
        yield line.rstrip(b"\r\n")


def _raw_lines() -> Iterator[bytes]:
    if sys.stdin is None:
        raise InputError("standard input", "it is closed")
    try:
        while line := sys.stdin.buffer.readline(MAX_LINE + 2):
            yield line
    except OSError as why:
        raise InputError("standard input", reason(why)) from why


def read_input(*, limit: int = MAX_BYTES) -> bytes:
    """All of standard input. Raises InputError: it cannot be read, or is too long."""
    if sys.stdin is None:
        raise InputError("standard input", "it is closed")
    try:
        data = sys.stdin.buffer.read(limit + 1)
    except OSError as why:
        raise InputError("standard input", reason(why)) from why
    if len(data) > limit:
        raise InputError("standard input", f"more than {limit} bytes")
    return data


# ---------------------------------------------------------------------------------------------------------------
# JSON


def parse_json(text: str | bytes, name: str) -> Any:
    """The value of a JSON document without duplicate keys, NaN, or numbers too large for a float.

    Raises:
        InputError: any other document; with the line.
    """
    spelled = decoded(text, name) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    _check_brackets(spelled, name)
    try:
        return json.loads(
            spelled,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_small,
        )
    except json.JSONDecodeError as why:
        raise InputError(name, f"not JSON: {why.msg}, column {why.colno}", line=why.lineno) from why
    except RecursionError as why:
        raise InputError(name, f"nested more than {MAX_DEPTH} deep") from why
    except ValueError as why:
        raise InputError(name, f"not usable JSON: {digits_said(why)}") from why


def read_json(path: Path, *, limit: int = MAX_BYTES) -> Any:
    """The value of a JSON file. Raises the same errors as :func:`read_bytes` and :func:`parse_json`."""
    return parse_json(read_bytes(path, limit=limit), str(path))


def parse_record(line: str, name: str) -> dict[str, Any]:
    """The object on one line of a JSON lines file written by a program; faster than :func:`parse_json`.

    Raises:
        InputError: not JSON, not an object, or nested too deep.
    """
    if line.count("[") + line.count("{") > MAX_DEPTH:
        _check_brackets(line, name)
    try:
        entry = _RECORDS.decode(line)
    except json.JSONDecodeError as why:
        raise InputError(name, f"not JSON: {why.msg}, column {why.colno}") from why
    except (RecursionError, ValueError) as why:
        raise InputError(name, f"not usable JSON: {digits_said(why)}") from why
    if not isinstance(entry, dict):
        raise InputError(name, "not a JSON object")
    return entry


def _check_brackets(text: str, name: str) -> None:
    """Counts the depth before anything recurses; brackets in strings do not count."""
    depth, line, quoted, escaped = 0, 1, False, False
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    for sign in text:
        if sign == "\n":
            line += 1
        if quoted:
            quoted = escaped or sign != '"'
            escaped = sign == "\\" and not escaped
        elif sign == '"':
            quoted = True
        elif sign in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(name, f"nested more than {MAX_DEPTH} deep", line=line)
        elif sign in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shortened(repr(twice), 60)} appears twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {shortened(digits, 40)} is too large")
    return value


def _small(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} digits")
    return int(digits)


_RECORDS = json.JSONDecoder(parse_int=_small, parse_float=_finite, parse_constant=_no_constant)


def digits_said(why: Exception) -> str:
    text = str(why)
    return f"a number of more than {MAX_DIGITS} digits" if "integer string conversion" in text else text


# ---------------------------------------------------------------------------------------------------------------
# XML


def parse_xml(data: str | bytes, name: str, *, doctype: bool = False, blank_text: bool = True) -> Any:
    """The root element (lxml) of an XML document without network access, external files or custom entities.

    Args:
        doctype: allow a DOCTYPE; references to entities it declares are still refused.
        blank_text: False drops white space between elements.

    Raises:
        InputError: not well-formed, too deep, or using one of these; with the line.
    """
    from lxml import etree

    class Nothing(etree.Resolver):
        """Answers every request for an external DTD or entity with an empty document."""

        def resolve(self, system_url: Any, public_id: Any, context: Any) -> Any:  # type: ignore[override]  # stubs: 2
            return self.resolve_empty(context)  # type: ignore[attr-defined]  # the stubs miss it

    parser: Any = etree.XMLParser(
        remove_comments=True, remove_pis=True, remove_blank_text=not blank_text,
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
    )  # fmt: skip
    parser.resolvers.add(Nothing())
    spelled = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    try:
        root: Any = etree.fromstring(spelled, parser)
        document = root.getroottree().docinfo
        text = spelled.decode(document.encoding or "utf-8", "replace")
    except etree.XMLSyntaxError as why:
        line = why.lineno or None
        raise InputError(
            name, f"not well-formed XML: {shortened((why.msg or 'unreadable').strip())}", line=line
        ) from why
    except (ValueError, LookupError) as why:
        raise InputError(name, f"unreadable XML: {shortened(why)}") from why
    if document.doctype and not doctype:
        raise InputError(name, "a DOCTYPE; remove it", line=1)
    # The parser expands entities inside attribute values whatever its options say, so we look for references here.
    declared = document.internalDTD.iterentities() if document.internalDTD is not None else ()
    used = [e.name for e in declared if e.name not in _PREDEFINED and f"&{e.name};" in text]
    used += [e.name for e in root.iter(etree.Entity)]
    if used:
        raise InputError(name, f"a reference to the entity {used[0]}; write its content instead")
    return root


_PREDEFINED = ("lt", "gt", "amp", "apos", "quot")
