"""The bench file as typed classes: the one source of its keys, their types, ranges, defaults and descriptions.

Loading, the JSON Schema, and the documentation derive from it. A key that is also an option of the command line has
the option's name: ``--loop-delay`` is ``vehicle: {loop-delay: ...}``. Units: V, A, kW, s, %, as the descriptions say.
The keys of both sides are in :mod:`.vehicle` and :mod:`.charger`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from plugfest.config.actions import BOTH_WAYS, Action, Deviation, EnergyTransfer, File, Positive, Section
from plugfest.config.charger import Charger
from plugfest.config.contract import Payment
from plugfest.config.vehicle import Vehicle

Role = Literal["evcc", "secc", "both"]
Count = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Word = Annotated[str, Meta(pattern=r"^[^#+/]+$")]
TlsPolicy = Literal["none", "optional", "required"]
Control = Literal["any", "scheduled", "dynamic"]


class Mqtt(Section, kw_only=True, frozen=True):
    """The broker to which the bench reports and from which it takes commands (docs/mqtt.md)."""

    host: Annotated[str, Meta(min_length=1, description="broker")] = "localhost"
    port: Annotated[Port | None, Meta(description="by default 1883, with TLS 8883")] = None
    topic: Annotated[str, Meta(pattern=r"^[^#+]+$", description="prefix of all topics")] = "plugfest"
    id: Annotated[Word | None, Meta(description="id of this bench; by default its role")] = None
    version: Annotated[Literal["3.1.1", "5"], Meta(description="MQTT version")] = "3.1.1"
    username: str | None = None
    password: str | None = None
    password_file: Annotated[File | None, Meta(description="file with the password in its first line")] = None
    tls: Annotated[bool, Meta(description="TLS to the broker")] = False
    ca: Annotated[File | None, Meta(description="PEM file of trusted roots; by default the system's")] = None
    cert: Annotated[File | None, Meta(description="our certificate, PEM")] = None
    key: Annotated[File | None, Meta(description="its key, PEM")] = None
    interval: Annotated[Positive, Meta(description="seconds between two telemetry messages")] = 1.0
    messages: Annotated[bool, Meta(description="publish every V2G message")] = True
    commands: Annotated[bool, Meta(description="take commands")] = True
    home_assistant: Annotated[str | None, Meta(description="discovery prefix, usually homeassistant")] = None


class Bench(Section, kw_only=True, frozen=True):
    """A bench: who, where, over which connector, with which car and which charger."""

    about: Annotated[str, Meta(description="description of this bench")] = ""
    role: Annotated[Role, Meta(description="evcc (act as a car), secc (act as a charger), or both in memory")] = "both"
    interface: Annotated[str | None, Meta(description="network interface to the peer")] = None
    pilot: Annotated[
        str, Meta(description="control pilot: assumed, sim, serial:DEVICE, tcp:HOST:PORT or mqtt://HOST/BASE")
    ] = "assumed"
    slac: Annotated[bool, Meta(description="match over the power line (SLAC) before SDP")] = True
    modem: Annotated[bool, Meta(description="false: SLAC without a modem, as on a plain cable")] = True
    slac_timer: Annotated[dict[str, float], Meta(description="timers of SLAC to change, by name, s")] = {}
    connector: Annotated[str, Meta(description="ccs1, ccs2, nacs, mcs, type1 or type2")] = "ccs2"
    protocol: Annotated[list[str] | str, Meta(description="protocols to speak, preferred first: iso20, iso2, din")] = (
        "iso2,din"
    )
    any_transport: Annotated[
        bool,
        Meta(description="also speak ISO 15118-20 over TCP or TLS 1.2, as many test stacks do; each use is reported"),
    ] = False
    relaxed: Annotated[
        bool, Meta(description="ISO 15118-20: give the charge loop the timeouts of other messages, for slow peers")
    ] = False
    stamps: Annotated[
        Literal["s", "us"],
        Meta(description="ISO 15118-20: time stamps sent in seconds or microseconds; any unit is read"),
    ] = "s"
    ac: Annotated[bool, Meta(description="charge with AC instead of DC")] = False
    bpt: Annotated[
        bool,
        Meta(description="ISO 15118-20: both directions; the car insists on it, the charger can take power back"),
    ] = False
    dynamic: Annotated[
        bool,
        Meta(
            description="ISO 15118-20: the charger decides on power; the car insists on it, the charger offers it first"
        ),
    ] = False
    scheduled: Annotated[
        bool,
        Meta(
            description="ISO 15118-20: the car decides within schedules; without either key, the charger's"
            " preference applies"
        ),
    ] = False
    service: Annotated[
        EnergyTransfer | None,
        Meta(description="ISO 15118-20: energy transfer service, instead of the one that ac and bpt select"),
    ] = None
    strict: Annotated[bool, Meta(description="refuse what the standard forbids, tolerate nothing")] = False
    timer: Annotated[dict[str, float], Meta(description="timers of the standard to change, by name, s")] = {}
    seed: Annotated[int | None, Meta(description="seed of session ids, ports and noise, for repeatable runs")] = None
    sessions: Annotated[Count | None, Meta(description="secc: end after this many sessions")] = None
    fast: Annotated[bool, Meta(description="both: virtual time, as fast as possible")] = False

    vehicle: Vehicle = Vehicle()
    charger: Charger = Charger()

    payment: Annotated[
        Payment,
        Meta(description="by contract (needs pki and TLS), external, or auto: what both sides support"),
    ] = "auto"
    signed_info: Annotated[
        Literal["common", "xmldsig"],
        Meta(description="ISO 15118-20: grammar of SignedInfo when we sign: the CommonMessages set, or xmldsig alone"),
    ] = "common"
    key_transport: Annotated[
        str,
        Meta(
            description="ISO 15118-20: how the key of a contract to install is sealed: a profile, and what differs from"
            " it, as `wwcp, aad=whole` (docs/pnc.md)"
        ),
    ] = "strict-guess"
    tls: Annotated[TlsPolicy, Meta(description="TLS: never, if the peer offers it, or always")] = "none"
    pki: Annotated[File | None, Meta(description="a PKI (plugfest pki init): certificates, keys, roots, OCSP")] = None
    roots: Annotated[File | None, Meta(description="evcc: trusted V2G roots, PEM; secc: the root of cert")] = None
    vehicle_roots: Annotated[File | None, Meta(description="secc: roots of vehicle certificates (TLS 1.3), PEM")] = None
    cert: Annotated[
        File | None,
        Meta(description="secc: certificate chain, leaf first, PEM; evcc: the vehicle's, for TLS 1.3"),
    ] = None
    key: Annotated[File | None, Meta(description="private key of the leaf, PEM")] = None
    password: Annotated[str | None, Meta(description="password of the key")] = None
    ocsp: Annotated[list[File], Meta(description="secc: OCSP responses to staple, DER")] = []
    crl: Annotated[list[File], Meta(description="revocation lists for the peer's certificates, PEM or DER")] = []
    key_log: Annotated[File | None, Meta(description="file to append TLS session secrets to")] = None
    sdp_to: Annotated[str | None, Meta(description="evcc: send SDP requests to this address")] = None
    address: Annotated[str | None, Meta(description="evcc: the charger's address, to skip SDP")] = None
    port: Annotated[Port | None, Meta(description="TCP port without TLS")] = None
    tls_port: Annotated[Port | None, Meta(description="secc: TCP port with TLS")] = None

    trace: Annotated[File | None, Meta(description="write the session as JSON lines")] = None
    pcapng: Annotated[File | None, Meta(description="write the session as a capture for Wireshark")] = None
    report: Annotated[File | None, Meta(description="write a report on the session as HTML")] = None
    quiet: Annotated[bool, Meta(description="do not print the session")] = False
    all: Annotated[bool, Meta(description="print every message of the loops too")] = False
    json: Annotated[bool, Meta(description="print one JSON object per event")] = False
    plain: Annotated[bool, Meta(description="plain lines also on a terminal")] = False
    mqtt: Annotated[Mqtt | None, Meta(description="report to a broker and take commands")] = None

    web: Annotated[str | None, Meta(description="show a panel in the browser: ADDRESS:PORT")] = None

    timeline: Annotated[list[Action], Meta(description="actions and their times, in each session")] = []
    deviations: Annotated[list[Deviation], Meta(description="deliberate deviations in messages")] = []

    @property
    def control(self) -> Control:
        """Who decides on power in ISO 15118-20."""
        return "dynamic" if self.dynamic else "scheduled" if self.scheduled else "any"

    @property
    def transfer(self) -> EnergyTransfer:
        """The energy transfer service of ISO 15118-20 that this bench uses."""
        name = self.service or ("AC" if self.ac else "MCS" if self.connector.lower() == "mcs" else "DC")
        return BOTH_WAYS.get(name, name) if self.bpt else name

    @property
    def both_ways(self) -> bool:
        """Whether power may flow from the vehicle."""
        return self.transfer.endswith("_BPT")
