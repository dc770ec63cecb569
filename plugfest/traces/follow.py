"""A trace that another process writes, as pcapng while it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from boundary.errors import InputError
from boundary.read import parse_record
from plugfest.traces.errors import RecordingError
from plugfest.traces.writer import File
from v2g import reading
from v2g.trace import Event

PAUSE = 0.2
"""s between two checks of a file that has not grown."""
LONGEST = 1 << 22
"""Maximum number of bytes read of a line."""


def lines(path: Path, wait: Callable[[float], bool]) -> Iterator[dict[str, Any]]:
    """The records of a trace as they arrive.

    Args:
        wait: waits this many seconds; returns False to stop.

    Raises:
        RecordingError: it cannot be read, or a line is not JSON.
    """
    try:
        with path.open("rb") as file:
            rest = b""
            while True:
                rest += file.readline(LONGEST)
                if len(rest) > LONGEST:
                    raise RecordingError(f"{path}: a line of more than {LONGEST} bytes")
                if not rest.endswith(b"\n"):  # the writer is in the middle of it
                    if not wait(PAUSE):
                        return
                    continue
                if rest.strip():
                    yield parse_record(rest.decode("utf-8", "replace"), str(path))
                rest = b""
    except OSError as why:
        raise RecordingError(f"{path}: {why.strerror}") from why
    except InputError as why:
        raise RecordingError(str(why)) from why


def event(line: dict[str, Any]) -> Event | None:
    """The event of a line, with its message decoded; None if the line does not contain an event."""
    try:
        data, schema = bytes.fromhex(str(line.get("hex", ""))), str(line.get("schema", ""))
        made = Event(
            float(line["t"]), str(line["layer"]), str(line["name"]), str(line.get("dir", "")), data, None, schema,
            str(line.get("note", "")), int(line.get("stream", 0)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None
    if made.layer == "message" and data:
        made.message = reading.read(schema, data).document
    return made


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def follow(path: Path, target: Path, wait: Callable[[float], bool] = _sleep) -> None:
    """Writes a growing trace to a file or pipe as pcapng, with what each message says as a comment.

    Raises:
        RecordingError: the trace cannot be read.
        OutputError: nobody reads the pipe any longer.
    """
    found = lines(path, wait)
    head = next(found, {})
    if head.get("plugfest") != "trace":
        raise RecordingError(f"{path} is not a trace of plugfest (--trace FILE makes one)")
    epoch = head.get("epoch", 0.0)
    role = "secc" if head.get("role") == "secc" else "evcc"
    with File(target, epoch=float(epoch) if isinstance(epoch, int | float) else 0.0, role=role) as file:
        for line in found:
            # The trace has the messages, not the records that carried them.
            if (one := event(line)) is not None and (one.layer != "tls" or one.name == "handshake"):
                file(one)
