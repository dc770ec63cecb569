"""`do: deviate`: the next message of a name deviates, and those after it do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugfest import cli, fields
from plugfest.mqtt.commands import Commands
from v2g.messages import iso2, schema

BENCH = """
slac: false
fast: true
vehicle: {duration: 3}
timeline:
- {at: CurrentDemandReq, occurrence: 3, do: deviate, message: CurrentDemandRes, delay: 0.125}
- {at: CurrentDemandRes, occurrence: 8, do: deviate, message: CurrentDemandReq, set: {DC_EVStatus.EVRESSSOC: 99}}
"""


def test_one_message_deviates_and_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer to the third request is late, and the ninth request has another field; of both there is one."""
    (tmp_path / "bench.yaml").write_text(BENCH)
    assert cli.main(["run", str(tmp_path / "bench.yaml"), "--plain"]) == 0
    told = [line.split("deviation: ")[1] for line in capsys.readouterr().out.splitlines() if "# deviation: " in line]
    assert told == ["CurrentDemandRes: 0.125 s late", "CurrentDemandReq: with DC_EVStatus.EVRESSSOC=99"]


@pytest.mark.parametrize(
    ("role", "facts", "error"),
    [
        ("evcc", {"message": "PreChargeRes"}, "there is no charger"),
        ("secc", {"message": "PreChargeReq"}, "there is no vehicle"),
        ("both", {"message": "PreChargeReq"}, "delay, drop, set, replace, truncate or repeat is needed"),
        ("both", {"message": "PreChargReq"}, "unknown message 'PreChargReq'"),
        ("both", {"message": "PreChargeReq", "set": {"Nothing": 1}}, "Nothing"),
        ("both", {"message": "PreChargeReq", "replace": "NoSuchReq"}, "NoSuchReq"),
    ],
)
def test_a_deviation_that_cannot_be_is_refused(role: str, facts: dict[str, object], error: str) -> None:
    """At once, with what is wrong."""
    commands = Commands(role, lambda step: "", lambda step: None)
    answer = commands.perform({"do": "deviate", **facts})
    assert not answer["ok"]
    assert error in answer["error"]


def test_what_is_absent_has_nothing_to_leave_out() -> None:
    """A field left out of a group that is not there does not make that group, with an SoC of zero."""
    stop = iso2.PowerDeliveryReq(ChargeProgress="Stop", SAScheduleTupleID=1)
    without = fields.put(stop, {"EVPowerDeliveryParameter.BulkChargingComplete": None}, schema("iso2"))
    assert without == stop
    changed = fields.put(stop, {"EVPowerDeliveryParameter.ChargingComplete": True}, schema("iso2"))
    assert changed.EVPowerDeliveryParameter.ChargingComplete
