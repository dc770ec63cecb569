"""Keys, deviations and actions that do nothing are reported; pause and resume with both roles in one bench."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from plugfest import config
from plugfest.cli import main
from plugfest.config.charger import Supply
from plugfest.config.effect import NEEDS, without_effect
from plugfest.config.model import Bench
from plugfest.config.names import SECTIONS
from plugfest.config.vehicle import Onboard

REPORTS = Path(__file__).parents[1] / "data" / "reports"
EXAMPLES = Path(__file__).parents[2] / "examples"


def lines(text: str) -> list[str]:
    return without_effect(config.loads(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("role: secc\ninterface: e0\nvehicle: {soc: 30}", "vehicle has no effect: this bench has no vehicle"),
        ("role: evcc\ninterface: e0\ncharger: {ripple: 3}", "charger has no effect: this bench has no charger"),
        (
            "role: both\ncharger: {ac-supply: {phases: 1}}",
            "charger.ac-supply has no effect: this bench",
        ),
        ("role: both\nac: true\ncharger: {ripple: 2}", "charger.ripple has no effect: this bench charges with AC"),
        ("role: both\nac: true\nvehicle: {precharge-current: 2}", "vehicle.precharge-current has no effect"),
        ("role: both\nkey-log: k", "key-log has no effect: without TLS"),
        ("role: both\nvehicle: {tls: {suites: [0xC023]}}", "vehicle.tls has no effect: without TLS"),
        ("role: both\nprotocol: din\nvehicle: {wake-after: 3}", "vehicle.wake-after has no effect: DIN SPEC 70121 has"),
        ("role: both\nprotocol: iso2\ntimer: {V2G_EVCC_ReadyToCharge_Timeout: 9}", "only DIN SPEC 70121 has it"),
        ("role: secc\ninterface: e0\ntimer: {V2G_EVCC_CableCheck_Timeout: 9}", "no vehicle"),
        ("role: both\nac: true\ntimer: {V2G_EVCC_Msg_Timeout.CableCheckReq: 9}", "there is no CableCheckReq in AC"),
        ("role: both\nslac: false\nslac-timer: {TT_match_join: 3}", "slac-timer has no effect: without SLAC"),
        ("role: evcc\ninterface: e0\nslac-timer: {TT_EVSE_match_MNBC: 3}", "it is a timer of the charger"),
        ("role: both\nsessions: 3", "sessions has no effect: only for role secc"),
        ("role: evcc\ninterface: e0\nport: 50000\naddress: fe80::1\nsdp-to: fe80::1", ""),
        (
            "role: both\ndeviations: [{message: ChargingStatusRes, drop: true}]",
            "deviations[1] has no effect: there",
        ),
        ("role: both\nac: true\ncharger: {delays: {CableCheckReq: 1}}", "charger.delays.CableCheckReq has no effect"),
        (
            "role: both\nprotocol: din\ndeviations: [{message: AuthorizationReq, drop: true}]",
            "which this bench does not",
        ),
        *(
            (
                f"role: both\nprotocol: iso20\ntls: required\n{more}",
                f"{key} has no effect: power below zero comes out of the car",
            )
            for more, key in (
                ("dynamic: true\ncharger: {target-power: -10}", "charger.target-power"),
                ("dynamic: true\ncharger: {target-power: [[0, 5], [9, -1]]}", "charger.target-power"),
                ("scheduled: true\nvehicle: {wanted-power: -10}", "vehicle.wanted-power"),
                ("dynamic: true\ntimeline: [{do: power, power: -10}]", "timeline[1]"),
            )
        ),
        ("role: both\nprotocol: iso20\ntls: required\ndynamic: true\nbpt: true\ncharger: {target-power: -10}", ""),
        (
            "role: secc\ninterface: e0\nprotocol: iso20\ntls: required\n"
            "charger: {target-power: -10, max-discharge-power: 20}",
            "",
        ),
        (
            "role: both\ncharger: {target-power: 5}",
            "charger.target-power has no effect: the charger decides on power only in",
        ),
        (
            "role: both\ncharger: {separated: true}",
            "charger.separated has no effect: this bench only charges (bpt: true",
        ),
        ("role: both\nprotocol: iso20\ntls: required\ncharger: {target-power: 5}\ndynamic: true", ""),
        (
            "role: both\nprotocol: iso20\ntls: required\nservice: DC_BPT\n"
            "charger: {max-discharge-power: 30}\nvehicle: {negative-discharge-limits: true}",
            "",
        ),
        (
            "role: both\nac: true\ncharger: {ac-supply: {ramp: 5}}",
            "charger.ac-supply.ramp has no effect: only ISO 15118",
        ),
        (
            "role: both\ntimeline: [{do: stop}, {do: power, power: 5}]",
            "timeline[2] has no effect: only ISO 15118-20 has it",
        ),
        (
            "role: both\nprotocol: iso20\ntls: required\ntimeline: [{do: reactive-power, power: 1}]",
            "timeline[1] has no effect: this bench charges with DC",
        ),
        ("role: both\nvehicle: {car: audi-q4}", ""),
        ("role: both\nac: true\nvehicle: {car: audi-q4}\ncharger: {station: compleo-50}", ""),
        ("role: both\ntls: required\npki: p\npayment: contract\nvehicle: {install: true}", ""),
    ],
)
def test_a_key_without_effect_is_named(text: str, said: str) -> None:
    found = lines(text)
    assert any(said in line for line in found) if said else found == []


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not here (tests against the wheel)")
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_have_no_such_keys(path: Path) -> None:
    assert without_effect(config.load(path)) == []


def test_the_table_names_existing_keys() -> None:
    known = {
        f"{section}.{field}" if section else field
        for section, kind in (dict(SECTIONS) | {"vehicle.onboard": Onboard, "charger.ac-supply": Supply}).items()
        for field in (f.replace("_", "-") for f in kind.__struct_fields__)
    }
    assert {name for name, _ in NEEDS} - known == set()
    assert without_effect(Bench(role="both")) == []


def test_config_check_names_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is fine, and works; the line is on standard error."""
    (tmp_path / "b.yaml").write_text("role: both\nkey-log: k\n")
    assert main(["config", "check", str(tmp_path / "b.yaml")]) == 0
    out, err = capsys.readouterr()
    assert "fine, role both" in out
    assert "b.yaml: key-log has no effect: without TLS" in err


NEVER = """
role: both
fast: true
slac: false
vehicle: {duration: 1}
deviations:
- {message: CurrentDemandRes, set: {EVSEID: 'DE*PLF*E00002'}}
- {message: PowerDeliveryRes, occurrence: 7, delay: 1}
- {message: SessionStopReq, occurrence: 2-3, drop: true}
timeline:
- {at: CurrentDemandReq, do: limit, max-current: 100}
- {at: WeldingDetectionReq, occurrence: 9, do: stop, by: vehicle}
- {at: 4000, do: stop, by: charger}
"""


def test_what_never_happened_is_told_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.yaml").write_text(NEVER)
    assert main(["run", str(tmp_path / "b.yaml"), "--quiet"]) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert [line.partition("WeldingDetectionReq was seen ")[0] for line in notes] == [
        "note: deviations[2] never applied: PowerDeliveryRes was sent twice, but occurrence 7 was requested",
        "note: deviations[3] never applied: SessionStopReq was sent once, but occurrence 2-3 was requested",
        "note: timeline[2] never happened: ",
        "note: timeline[3] never happened: no session lasted 4000 s",
    ]


def test_lists_count_from_one() -> None:
    """Index 0 is refused before the session."""
    text = (
        "role: both\ndeviations: [{message: ChargeParameterDiscoveryRes, set:"
        " {SASchedules.SAScheduleTuple.0.SAScheduleTupleID: 3}}]"
    )
    with pytest.raises(config.ConfigError, match="SAScheduleTuple is a list, and lists count from 1"):
        config.loads(text)


def test_an_entry_beyond_the_list_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.yaml").write_text(
        "role: both\nfast: true\nslac: false\nprotocol: iso2\nvehicle: {duration: 1}\ndeviations:\n"
        "- {message: ChargeParameterDiscoveryRes, occurrence: all, set:"
        " {SASchedules.SAScheduleTuple.5.SAScheduleTupleID: 3}}\n"
    )
    main(["run", str(tmp_path / "b.yaml"), "--quiet"])
    said = capsys.readouterr().out
    assert "deviations[1] never applied: not possible: SAScheduleTuple has 1 entries, counted from 1, " in said


def test_pause_and_resume_with_both_roles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The vehicle sleeps, wakes up by itself, wakes the charger, and joins the old session; the pause happens once."""
    shutil.copy(REPORTS / "pause-both-roles.yaml", tmp_path)
    assert main(["pki", "init", str(tmp_path / "pki")]) == 0
    assert main(["run", str(tmp_path / "pause-both-roles.yaml"), "--fast"]) == 0
    out, err = capsys.readouterr()
    assert out.count("# action: pause") == 1
    steps = [
        "asleep for at most 20 s",
        "awake: the vehicle woke up",
        "OK_OldSessionJoined",
        "Terminate ",
    ]
    places = [out.index(step) for step in steps]
    assert places == sorted(places)
    assert "never" not in out
    assert "no effect" not in err


def test_the_charger_wakes_a_paused_vehicle_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a PKI, in DC, after half a minute: by its duty; a pause that nobody sleeps through ends the bench."""
    text = (
        "role: both\nfast: true\nslac: false\nprotocol: iso2\nvehicle: {duration: 3, sleep: true}\n"
        "charger: {wake-car-after: 30}\ntimeline: [{at: CurrentDemandReq, occurrence: 5, do: pause}]\n"
    )
    (tmp_path / "b.yaml").write_text(text)
    assert main(["run", str(tmp_path / "b.yaml")]) == 0
    assert "awake: the charger offers power again" in capsys.readouterr().out
    assert main(["run", str(tmp_path / "b.yaml"), "--set", "vehicle.sleep=false"]) == 0
    assert "awake" not in capsys.readouterr().out


def test_an_option_without_effect_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """As a key of a bench file is, with what it would need."""
    assert main(["demo", "--fast", "--no-slac", "--quiet", "--duration", "1", "--target-power", "-10"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "note: charger.target-power has no effect: the charger decides on power only in dynamic mode of"
    )
    assert line.endswith("(protocol: iso20, dynamic: true)")
