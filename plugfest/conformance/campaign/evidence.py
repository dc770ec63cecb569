"""Records the evidence of a run as it goes on: its trace as JSON lines and packets, TLS secrets, real packets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from boundary import namespaces
from boundary.errors import OutputError
from boundary.write import Growing, append
from v2g.errors import V2GError
from v2g.trace import Event, JsonLines, Observe, fan_out, ignore


@contextlib.contextmanager
def evidence(place: Path, epoch: float, role: str, *, packets: bool = True) -> Iterator[Observe]:
    """Observer that writes the trace of a run: JSON lines, pcapng with its secrets, and TLS secrets as a key log.

    Args:
        epoch: Unix time of time 0 on the loop's clock.
        role: the tester's role, ``evcc`` or ``secc``; ``both`` if the vehicle observes a whole pair.
        packets: False: they are captured elsewhere.

    Raises:
        OutputError: a file cannot be made; or, after the run has ended normally, one could not be completed.
    """
    from plugfest.traces.writer import File

    secrets = place / "secrets.log"
    secrets.unlink(missing_ok=True)

    def keys(event: Event) -> None:
        if event.layer == "tls" and event.name == "keylog":
            append(secrets, event.data.rstrip(b"\n") + b"\n")

    with contextlib.ExitStack() as stack:
        text = stack.enter_context(Growing(place / "trace.jsonl"))
        observers: list[Observe] = [JsonLines(text, epoch=epoch, role=role), keys]
        if packets:
            observers.append(stack.enter_context(File(place / "trace.pcapng", epoch=epoch, role=role)))
        write, lost = fan_out(*observers), list[OutputError]()

        def watch(event: Event) -> None:
            """Never raises: an observer's error would break off the session of a system that may be energised."""
            if not lost:
                try:
                    write(event)
                except OutputError as why:
                    lost.append(why)

        yield watch
    if lost:
        raise lost[0]


def may_capture(interface: str) -> bool:
    """Whether raw sockets are allowed here; the interface may be ``NAMESPACE/NAME``."""
    try:
        with namespaces.inside(interface) as device, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as probe:
            probe.bind((device, 0))
    except (OSError, AttributeError):
        return False
    return True


@contextlib.contextmanager
def capture(place: Path | None, interface: str, comment: str) -> Iterator[Observe]:
    """Captures the packets of the interface into ``trace.pcapng``, in a running loop; does nothing with None.

    A capture that cannot be decoded at the end is kept as it is; it never affects a verdict.
    """
    if place is None:
        yield ignore
        return
    from plugfest.traces.live import Live

    live = Live(place / "trace.pcapng", interface, comment=comment)
    live.__enter__()
    try:
        yield live
    finally:
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError, V2GError):
            live.__exit__(None, None, None)
