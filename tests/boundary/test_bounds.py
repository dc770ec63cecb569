"""What a peer or a long run can take is bounded, by the figures of docs/bounds.md."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections import Counter
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from processes import until

from plugfest.traces import live
from plugfest.virtual import VirtualLoop
from secc.pauses import Paused, Pauses
from v2g import discovery, sdp
from v2g.channel import MAX_CONNECTIONS, Guest, Guests, listening
from v2g.interfaces import Interface
from v2g.trace import MAX_EVENTS, MAX_MESSAGES, Bounded, Event

PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"
LOOPBACK = Interface("lo", 1, IPv6Address("::1"), bytes(6))


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here (tests against the wheel)")
def test_the_page_has_the_figures_of_the_code() -> None:
    """Each row names a constant and its value."""
    rows = re.findall(r"^\| .* \| (\d+) \| `([\w.]+)\.(\w+)` \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) > 25
    assert len(rows) == sum(line.startswith("|") for line in PAGE.read_text().splitlines()) - 2 * 4
    for figure, module, name in rows:
        assert getattr(importlib.import_module(module), name) == int(figure), f"{module}.{name}"


def test_a_capture_of_a_flood_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a capture of usual length is decoded when it ends; a longer one stays as it is, and its user is told."""
    done: list[Path] = []
    monkeypatch.setattr(live, "annotate", lambda path, *_, **__: done.append(path))
    usual, flooded = tmp_path / "usual.pcapng", tmp_path / "flooded.pcapng"
    for path, size in ((usual, live.MAX_EXPLAINED), (flooded, live.MAX_EXPLAINED + 1)):
        with path.open("wb") as file:
            file.truncate(size)
        live.explain(path, b"", "")
    assert done == [usual]
    assert capsys.readouterr().err == (
        f"note: {flooded} is longer than 32 MB, so its packets have no comments; `plugfest trace export` adds them\n"
    )


def test_a_flood_is_counted_not_written() -> None:
    """Each layer has its share of a second; one event says what was left out; secrets and other layers pass."""
    seen: list[Event] = []
    bounded = Bounded(seen.append)
    for number in range(50_000):
        bounded(Event(3.0 + number * 1e-5, "sdp", "SDPRequest"))
    bounded(Event(3.9, "tcp", "connected"))
    for _ in range(5):
        bounded(Event(3.95, "tls", "keylog"))
    bounded(Event(4.1, "sdp", "SDPRequest"))
    for _ in range(MAX_MESSAGES + 7):
        bounded(Event(4.2, "message", "CurrentDemandReq"))
    bounded.finish()
    counts = Counter((event.layer, event.name) for event in seen)
    assert counts["sdp", "SDPRequest"] == MAX_EVENTS + 1
    assert counts["tcp", "connected"] == 1
    assert counts["tls", "keylog"] == 5
    assert counts["message", "CurrentDemandReq"] == MAX_MESSAGES
    left = [event for event in seen if event.name == "left-out"]
    assert [event.note for event in left] == [
        f"{50_000 - MAX_EVENTS} events of layer sdp in this second, of 50000",
        f"7 events of layer message in this second, of {MAX_MESSAGES + 7}",
    ]
    assert left[0].time == 4.0


def test_paused_sessions_are_few_and_do_not_last_forever() -> None:
    """The oldest goes when there are too many, each when it has expired; asked for then, it is unknown."""

    async def main() -> None:
        pauses = Pauses(longest=100.0, most=3)
        paused = Paused("iso2", "DC_extended", 1, True)
        for number in range(5):
            pauses[bytes([number])] = paused
            await asyncio.sleep(10)
        assert list(pauses) == [b"\2", b"\3", b"\4"]
        assert pauses.pop(b"\3", None) is paused
        await asyncio.sleep(75)  # the third has had its 100 s, the fifth not
        assert list(pauses) == [b"\4"]
        assert pauses.pop(b"\2", None) is None
        await asyncio.sleep(20)
        assert not pauses

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_a_flood_of_discovery_is_answered_in_part_and_others_still_are() -> None:
    """Twenty answers a second to one vehicle; a second vehicle gets its own."""

    async def main() -> Counter[str]:
        sent: Counter[str] = Counter()
        queue: asyncio.Queue[tuple[bytes, discovery.Address]] = asyncio.Queue()
        request = sdp.Request(sdp.NO_TLS).pack()
        for sender in ["fe80::1"] * 500 + ["fe80::2"]:
            queue.put_nowait((request, (sender, 50000, 0, 1)))
        response = sdp.Response(LOOPBACK.address, 50000, sdp.NO_TLS)
        notes: list[str] = []
        serving = asyncio.create_task(
            discovery.serve(
                lambda data, to: sent.update([to[0]]), queue, LOOPBACK, lambda asked: response,
                lambda event: notes.append(event.note),
            )
        )  # fmt: skip
        await asyncio.sleep(0.5)
        serving.cancel()
        assert sum("ignored, more than 50" in note for note in notes) == 450
        return sent

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == {"fe80::1": 50, "fe80::2": 1}


@pytest.mark.real_time
async def test_connections_at_once_are_bounded() -> None:
    """Silent ones take a place each; further ones are reset at once, and a place that gets free is used again."""
    served = 0
    free = asyncio.Event()

    async def serve(channel: object) -> None:
        nonlocal served
        served += 1
        await free.wait()

    async with listening(LOOPBACK, serve) as port:
        ends = [await asyncio.open_connection("::1", port) for _ in range(MAX_CONNECTIONS + 4)]
        reads = [asyncio.create_task(reader.read(1)) for reader, _ in ends]
        await until(lambda: sum(read.done() for read in reads) >= 4, "those that are too many are closed")
        gone = sum(read.done() for read in reads)
        assert (served, gone) == (MAX_CONNECTIONS, 4)
        for _, writer in ends:
            writer.close()
        free.set()
        await asyncio.gather(*reads, return_exceptions=True)


def test_half_open_connections_of_one_peer_do_not_shut_out_another() -> None:
    """The oldest of the crowd goes; the crowd itself gets no further place, and what is past its handshake stays."""
    dropped: list[int] = []
    guests = Guests(8)

    def comes(number: int, peer: str, *, secured: bool = False) -> bool:
        return guests.admit(Guest(peer, lambda: dropped.append(number), secured))

    assert comes(0, "car", secured=True)
    assert all(comes(number, "flood") for number in range(1, 8))
    assert not comes(8, "flood")
    assert comes(9, "other car")
    assert comes(10, "other car")
    assert not comes(11, "flood")
    assert dropped == [1, 2]
    assert [guest.peer for guest in guests.inside].count("other car") == 2


def test_half_open_connections_of_many_peers_do_not_shut_out_another() -> None:
    """Each has another address: a new one still takes the place of the oldest."""
    dropped: list[int] = []
    guests = Guests(4)
    for number in range(40):
        assert guests.admit(Guest(f"fe80::{number}", lambda number=number: dropped.append(number)))
    assert dropped == list(range(36))


def test_nobody_takes_the_place_of_a_session() -> None:
    """Where every connection is past its handshake, a new one is refused."""
    guests = Guests(2)
    assert [guests.admit(Guest(str(number), list, secured=True)) for number in range(3)] == [True, True, False]
