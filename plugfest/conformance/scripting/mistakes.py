"""Reports an error in a script in a few lines: the script's own frames, then one sentence that says what to write.

Frames of ours and of asyncio between the script and the error do not help the author of the script; they are left out
unless pytest is called with ``--full-trace``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from boundary.choices import meant
from plugfest.conformance.fields import found, replaced
from v2g.messages.iso20.types import RationalNumberType
from v2g.physical import physical, rational
from v2g.protocols import Protocol

OURS = ("boundary", "evcc", "exi", "pki", "plugfest", "secc", "slac", "v2g")
"""Packages whose frames do not help the author of a script."""

_ROOT = Path(__file__).parents[3]
_LIBRARY = Path(warnings.__file__).parent
"""The directory of asyncio and contextlib."""

_AWAITED = "was never awaited"


def field_names(message: Any) -> Iterator[str]:
    """The field names of a message and of its parts."""
    for name in getattr(message, "__struct_fields__", ()):
        yield name
        if isinstance(inner := getattr(message, name), msgspec.Struct):
            yield from field_names(inner)


def changed(message: Any, **fields: Any) -> Any:
    """A message with some fields changed, at any depth; a number may stand for a physical value.

    Raises:
        ValueError: it has no such field; the error lists those it has.
    """
    for name, value in fields.items():
        try:
            before = found(message, name)
        except KeyError:
            text = meant(name, dict.fromkeys(field_names(message)))
            raise ValueError(f"{type(message).__name__} has no field {name}{text}") from None
        message = replaced(message, name, _physical(before, value))
    return message


def check_protocol(message: Any, protocol: Protocol) -> None:
    """A script that runs with several protocols names its messages by text.

    Raises:
        ValueError: this is a message of another protocol.
    """
    family, name = _family(type(message).__module__), type(message).__name__
    if family and family not in {"appproto", *(_family(one.__name__) for one in protocol.modules.values())}:
        raise ValueError(
            f"{family}.{name} is not a message of {protocol.title}, with which this script runs;"
            f" name it by text: {name!r}"
        )


def _family(module: str) -> str:
    """``iso20`` of ``v2g.messages.iso20.dc``; "" for a module without messages."""
    start = "v2g.messages."
    return module.removeprefix(start).partition(".")[0] if module.startswith(start) else ""


def _physical(before: Any, value: Any) -> Any:
    """A plain number as a physical value in the unit of the value it replaces."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if isinstance(before, RationalNumberType):
        return rational(value, -1)
    if type(before).__name__ != "PhysicalValueType":
        return value
    return physical(__import__(type(before).__module__, fromlist=["x"]), value, before.Unit)


def plain(why: BaseException) -> BaseException:
    """The error with only the script's own frames, and without its cause inside plugfest."""
    kept: TracebackType | None = None
    frames = []
    step = why.__traceback__
    while step is not None:
        frames.append(step)
        step = step.tb_next
    if isinstance(why, AssertionError) and frames and _inside(frames[-1].tb_frame.f_code.co_filename):
        why.args = (str(why).partition("\nassert ")[0],)  # what pytest adds about our own expressions
    for frame in reversed(frames):
        if not _inside(frame.tb_frame.f_code.co_filename):
            kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    why.__cause__, why.__suppress_context__ = None, True
    return why.with_traceback(kept)


def _inside(file: str) -> bool:
    """Whether a file is one of ours or of Python's own library."""
    path = Path(file)
    if file.startswith("<") or (path.is_relative_to(_LIBRARY) and "site-packages" not in path.parts):
        return True
    return path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in OURS


@contextmanager
def forgotten_awaits() -> Iterator[list[str]]:
    """Collects the names of coroutines that were never awaited; other warnings are passed on."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", RuntimeWarning)
        yield found
    for warning in seen:
        text = str(warning.message)
        if warning.category is RuntimeWarning and _AWAITED in text:
            found.append(text.partition("'")[2].partition("'")[0].rpartition(".")[2])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
