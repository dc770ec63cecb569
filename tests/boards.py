"""Control pilot boards in software, for tests: ``python boards.py serial LINK`` and ``python boards.py mqtt SOCKET``.

The first is a vehicle's board on a serial line, whose device file is made as LINK; the charger at the other end of its
pilot offers 5 %. The second is a charger's board behind the broker at `broker`, below `lab`, after docs/pilot.md; a
vehicle plugs in at its SOCKET, as at any simulated pilot. Both say ``ready``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tty
from pathlib import Path

import aiomqtt

from slac.pilot import State
from slac.pilot_shared import hosted, seat
from slac.pilots import SimulatedPilot


def line(link: Path) -> int:
    """The board's end of a serial line."""
    board, host = os.openpty()
    tty.setraw(host)
    link.symlink_to(os.ttyname(host))
    return board


async def serial(board: int) -> None:
    """A vehicle's board on a line."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    with os.fdopen(board, "rb", buffering=0) as heard, os.fdopen(os.dup(board), "wb", buffering=0) as said:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), heard)
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, said)
        wire = SimulatedPilot()
        wire.evse.offer(5.0)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await seat(wire, "ev", reader, asyncio.StreamWriter(transport, protocol, reader, loop))


async def mqtt(path: Path) -> None:
    """A charger's board at a broker."""
    will = aiomqtt.Will("lab/evse/online", '{"online": false}', qos=1, retain=True)
    async with hosted(path) as pilot, aiomqtt.Client("broker", will=will) as client:
        changes: asyncio.Queue[str] = asyncio.Queue()

        def changed(_: object = None) -> None:
            state, duty = pilot.reading
            changes.put_nowait(json.dumps({"state": state.value if state else "?", "duty": duty}))

        async def tell() -> None:
            while True:
                await client.publish("lab/evse/state", await changes.get(), qos=1, retain=True)

        pilot.subscribe(changed)
        changed()
        telling = asyncio.create_task(tell())
        await client.subscribe("lab/evse/set", 1)
        able = '{"online": true, "version": 1, "can": ["can_e", "can_f", "can_duty"]}'
        await client.publish("lab/evse/online", able, qos=1, retain=True)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        async for message in client.messages:
            match json.loads(bytes(message.payload)):  # type: ignore[arg-type]  # the host sends bytes
                case {"duty": duty}:
                    pilot.offer(duty)
                case {"fault": name}:
                    pilot.fault(State(name))
            changed()
        telling.cancel()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        place = Path(sys.argv[2])
        asyncio.run(serial(line(place)) if sys.argv[1] == "serial" else mqtt(place))
