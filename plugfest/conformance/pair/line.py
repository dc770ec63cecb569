"""The line between a real vehicle and a real charger, as it is recorded: at an interface, or in a file handed in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from boundary.write import replacing
from plugfest.conformance.campaign.evidence import capture, may_capture
from plugfest.conformance.pair.evidence import Act, Port
from plugfest.traces.errors import RecordingError
from plugfest.traces.recording import load

SLACK = 300.0
"""s by which the clock of a recorder may differ from ours, so that a recording still counts as one of the run."""
_PIECE = 1 << 20


def cannot(interfaces: Sequence[str]) -> str:
    """Why interfaces cannot be recorded, or ""."""
    for name in interfaces:
        if not may_capture(name):
            return f"{name} cannot be recorded: no such interface, or no right to raw sockets (root or CAP_NET_RAW)"
    return ""


def place_of(place: Path, port: int) -> Path:
    """The folder of a port's recording."""
    found = place if port == 1 else place / f"port-{port}"
    found.mkdir(parents=True, exist_ok=True)
    return found


@contextlib.contextmanager
def recording(place: Path, interfaces: Sequence[str], comment: str) -> Iterator[None]:
    """While the context is open (in a running loop), each interface is recorded: ``trace.pcapng`` of its port."""
    with contextlib.ExitStack() as stack:
        for port, name in enumerate(interfaces, 1):
            stack.enter_context(capture(place_of(place, port), name, comment))
        yield


def recorded(place: Path, port: int) -> Path:
    """The file of a port."""
    return place_of(place, port) / "trace.pcapng"


def keep(files: Sequence[Path], place: Path) -> None:
    """Copies recordings that were handed in to the folder of the evidence."""
    for port, path in enumerate(files, 1):
        target = place_of(place, port) / f"line{path.suffix}"
        with path.open("rb") as source, replacing(target) as copy:
            while piece := source.read(_PIECE):
                copy.write(piece)


def port(path: Path, key_log: Path | None, acts: Sequence[Act], until: float) -> Port:
    """A recording as evidence.

    Raises:
        RecordingError: it cannot be read, or is of another time.
    """
    found = load(path, key_log=key_log)
    if found.entries and found.epoch:
        start, end = found.epoch, found.epoch + max(found.until, found.seconds)
        first = min((act.time for act in acts), default=start)
        if end < first - SLACK or start > until + SLACK:
            raise RecordingError(
                f"{path} was recorded at another time than the acts: another file, or the recorder's clock is wrong"
            )
    elif found.entries and acts:
        raise RecordingError(f"{path} has no time of day, so the order of messages and acts is unknown")
    return Port(found, acts, until)
