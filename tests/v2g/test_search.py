"""When a vehicle's search asks again: in virtual time, to the millisecond."""

from __future__ import annotations

import asyncio
from ipaddress import IPv6Address

import pytest

from v2g import sdp
from v2g.discovery import Address, search
from v2g.errors import NothingFound

CHARGER: Address = ("fe80::1", sdp.PORT, 0, 1)
ANSWER = sdp.Response(IPv6Address("fe80::1"), 50000, sdp.NO_TLS)


@pytest.mark.parametrize("unanswered", [0, 4, 49])
async def test_an_unanswered_request_is_repeated_every_250_ms(unanswered: int) -> None:
    """[V2G2-159]; the search ends with the first answer."""
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
    times: list[float] = []

    def send(data: bytes) -> None:
        times.append(loop.time())
        if len(times) > unanswered:
            answers.put_nowait((ANSWER.pack(), CHARGER))

    assert await search(send, answers, security=sdp.NO_TLS) == ANSWER
    assert times == pytest.approx([0.25 * number for number in range(unanswered + 1)])


async def test_the_fiftieth_request_is_the_last() -> None:
    """[V2G2-161]; its answer is waited for as long as the others."""
    times: list[float] = []
    loop = asyncio.get_running_loop()
    with pytest.raises(NothingFound, match="no charger answered 50 SDP requests"):
        await search(lambda data: times.append(loop.time()), asyncio.Queue(), security=sdp.NO_TLS)
    assert len(times) == 50
    assert loop.time() == pytest.approx(12.5)
