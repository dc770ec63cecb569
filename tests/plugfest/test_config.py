"""The bench file: every mistake with its line and path, the same names as the options, and what the keys do."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import msgspec
import pytest

from plugfest.cli import main, parser
from plugfest.config import ConfigError, json_schema, load, loads, of_args
from plugfest.config import names as option_names
from plugfest.config.document import markdown
from plugfest.config.model import Bench
from plugfest.errors import UserError

DOCS = Path(__file__).parents[2] / "docs"

MISTAKES = [
    ("role: evc\n", r"bench:1: role: 'evc' is not both, evcc or secc; did you mean evcc\?"),
    ("# nothing\nvehicle:\n  socc: 3\n", r"bench:3: vehicle.socc: unknown key; did you mean soc\?"),
    ("vehicle: {loop_delay: 3}\n", r"bench:1: vehicle.loop_delay: unknown key; did you mean loop-delay\?"),
    ("vehicle:\n  soc: 140\n", r"bench:2: vehicle.soc: 140 is out of range; use a number from 0 to 100"),
    ("vehicle:\n  soc: .nan\n", r"bench:2: vehicle.soc: .nan is not a number"),
    ("vehicle:\n  soc: 20 %\n", r"bench:2: vehicle.soc: '20 %' is not a number from 0 to 100; leave the unit out"),
    ("vehicle:\n  soc: '20'\n", r"bench:2: vehicle.soc: '20' is not a number from 0 to 100; without quotation marks"),
    ("vehicle: fast\n", r"bench:1: vehicle: 'fast' is not a mapping with car"),
    ("vehicle: [1]\n", r"bench:1: vehicle: a list is not a mapping"),
    ("ac: maybe\n", r"bench:1: ac: 'maybe' is not true or false"),
    ("seed: 1.5\n", r"bench:1: seed: 1.5 is not a whole number"),
    ("vehicle: {departure: true}\n", r"bench:1: vehicle.departure: true is not a whole number of at least 0"),
    ("seed: 1\nac: true\nseed: 2\n", r"bench:3: seed: this key appears twice"),
    ("seed: 1\n  ac: true\n", r"bench:2: not YAML: mapping values are not allowed here"),
    ("- 1\n", r"bench:1: keys and values are needed"),
    ("seed: !!python/object:os.system 1\n", r"bench:1: seed: '1' is not|bench:1: seed: 1 is not"),
    ("a: &a [*a]\n", r"bench:1: nested more than 20 deep"),
    ("protocol: iso3\n", r"bench:1: protocol: unknown protocol 'iso3'"),
    ("protocol:\n- iso2\n- dim\n", r"bench:3: protocol\[2\]: unknown protocol 'dim'; did you mean din\?"),
    ("ac: true\nprotocol: din\n", r"bench:2: protocol: DIN SPEC 70121 has no AC"),
    ("connector: schuko\n", r"bench:1: connector: unknown connector 'schuko'; choose from CCS1"),
    ("connector: type2\n", r"bench:1: connector: Type2 has no DC contacts"),
    ("timer:\n  V2G_EVCC_CableChek_Timeout: 3\n", r"bench:2: timer.*did you mean V2G_EVCC_CableCheck_Timeout"),
    ("timer:\n  V2G_EVCC_CableCheck_Timeout: -3\n", r"bench:2: timer.*: -3 s is not possible"),
    ("role: evcc\n", r"bench:1: interface: missing: role evcc needs a network interface"),
    ("interface: eth0\n", r"bench:1: interface: leave it out: role both runs in memory, and a lab makes its own"),
    ("role: secc\ninterface: eth0\nfast: true\n", r"bench:3: fast: virtual time needs role both"),
    ("fast: true\nvehicle: {loop-delay: 0}\n", r"bench:2: vehicle.loop-delay: in virtual time a loop without pauses"),
    ("cert: /dev/null\n", r"bench:1: cert: give both --cert and --key"),
    ("role: evcc\ninterface: a\nsdp-to: nowhere\n", r"bench:3: sdp-to: nowhere: give an IPv6 address"),
    ("vehicle: {battery: 12V}\n", r"bench:1: vehicle.battery: unknown battery '12V'"),
    ("vehicle:\n  battery:\n    cells: 96\n", r"bench:2: vehicle.battery.capacity: missing: a number above 0"),
    ("vehicle: {evccid: 0011}\n", r"bench:1: vehicle.evccid: an EVCCID is 6 bytes, not 2"),
    ("vehicle: {evccid: 00:11:zz}\n", r"bench:1: vehicle.evccid: '00:11:zz' is not hex digits"),
    ("vehicle: {session-id: '000000000000000000'}\n", r"vehicle.session-id: a session id is 1 to 8 bytes, not 9"),
    ("vehicle: {error-code: FAILED_Nothing}\n", r"bench:1: vehicle.error-code: 'FAILED_Nothing' is not an EVErrorCode"),
    (
        "vehicle: {pauses: {PreChargeRes: 1}}\n",
        r"pauses.PreChargeRes: unknown message 'PreChargeRes'; did you mean PreCh",
    ),
    ("vehicle:\n  car: golf\n", r"bench:2: vehicle.car: unknown car 'golf'; choose from "),
    ("vehicle: {basic: true}\n", r"bench:1: vehicle.basic: the nominal duty is for a vehicle with ac \(role evcc\)"),
    (
        "role: evcc\ninterface: a\nac: true\nvehicle: {basic: true}\n",
        r"vehicle.basic: .* must be measured: name a pilot",
    ),
    ("charger: {power: 77}\n", r"bench:1: charger.power: no power class of 77 kW.*or give max-voltage"),
    ("charger: {max-voltage: 100}\n", r"bench:1: charger.power: .* 150 V, is above .* 100 V; give min"),
    ("charger: {min-voltage: 950}\n", r"bench:1: charger.power: the lowest voltage .* 950 V, is above .* 920 V$"),
    (
        "timeline:\n- {do: power, by: vehicle, power: [[0, 5]]}\n",
        r"timeline\[1\].power: a curve works only for the charger's",
    ),
    (
        "timeline:\n- {do: needs, by: charger, target: 5}\n",
        r"bench:1: timeline: do: needs by the charger: the charger accepts",
    ),
    ("timeline:\n- {do: needs}\n", r"timeline\[1\]: departure, minimum or target is needed"),
    ("timeline:\n- {do: needs, minimum: 9, target: 8}\n", r"timeline\[1\].minimum: 9 % is above the target of 8 %"),
    ("charger: {needs: {minimum: 9, target: 8}}\n", r"charger.needs.minimum: 9 % is above the target of 8 %"),
    ("protocol: iso20\ntls: required\nservice: MCS\n", r"bench:3: service: MCS does not go with connector ccs2; add"),
    ("", r"bench: it has no keys; write at least the role, as in 'role: both'"),
    ("# role: secc\n", r"bench: it has no keys"),
    ("bpt: true\n", r"bench:1: bpt: only ISO 15118-20 has that; add iso20 to protocol"),
    ("protocol: din\n\ndynamic: true\n", r"bench:3: dynamic: only ISO 15118-20 has that"),
    ("protocol: iso20\ntls: required\ndynamic: true\nscheduled: true\n", r"bench:4: scheduled: conflicts with dyn"),
    ("service: MCSS\n", r"bench:1: service: 'MCSS' is not AC, .*; did you mean MCS"),
    (
        "protocol: iso20\ntls: required\nac: true\nservice: DC_BPT\n",
        r"bench:4: service: DC_BPT does not go with AC; leav",
    ),
    ("protocol: iso20\ntls: required\nservice: AC\n", r"bench:3: service: AC does not go with DC; add ac, or leave"),
    ("charger: {power: -10}\n", r"bench:1: charger.power: .* is above 0 kW; target-power: -10 makes the car"),
    ("charger: {target-power: 22 kW}\n", r"bench:1: charger.target-power: cannot read 22 kW"),
    ("charger: {target-power: [[1, 5]]}\n", r"bench:1: charger.target-power: a curve begins at 0 s"),
    ("charger: {target-power: [[0, 5], [0, 6]]}\n", r"bench:1: charger.target-power: 0 s is not later than the 0 s"),
    ("timeline:\n- {do: power, power: [[0, 5], [9, 1], [9, 6]]}\n", r"timeline\[1\].power: 9 s is not later"),
    ("charger: {evse-id: abc}\n", r"charger.evse-id: 'abc' is not text of 7 to 37 characters"),
    ("charger:\n  schedule:\n  - {start: 5, power: 3}\n", r"bench:2: charger.schedule: the first start is 0"),
    ("charger: {faults: [rdc]}\n", r"charger.faults\[1\]: 'rdc' is not .*; did you mean rcd"),
    ("mqtt: {topic: 'a/#'}\n", r"bench:1: mqtt.topic: 'a/#' is not text like"),
    ("mqtt: {version: 4}\n", r"bench:1: mqtt.version: 4 is not 3.1.1 or 5"),
    ("timeline:\n- {at: 3, do: stopp}\n", r"bench:2: timeline\[1\].do: unknown action 'stopp'; did you mean stop\?"),
    ("timeline:\n- {at: 3}\n", r"bench:2: timeline\[1\].do: missing: one of soc, target"),
    ("timeline:\n- {at: 3, do: soc}\n", r"bench:2: timeline\[1\].percent: missing: a number from 0 to 100"),
    ("timeline:\n- {at: 3, do: stop, percent: 3}\n", r"timeline\[1\].percent: unknown key"),
    ("timeline:\n- {at: CurentDemandReq, do: stop}\n", r"timeline\[1\].at: unknown message.*mean CurrentDemandReq"),
    ("timeline:\n- {at: -1, do: stop}\n", r"timeline\[1\].at: -1 s is not possible"),
    ("timeline:\n- {at: 1, do: limit}\n", r"bench:2: timeline\[1\]: max-voltage, max-current or max-power is needed"),
    ("role: secc\ninterface: a\ntimeline:\n- {do: pause}\n", r"bench:4: timeline\[1\]: there is no vehicle"),
    ("role: evcc\ninterface: a\ntimeline:\n- {do: fault, fault: rcd}\n", r"timeline\[1\]: there is no charger"),
    ("role: evcc\ninterface: a\ntimeline:\n- {do: fault, fault: pilot-short}\n", r"only a bench with role both"),
    ("deviations:\n- {message: PreChargeRec, drop: true}\n", r"bench:2: deviations\[1\].message: unknown message"),
    ("deviations:\n- {message: PreChargeReq, occurrence: 0-3}\n", r"deviations\[1\].occurrence: '0-3' is not 3, 3-5"),
    ("deviations:\n- {message: PreChargeReq, exi: 80f}\n", r"deviations\[1\].exi: '80f' is not hex digits"),
    (
        "deviations:\n- message: PreChargeReq\n  set:\n    EVTarget: 3\n",
        r"bench:4: .*PreChargeReq has no field EVTarget",
    ),
    (
        "deviations:\n- message: CableCheckRes\n  set:\n    DC_EVSEStatus.EVSEStatusCode: EVSE_Redy\n",
        r"bench:4: .*'EVSE_Redy' is not a value of EVSEStatusCode; did you mean EVSE_Ready\?",
    ),
    (
        "deviations:\n- message: ChargeParameterDiscoveryReq\n  set: {EVChargeParameter.EVMaxVoltge: 3}\n",
        r"no field EVMaxVoltge; did you mean EVMaxVoltage",
    ),
    ("deviations:\n- {message: AuthorizationReq, protocol: din, drop: true}\n", r"din has no AuthorizationReq"),
    ("deviations:\n- {message: PreChargeReq, replace: PreChargReq}\n", r"unknown message 'PreChargReq'; did you mean"),
    (
        "deviations:\n- {message: PreChargeReq, set: {EVTargetVoltage: 3}, replace: PreChargeReq}\n",
        r"cannot be combined",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text.replace("\n", " ")[:60] for text, _ in MISTAKES])
def test_a_mistake_is_named_with_line_and_path(text: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        loads(text)
    assert re.search(expected, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_named_in_the_order_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text("ac: 3\nvehicle:\n  soc: x\n  battry: 400V\nnonsense: 1\n")
    assert main(["config", "check", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [re.search(r"yaml:(\d+)", line)[1] for line in lines[1:]] == ["1", "3", "4", "5"]  # type: ignore[index]  # it matches, or the test fails here
    assert main(["run", str(path)]) == 2


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text.replace("\n", " ")[:60] for text, _ in MISTAKES])
def test_a_mistake_is_named_beside_another_or_waits_for_it(text: str, expected: str) -> None:
    """It is the same one, or none: what may follow from a misspelt key has to wait."""
    with pytest.raises(UserError) as caught:
        loads(f"nonsense: 1\n{text}")
    first, *others = [line for line in str(caught.value).splitlines() if not line.endswith("mistakes")]
    if re.search(r"not YAML|nested", first):
        assert others == []  # nothing more can be read
        return
    assert "nonsense: unknown key" in first
    expected = re.sub(r"bench:(\d)", lambda line: f"bench:{int(line[1]) + 1}", expected)
    assert [line for line in others if not re.search(expected, line)] == []


def test_an_unknown_car_hides_no_other_mistake() -> None:
    """Nor a station, nor a file of one's own that cannot be read."""
    with pytest.raises(UserError) as caught:
        loads(
            "vehicle: {car: golf, soc: x}\ncharger:\n  station: none.yaml\n  powr: 3\nnonsense: 1\n"
            "timer: {V2G_Nothing: 3}\n"
        )
    lines = str(caught.value).splitlines()
    assert [re.search(r"bench:(\d)", line)[1] for line in lines[1:]] == ["1", "1", "3", "4", "5", "6"]  # type: ignore[index]  # it matches, or the test fails here
    assert "vehicle.car: unknown car 'golf'; choose from audi-q4" in lines[1]
    assert "charger.station: cannot read none.yaml: No such file or directory" in lines[3]


def test_values_are_named_beside_unknown_keys_and_what_may_follow_is_not() -> None:
    with pytest.raises(UserError) as caught:
        loads(
            "protocl: iso20\ndynamic: true\nrole: evcc\ninterfce: eth0\nconnector: ccs3\n"
            "vehicle: {battery: 12V}\ncharger: {power: -3}\ntimer: {V2G_Nothing: 3}\n"
        )
    lines = str(caught.value).splitlines()
    assert [re.search(r"bench:(\d)", line)[1] for line in lines[1:]] == ["1", "4", "5", "6", "7", "8"]  # type: ignore[index]  # it matches, or the test fails here


def test_anchors_and_merge_keys_work_and_aliases_cannot_explode() -> None:
    bench = loads("vehicle: &car {soc: 30, target: 60}\ncharger: {power: 50}\n")
    assert bench.vehicle.target == 60
    merged = loads("deviations:\n- &d {message: PreChargeReq, delay: 1}\n- {<<: *d, delay: 2}\n")
    assert [d.delay for d in merged.deviations] == [1, 2]
    levels = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9))
    with pytest.raises(UserError, match="more than 100000 values"):
        loads(f"x0: &x0 [1]\n{levels}\n")


def test_text_stays_the_text_it_is() -> None:
    """YAML would make an octal number of one and a float of the other."""
    bench = loads("vehicle: {evccid: 001122334455}\ncharger: {meter-id: 1.10}\n")
    assert bench.vehicle.evccid == "001122334455"
    assert bench.charger.meter_id == "1.10"


def test_files_are_looked_for_beside_the_bench_file(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki/chain.pem").touch()
    path.write_text("tls: required\ncert: pki/chain.pem\nkey: /dev/null\n")
    bench = load(path)
    assert bench.cert == str(tmp_path / "pki/chain.pem")
    assert bench.key == "/dev/null"
    path.write_text("mqtt:\n  password-file: secret\n")
    with pytest.raises(ConfigError, match=f"bench.yaml:2: mqtt.password-file: no such file: {tmp_path}/secret"):
        load(path)


def test_set_goes_on_top() -> None:
    bench = loads("vehicle: {soc: 30}\n", settings={"vehicle.soc": "40", "vehicle.max-current": "60"})
    assert (bench.vehicle.soc, bench.vehicle.max_current) == (40, 60)
    with pytest.raises(ConfigError, match=r"^--set: vehicle.socc: unknown key; did you mean soc\?$"):
        loads("{}", settings={"vehicle.socc": "40"})


# ---------------------------------------------------------------------------------------------------------------
# The same names


def options(command: str) -> dict[str, argparse.Action]:
    top = parser()
    commands = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    found = {}
    for action in commands.choices[command]._actions:
        for option in action.option_strings:
            if option.startswith("--"):
                found[option.removeprefix("--").removeprefix("no-")] = action
    return found


@pytest.mark.parametrize("command", ["evcc", "secc", "demo"])
def test_every_option_is_a_key_of_the_same_name(command: str) -> None:
    for name, action in options(command).items():
        if name in ("help", "set", "pnc"):  # pnc is short for several keys
            continue
        section = option_names.keys().get(name)
        assert section is not None, f"--{name} is not a key of the bench file"
        field = {f.encode_name: f for f in msgspec.structs.fields(option_names.SECTIONS[section])}[name]
        assert action.default is argparse.SUPPRESS, f"--{name} has a default of its own"
        told = re.search(r"default ([\w,.*]+)\)", action.help or "")
        if told is not None and field.default not in (None, msgspec.NODEFAULT):
            plain = field.default
            assert told[1] in (str(plain), f"{plain:g}" if isinstance(plain, float) else ""), name


def test_options_make_the_bench_they_say() -> None:
    line = "evcc -i eth9 --soc 35 --ac --timer V2G_EVCC_CableCheck_Timeout=60 --set vehicle.max-current=60"
    line += " --roots /dev/null"
    args = parser().parse_args(line.split())
    bench = of_args(args, "evcc")
    assert bench.role == "evcc"
    assert bench.interface == "eth9"
    assert bench.vehicle.soc == 35
    assert bench.vehicle.max_current == 60
    assert bench.timer == {"V2G_EVCC_CableCheck_Timeout": 60}
    assert bench.roots == "/dev/null"
    assert of_args(parser().parse_args(["demo"]), "both") == Bench()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("broker", {"host": "broker"}),
        ("mqtt://user:p%40ss@broker:1884/lab/one", {"host": "broker", "port": 1884, "username": "user",
                                                   "password": "p@ss", "topic": "lab/one"}),
        ("mqtts://[fe80::1]", {"host": "fe80::1", "tls": True}),
    ],
)  # fmt: skip
def test_a_broker_is_given_as_an_address(url: str, expected: dict[str, object]) -> None:
    assert option_names.broker(url) == expected


@pytest.mark.parametrize("url", ["http://broker", "mqtt://broker:port", "mqtt:///topic"])
def test_a_wrong_broker_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="--mqtt"):
        option_names.broker(url)


# ---------------------------------------------------------------------------------------------------------------
# Schema and documentation


def test_the_schema_describes_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json_schema()
    bench = schema["$defs"]["Bench"]
    assert bench["additionalProperties"] is False
    assert set(bench["properties"]) == {f.encode_name for f in msgspec.structs.fields(Bench)}
    soc = schema["$defs"]["Vehicle"]["properties"]["soc"]
    assert (soc["minimum"], soc["maximum"], soc["default"]) == (0.0, 100.0, 20.0)


@pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here (tests against the wheel)")
def test_the_page_of_keys_is_that_of_the_model() -> None:
    """Made with: plugfest config keys > docs/bench.md"""
    assert (DOCS / "bench.md").read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize(
    ("options", "transfer"),
    [
        ([], "DC"),
        (["--ac"], "AC"),
        (["--bpt"], "DC_BPT"),
        (["--ac", "--bpt"], "AC_BPT"),
        (["--service", "MCS", "--connector", "mcs"], "MCS"),
        (["--connector", "mcs", "--bpt"], "MCS_BPT"),
        (["--service", "DC_BPT"], "DC_BPT"),
    ],
)
def test_the_service_follows_from_the_options(options: list[str], transfer: str) -> None:
    args = parser().parse_args(["demo", "--protocol", "iso20", "--any-transport", *options])
    bench = of_args(args, "both")
    assert (bench.transfer, bench.both_ways) == (transfer, transfer.endswith("_BPT"))
