"""How each documented command that needs an interface, or serves, is executed: `test_docs_bench` does."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import reader
import test_docs

LOOP = "CurrentDemandRes"
STOPPED = 7
"""Exit code: by its user."""
LOOP_20 = "ChargeLoopRes"


@dataclass(frozen=True)
class Way:
    """How a documented command is executed.

    Attributes:
        lab: options of the lab at whose free end it runs; None: on a host without one.
        until: what is said when its reader ends it with Ctrl-C; "": it ends by itself.
        says: patterns that are found in what is said.
        code: its exit code.
        before, after: what its reader's shell does.
        typed: what is typed.
        terminal: it wants one; what is said is kept in ``typescript``.
        needs: programs.
        left: a file that it leaves, and a pattern in it.
        quick: not only in `make slow`.
    """

    lab: str | None = None
    until: str = ""
    says: tuple[str, ...] = ()
    code: int = 0
    before: str = ""
    after: str = ""
    typed: str = ""
    terminal: bool = False
    needs: tuple[str, ...] = ()
    left: dict[str, str] = field(default_factory=dict)
    quick: bool = False


OVER = "session (completed|ended: nothing was charged)"
"""After Ctrl-C in the loop: whether a current flowed before is a matter of moments."""


def car(lab: str = "", *, until: str = LOOP, says: str = f"vehicle: {OVER}", **more: Any) -> Way:
    """A vehicle, which charges at our charger until Ctrl-C."""
    return Way(lab, until, (says,), **more)


def car_20(lab: str) -> Way:
    """A vehicle of ISO 15118-20 at an interface named eth1."""
    return car(lab, until=LOOP_20, says="stopped by the driver", before=reader.ETH1)


def post(lab: str = "", *, until: str = "charger: session completed", **more: Any) -> Way:
    """A charger, to which our vehicle comes; Ctrl-C while it waits for the next one."""
    more = {"says": ("charger: session completed",), "code": STOPPED, **more}
    return Way(f"--peer-end charger --sessions 1000 --duration 1 {lab}", until, **more)


MOSQUITTO = ("mosquitto", "mosquitto_sub", "mosquitto_pub")
_GET = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1]).read().decode(errors="replace"))
except urllib.error.HTTPError as answer:
    print(answer.code)
"""


def opens(url: str) -> str:
    """Somebody opens an address as soon as it is there; what is answered is in ``page.html``."""
    get = shlex.join([sys.executable, "-c", _GET, url])
    return f"(until {get} > page.html 2> /dev/null; do :; done; echo the page is there) &\n"


PAGE = opens("http://127.0.0.1:8351/")
"""Somebody opens the panel."""
MQTT_CHARGER = f"{reader.ETH1}{reader.BROKER}plugfest secc -i eth1 --mqtt mqtt://broker/lab &\n"
BOARDS = shlex.join([sys.executable, str(Path(__file__).with_name("boards.py"))])
MEASURED = """\
head -c 16384 /dev/zero > original.pib
cp original.pib vehicle.pib
"""
"""A parameter block as plctool would have read it."""

# A line of a block (a block with a loop is executed as a whole: its first line) -> how.
WAYS: dict[str, Way] = {
    # README
    "make demo": Way(before=f"cd {shlex.quote(str(test_docs.ROOT))}", says=("session completed",)),
    # a charger is tested
    "plugfest evcc -i plc0 --soc 35 --target 60 --trace session.jsonl": car(
        says="battery 35", left={"session.jsonl": "CurrentDemandRes"}, quick=True
    ),
    "plugfest evcc -i plc0 --pilot serial:/dev/ttyACM0": car(
        before=f"{reader.DEVICES}coproc {BOARDS} serial /dev/ttyACM0\nread -r ready <&${{COPROC[0]}}\n"
    ),
    "plugfest evcc -i eth1 --no-slac": car("--no-slac", before=reader.ETH1),
    "plugfest doctor -i eth1": Way(
        "--no-slac", says=("interface +eth1 is up", "IPv6 +link-local", "ready"), before=reader.ETH1
    ),
    # a car is tested
    "plugfest secc -i plc0 --power 150 --connector ccs2 --trace session.jsonl": post(
        left={"session.jsonl": "CurrentDemandRes"}
    ),
    "plugfest secc -i plc0 --pilot mqtt://broker/lab": post(
        "--ready-after 100000",
        before=f"{reader.BROKER}coproc {BOARDS} mqtt $PWD/wire\nread -r ready <&${{COPROC[0]}}\n"
        "plugfest evcc -i plugfest-lab-vehicle/plc0 --pilot sim:$PWD/wire --duration 1 &\n",
        needs=MOSQUITTO,
    ),
    "plugfest secc -i eth1 --no-slac": post("--no-slac", before=reader.ETH1, quick=True),
    "plugfest secc -i eth1 --mqtt mqtt://broker/lab": post(
        before=f"{reader.ETH1}{reader.BROKER}"
        "mosquitto_sub -h broker -t lab/secc/outcome/charger -C 1 > outcome & listening=$!",
        after="wait $listening",
        left={"outcome": '"ok": *true'},
        needs=MOSQUITTO,
    ),
    "mosquitto_sub -h broker -t 'lab/secc/#' -v": post(
        until="lab/secc/outcome/charger",
        code=0,
        says=("lab/secc/message/CurrentDemandRes",),
        before=MQTT_CHARGER,
        needs=MOSQUITTO,
    ),
    """mosquitto_pub -h broker -q 1 -t lab/secc/command -m '{"id": "1", "do": "limit", "max-current": 60}'""": Way(
        "--peer-end charger",
        before=f"{MQTT_CHARGER}mosquitto_sub -h broker -t lab/secc/ack -C 1 > ack & listening=$!\n"
        f"mosquitto_sub -h broker -t lab/secc/message/{LOOP} -C 1 > charging\n",
        after="wait $listening",
        left={"ack": '"ok": *true'},
        needs=MOSQUITTO,
    ),
    # ISO 15118-20
    "plugfest secc -i eth1 --no-slac --protocol iso20 --bpt --dynamic --target-power -10": post(
        "--no-slac --protocol iso20 --bpt --tls", before=reader.ETH1
    ),
    "plugfest secc -i eth1 --no-slac --protocol iso20 --bpt --dynamic --target-power day.csv": post(
        "--no-slac --protocol iso20 --bpt --tls", before=reader.ETH1
    ),
    "plugfest evcc -i eth1 --no-slac --protocol iso20,iso2,din --bpt --minimum 30": car_20(
        "--no-slac --protocol iso20,iso2,din --bpt"
    ),
    # Plug & Charge
    "plugfest secc -i eth1 --pki test-pki --receipts 30": post("--pki test-pki --payment contract", before=reader.ETH1),
    "plugfest evcc -i eth1 --pki test-pki --payment contract": car("--pki test-pki", before=reader.ETH1),
    "plugfest evcc -i eth1 --pki test-pki --contract none": car(
        "--pki test-pki", says="contract installation of", before=reader.ETH1
    ),
    "plugfest secc -i eth1 --pki test-pki --protocol iso20": post(
        "--pki test-pki --protocol iso20 --payment contract", before=reader.ETH1
    ),
    "plugfest evcc -i eth1 --pki test-pki --protocol iso20 --payment contract": car_20(
        "--pki test-pki --protocol iso20"
    ),
    # TLS
    "plugfest secc -i eth1 --tls required --pki test-pki": post("--tls --pki test-pki", before=reader.ETH1),
    "plugfest evcc -i eth1 --tls required --pki test-pki": car("--tls --pki test-pki", before=reader.ETH1),
    "plugfest evcc -i eth1 --tls required --roots v2g-root.pem": car("--tls --pki test-pki", before=reader.ETH1),
    "plugfest secc -i eth1 --tls optional --cert chain.pem --key leaf.key --ocsp leaf.der": post(
        "--tls --pki test-pki", before=reader.ETH1
    ),
    "plugfest evcc -i eth1 --protocol iso20 --cert vehicle.pem --key vehicle.key --roots v2g.pem": car_20(
        "--pki test-pki --protocol iso20"
    ),
    "plugfest secc -i eth1 --tls required --pki test-pki --set charger.tls.deviate.staple=stale": post(
        "--tls --pki test-pki",
        before=reader.ETH1,
        until="vehicle: session not completed",
        says=("bad_certificate_status_response", "has been stale since"),
    ),
    # coming from elsewhere
    "plugfest secc -i eth1 --no-slac --pki my-pki": post("--no-slac --pki my-pki", before=reader.ETH1),
    "plugfest evcc -i eth1 --no-slac --pki my-pki --payment contract": car(
        "--no-slac --pki my-pki", before=reader.ETH1
    ),
    "grep 'EXI-encoded message' josev.log | plugfest exi decode --json": Way(
        before="echo 'INFO  EXI-encoded message: 80400040' > josev.log", says=("supportedAppProtocolRes",), quick=True
    ),
    # captures
    "tail -f payloads.hex | plugfest exi decode --protocol iso2 --json": Way(
        before="echo 809802275de64d834b5d1f1031000a00 > payloads.hex", until='"V2G_Message"', code=STOPPED
    ),
    # SLAC
    "plugfest slac modem -i plc0": Way("", says=("firmware +MAC-QCA7000",)),
    "plugfest slac doctor -i plc0 --role ev": Way("", says=("=> matched with", "ok +IPv6"), before=""),
    "plugfest slac ev -i plc0": Way("", says=("=> matched with",)),
    # the lab
    "sudo plugfest lab": Way(until=LOOP, says=(f"vehicle: {OVER}", f"charger: {OVER}")),
    "sudo plugfest lab --no-slac": Way(until=LOOP, says=(f"vehicle: {OVER}", f"charger: {OVER}")),
    "sudo plugfest lab --no-slac --peer './my-vehicle --interface plc0'": Way(says=("vehicle: session completed",)),
    "sudo plugfest lab --no-slac --peer './my-charger --interface plc0' --peer-end charger --ready-after 3": Way(
        until=LOOP, says=(OVER,)
    ),
    "sudo plugfest lab --peer bash": Way(
        typed="plugfest evcc -i $PLUGFEST_INTERFACE --duration 1\nexit 5\n",
        says=("vehicle: session completed",),
        code=5,
    ),
    "sudo plugfest lab --no-slac --peer"
    " 'plugfest conformance run --sut secc --protocol iso2,din --pics charger.yaml -i plc0'": Way(
        until="pass  ", says=("report: ", "run the same command again"), code=STOPPED
    ),
    "sudo plugfest lab --no-slac --sessions 1000 --peer-end charger --peer"
    " 'plugfest conformance run --sut evcc --protocol iso2,din --pics car.yaml -i plc0'": Way(
        until="pass  ", says=("report: ", "run the same command again"), code=130
    ),
    "ip netns add charger": Way(after="wait", says=("vehicle: session completed",)),
    "cp original.pib vehicle.pib": Way(before=MEASURED, left={"vehicle.pib": ""}),
    "setpib vehicle.pib F4 byte 1": Way(
        before=MEASURED,
        after="tail -c +245 vehicle.pib | head -c 1 | od -An -tx1 > byte",
        left={"byte": "01"},
        needs=("setpib",),
    ),
    "setpib vehicle.pib 1653 byte 1": Way(
        before=MEASURED,
        after="tail -c +5716 vehicle.pib | head -c 1 | od -An -tx1 > byte",
        left={"byte": "01"},
        needs=("setpib",),
    ),
    # the panel
    "sudo plugfest lab --web": Way(
        before=PAGE, until="the page is there", code=STOPPED, left={"page.html": "<title>plugfest"}
    ),
    "plugfest secc -i eth1 --no-slac --web": post(
        "--no-slac", before=reader.ETH1 + PAGE, left={"page.html": "<title>plugfest"}
    ),
    # certificates
    "plugfest pki serve test-pki": Way(
        before=opens("http://127.0.0.1:8561/"), until="the page is there", says=("certificates at http://",)
    ),
    "plugfest pki ocsp test-pki": Way(
        before=opens("http://127.0.0.1:8560/crl/iso2/cpo-sub2.crl"),
        until="the page is there",
        says=("OCSP on http://",),
    ),
    "plugfest pki show fixed secc --at 2026-06-30": Way(
        before="plugfest pki init fixed --seed bench --date 2026-03-01", says=("EXPIRED 31 days ago",)
    ),
    # campaigns
    "plugfest conformance run --sut secc --protocol din": Way(says=(r"\d+ runs: \d+ pass\b",)),
    "plugfest conformance pics my.yaml --sut secc": Way(
        before="rm my.yaml", typed="\n" * 200, left={"my.yaml": "PICS_CMN_CMN_ChargingMode: dC"}
    ),
    "plugfest conformance run --sut secc --protocol din,iso2 -i eth1 --pics my.yaml --out monday": Way(
        "--no-slac",
        before=reader.ETH1,
        until="pass  ",
        says=("report: monday/report.html", "run the same command again"),
        code=STOPPED,
    ),
    "plugfest conformance run --sut pair -k ITP-01-01-00 --out own-pair": Way(says=(r"\d+ runs: \d+ pass\b",)),
    "plugfest conformance run --sut pair --play evcc -i eth1 -k 'ITP-01 and not ITP-01-02'": Way(
        "--no-slac", until="ITP-01-01-001", code=STOPPED, typed="\n" * 40, terminal=True, before=reader.ETH1
    ),
    "plugfest conformance run --sut pair -i eth1 -k ITP-01-01-002 --write-answers answers.yaml": Way(
        "--no-slac", typed="\n" * 40, terminal=True, before=reader.ETH1, left={"answers.yaml": "prepared: "}, code=3
    ),
    "plugfest conformance run --sut pair -i eth1 --answers answers.yaml"
    " --action plug='relay on 1' --action unplug='relay off 1'": Way(
        "--no-slac", before=reader.ETH1, says=("done: authorise at the charger", "nothing was recorded"), code=3
    ),
}

NEVER = {
    "plugfest trace show vehicle.pcap": "the recording is not ours to ship, and shows what a real one looks like",
    "make test": "this is one of them",
    "pip install 'plugfest[web]'": "it changes the environment that the tests run in",
    "plctool -i plc0 -p original.pib 00:B0:52:00:00:01": "it needs a modem: the simulated ones have no parameter block",
    "plctool -i plc0 -P vehicle.pib 00:B0:52:00:00:01": "it needs a modem: the simulated ones have no parameter block",
    "docker build -t plugfest .": "it needs Docker and a network; test_container holds the Dockerfile to what it needs",
    "docker run --rm plugfest demo --fast": "it needs Docker",
    "docker run --rm --network host --cap-add NET_RAW --cap-add NET_ADMIN plugfest evcc -i eth1": "it needs Docker",
    "docker run --rm -p 8351:8351 plugfest demo --web 0.0.0.0": ("it needs Docker"),
}
"""Line -> why it is not executed."""
