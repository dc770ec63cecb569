"""Commands typed at the live view: words become actions, and mistakes get one line."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from typing import get_args

import pytest
from processes import CEILING

from plugfest.config.actions import Action, Limit, SetNeeds, SetPower, SetSoc, Step, Stop
from plugfest.mqtt.commands import Commands
from plugfest.parts import NotPossible
from plugfest.typed import take


def typed(line: str, role: str = "both") -> tuple[str, list[Step]]:
    done: list[Step] = []

    def act(step: Step) -> str:
        if isinstance(step, Stop):
            raise NotPossible("nobody can")
        done.append(step)
        return "it"

    said = take(line, Commands(role, act, done.append))
    assert said.isprintable()
    return said, done


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("power -10", SetPower(power=-10)),
        ("power", SetPower()),
        ("power '[[0, 5], [9, -3]]'", SetPower(power=[(0, 5), (9, -3)])),
        ("power 3 by=vehicle", SetPower(power=3, by="vehicle")),
        ("soc 55", SetSoc(percent=55)),
        ("needs target=70 departure=1800 by=charger", SetNeeds(target=70, departure=1800, by="charger")),
        ("limit max-current=30", Limit(max_current=30)),
    ],
)
def test_a_line_is_an_action(line: str, step: Step) -> None:
    assert typed(line) == ("done: it", [step])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("stop", "not done: nobody can"),
        ("stopp", "not done: do: unknown action 'stopp'"),
        ("power ten", "not done: power: 'ten' is not a number"),
        ("power 1 2", "2: use KEY=VALUE"),
        ("soc 200", "not done: percent: 200 is out of range; use a number from 0 to 100"),
        ("soc 'x", "not understood: No closing quotation"),
        ("power [1", "power: not YAML"),
        ("nothing 5", "5: use KEY=VALUE"),
        ("?", "soc, target, limit"),
        ("? power", "power after= by= power= - Changes the power wanted"),
        ("? nothing", "unknown action 'nothing'; choose from soc"),
        ("", "type a command"),
    ],
)
def test_what_is_not_done_is_reported(line: str, said: str) -> None:
    told, done = typed(line)
    assert told.startswith(said), told
    assert not done


def test_later_is_said_to_be_later() -> None:
    assert typed("soc 50 after=3")[0] == "will be done"


@pytest.mark.parametrize("kind", get_args(Action))
def test_help_knows_every_action(kind: type[Step]) -> None:
    name = str(kind.__struct_config__.tag)
    assert name in typed("?")[0]
    assert typed(f"? {name}")[0].startswith(f"{name} ")


def test_what_is_typed_at_the_live_view_is_done() -> None:
    """Corrections work; keys are not echoed, and the terminal is restored afterwards."""
    options = "demo --protocol iso20 --bpt --any-transport --no-slac --duration 4 --target-power 5"
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "110", "LINES": "32"}
    with subprocess.Popen(
        [sys.executable, "-m", "plugfest", *options.split()],
        stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True, preexec_fn=own_terminal,
    ) as process:  # fmt: skip
        seen, sent, deadline = b"", False, time.monotonic() + CEILING
        while process.poll() is None and time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536)
            if not sent and b"DC_ChargeLoopReq" in seen:
                os.write(master, b"power -8x\x7f\r")
                sent = True
        while select.select([master], [], [], 0.0)[0]:
            seen += os.read(master, 65536)
        assert process.wait(timeout=CEILING) == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)
    text = seen.decode()
    assert "> done: power power=-8" in text
    assert "out of it" in text
