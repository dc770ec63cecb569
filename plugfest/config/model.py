"""The bench file as typed classes: the one source of its keys, their types, ranges, defaults and descriptions.

Loading, the JSON Schema, and the documentation derive from it. A key that is also an option of the command line has
the option's name: ``--loop-delay`` is ``vehicle: {loop-delay: ...}``. Units: V, A, kW, s, %, as the descriptions say.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from plugfest.config.actions import (
    BOTH_WAYS,
    Action,
    Deviation,
    EnergyTransfer,
    Percent,
    Positive,
    PowerCurve,
    Seconds,
    Section,
)
from plugfest.config.contract import Payment, Plan, Service, Slot
from plugfest.config.secure import TlsOptions

Role = Literal["evcc", "secc", "both"]
NotNegative = Annotated[float, Meta(ge=0.0)]
Whole = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Hex = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}[:\s]?)*$")]
File = Annotated[str, Meta(extra={"file": True})]
"""Relative to the bench file."""
Curve = Annotated[list[tuple[Percent, Annotated[float, Meta(ge=0.0, le=1.0)]]], Meta(min_length=2)]
Word = Annotated[str, Meta(pattern=r"^[^#+/]+$")]
Identifier = Annotated[str, Meta(min_length=1, max_length=255)]
TlsPolicy = Literal["none", "optional", "required"]
Control = Literal["any", "scheduled", "dynamic"]


class Pack(Section, kw_only=True, frozen=True):
    """A battery of one's own instead of a named one."""

    capacity: Annotated[Positive, Meta(description="usable energy, kWh")]
    cells: Annotated[int, Meta(ge=1, description="cells in series; 4.2 V each when full")]
    resistance: Annotated[Positive, Meta(description="of the pack, ohm")] = 0.08
    max_current: Annotated[Positive, Meta(description="A")] = 300.0
    max_power: Annotated[Positive, Meta(description="kW")] = 150.0
    max_discharge_current: Annotated[
        NotNegative | None, Meta(description="out of it, A; 0: it gives nothing; by default as in")
    ] = None
    max_discharge_power: Annotated[
        NotNegative | None, Meta(description="out of it, kW; 0: it gives nothing; by default as in")
    ] = None
    taper: Annotated[
        Curve | None,
        Meta(description="part of max-current over SoC: [[0, 0.5], [60, 1], [100, 0.05]]"),
    ] = None


class Onboard(Section, kw_only=True, frozen=True):
    """The car's AC charger."""

    phases: Annotated[Literal[1, 2, 3] | None, Meta(description="by default those of the connector")] = None
    max_current: Annotated[Positive, Meta(description="per phase, A")] = 16.0
    min_current: Annotated[Positive, Meta(description="per phase, A")] = 6.0
    efficiency: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.92
    max_discharge_current: Annotated[
        NotNegative | None, Meta(description="with bpt: out of the car per phase, A; by default as in")
    ] = None
    min_discharge_current: Annotated[
        NotNegative | None, Meta(description="with bpt: least current out of the car per phase, A; by default as in")
    ] = None
    per_phase: Annotated[bool, Meta(description="ISO 15118-20: limits are told for each phase")] = False


class Offer(Section, kw_only=True, frozen=True):
    """One entry of supportedAppProtocolReq."""

    namespace: Annotated[str, Meta(max_length=100, description="ProtocolNamespace")]
    major: Annotated[int, Meta(ge=0, description="VersionNumberMajor")] = 2
    minor: Annotated[int, Meta(ge=0, description="VersionNumberMinor")] = 0
    schema_id: Annotated[int, Meta(ge=0, le=255, description="SchemaID")] = 1
    priority: Annotated[int, Meta(ge=1, le=20, description="Priority, 1 is the first choice")] = 1


class Vehicle(Section, kw_only=True, frozen=True):
    """The car."""

    car: Annotated[str | None, Meta(description="a ready car (plugfest config cars); other keys go on top")] = None
    battery: Annotated[str | Pack, Meta(description="a pack by name (28kWh, 400V, 800V, 1200V), or its data")] = "400V"
    soc: Annotated[Percent, Meta(description="state of charge at the start, %")] = 20.0
    target: Annotated[Percent, Meta(description="where charging ends, %")] = 80.0
    bulk: Annotated[Percent, Meta(description="end of the fast part, %")] = 80.0
    minimum: Annotated[Percent, Meta(description="with bpt: it gives nothing from this state of charge down, %")] = 10.0
    duration: Annotated[Seconds | None, Meta(description="stop after so many seconds of charging")] = None
    departure: Annotated[Whole | None, Meta(description="seconds until departure, told to the charger")] = None
    energy_request: Annotated[NotNegative | None, Meta(description="kWh asked for; by default what is missing")] = None
    loop_delay: Annotated[Seconds, Meta(description="pause between two messages of a loop, s")] = 0.1
    pauses: Annotated[
        dict[str, Seconds], Meta(description="seconds before it sends a request, by message name or default")
    ] = {}
    validation: Annotated[
        Literal["never", "doubtful", "always"],
        Meta(
            description="evcc with SLAC: prove the pairing by toggling the pilot; doubtful: with chargers that are far"
        ),
    ] = "doubtful"
    again: Annotated[
        bool, Meta(description="evcc with SLAC: after a lost link, E or F match anew instead of ending")
    ] = False
    sleep: Annotated[bool, Meta(description="evcc: stay plugged in after a pause, and go on when it is woken")] = False
    wake_after: Annotated[
        Seconds | None, Meta(description="seconds of a pause until the car wakes up by itself (B-C-B)")
    ] = None
    sleep_without_power: Annotated[
        Seconds | None, Meta(description="pause while the schedule gives 0 W for at least so long, s")
    ] = None
    max_voltage: Annotated[Positive | None, Meta(description="limit instead of the battery's, V")] = None
    max_current: Annotated[Positive | None, Meta(description="limit instead of the battery's, A")] = None
    max_power: Annotated[Positive | None, Meta(description="limit instead of the battery's, kW")] = None
    max_discharge_current: Annotated[
        NotNegative | None, Meta(description="with bpt: most current out of the car instead of the battery's, A")
    ] = None
    max_discharge_power: Annotated[
        NotNegative | None, Meta(description="with bpt: most power out of the car instead of the battery's, kW")
    ] = None
    negative_discharge_limits: Annotated[
        bool, Meta(description="with bpt: send limits of discharging as negative numbers")
    ] = False
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="of sells-at")] = "EUR"
    prefers_standby: Annotated[
        bool, Meta(description="ISO 15118-20: go to standby where the charger asks for a pause")
    ] = False
    renegotiation_retries: Annotated[
        Whole, Meta(description="ISO 15118-20: tries after a schedule renegotiation that was not answered")
    ] = 2
    authorization_retries: Annotated[
        Whole, Meta(description="ISO 15118-20: tries after a warning that refuses authorization")
    ] = 0
    follows_needs: Annotated[
        bool, Meta(description="take over departure and states of charge that somebody told the charger")
    ] = True
    wanted_power: Annotated[
        float | None,
        Meta(description="where the car decides (scheduled): power it wants, kW; negative: it gives, within schedules"),
    ] = None
    sells_at: Annotated[
        float | None,
        Meta(description="with bpt, scheduled: price per kWh from which on the car gives energy back; offered as such"),
    ] = None
    confirms_tolerance: Annotated[
        bool, Meta(description="ISO 15118-20, scheduled: confirm a PowerTolerance that is offered")
    ] = True
    onboard: Annotated[Onboard, Meta(description="AC charger")] = Onboard()
    basic: Annotated[
        bool, Meta(description="evcc with ac: no SLAC and no messages, charge at the nominal duty (IEC 61851-1)")
    ] = False
    evccid: Annotated[Hex | None, Meta(description="EVCCID, 6 bytes; by default the interface's MAC")] = None
    evccid20: Annotated[Identifier | None, Meta(description="EVCCID in ISO 15118-20; by default made of evccid")] = None
    session_id: Annotated[Hex, Meta(description="session id of the first request: one zero byte, or eight")] = "00" * 8
    offer: Annotated[
        list[Offer], Meta(max_length=20, description="supportedAppProtocolReq instead of --protocol's")
    ] = []
    precharge_current: Annotated[NotNegative, Meta(description="target current in precharge, A")] = 1.0
    precharge_tolerance: Annotated[Positive, Meta(description="largest difference for closing contactors, V")] = 20.0
    trusts_report: Annotated[bool, Meta(description="judge precharge by the charger's report, as some cars do")] = False
    renegotiates: Annotated[bool, Meta(description="follow a charger's wish to renegotiate")] = True
    error_code: Annotated[str, Meta(description="EVErrorCode to report from the start")] = "NO_ERROR"
    faults: Annotated[list[Literal["welded"]], Meta(description="broken from the start")] = []
    services: Annotated[
        dict[str, int | None], Meta(description="services to select: ServiceID -> ParameterSetID, or null for none")
    ] = {}
    contract: Annotated[
        str | None,
        Meta(description="entry of the PKI to pay with, or none; by default contract-installed, else contract"),
    ] = None
    install: Annotated[bool, Meta(description="install a contract although there is one")] = False
    update_days: Annotated[NotNegative, Meta(description="update a contract that ends in fewer days")] = 14.0
    max_contracts: Annotated[
        int, Meta(ge=1, le=255, description="contracts to install at once, MaximumContractCertificateChains")
    ] = 4
    prioritized: Annotated[
        list[str], Meta(max_length=8, description="eMAIDs of contracts to install first, PrioritizedEMAIDs")
    ] = []
    goes_on_after_failed_certificate: Annotated[
        bool, Meta(description="go on after a CertificateInstallation or CertificateUpdate that FAILED")
    ] = False
    tls: Annotated[TlsOptions, Meta(description="how the car speaks TLS")] = TlsOptions()

    @property
    def stays(self) -> bool:
        """Whether it stays plugged in after a pause."""
        return self.sleep or self.wake_after is not None or self.sleep_without_power is not None


class Needs(Section, kw_only=True, frozen=True):
    """What somebody says at the charger about the next trip; what is not said is left to the car."""

    departure: Annotated[Whole | None, Meta(description="seconds from the start of the bench")] = None
    minimum: Annotated[Percent | None, Meta(description="state of charge that shall be there, %")] = None
    target: Annotated[Percent | None, Meta(description="state of charge at departure, %")] = None


class Supply(Section, kw_only=True, frozen=True):
    """The AC side of a charger."""

    nominal_voltage: Annotated[Positive, Meta(description="line to neutral, V")] = 230.0
    phases: Annotated[Literal[1, 3] | None, Meta(description="by default those of the connector")] = None
    max_current: Annotated[Positive | None, Meta(description="per phase, A; by default 32 or the connector's")] = None
    close_seconds: Annotated[Seconds, Meta(description="what the contactor takes to close")] = 0.2
    frequency: Annotated[Positive, Meta(description="ISO 15118-20: EVSENominalFrequency, Hz")] = 50.0
    max_asymmetry: Annotated[
        NotNegative | None, Meta(description="ISO 15118-20: MaximumPowerAsymmetry between phases, kW")
    ] = None
    ramp: Annotated[
        Positive | None,
        Meta(description="ISO 15118-20: EVSEPowerRampLimitation, % of the power a minute"),
    ] = None
    reactive_power: Annotated[
        float | None, Meta(description="ISO 15118-20: EVSETargetReactivePower over all phases, kVAr")
    ] = None


class Charger(Section, kw_only=True, frozen=True):
    """The charging station."""

    station: Annotated[str | None, Meta(description="a ready station (plugfest config cars)")] = None
    power: Annotated[
        float, Meta(description="power class of the output, kW; with max-voltage and max-current any power")
    ] = 150.0
    max_voltage: Annotated[Positive | None, Meta(description="instead of the power class's, V")] = None
    max_current: Annotated[Positive | None, Meta(description="instead of the power class's, A")] = None
    min_voltage: Annotated[NotNegative | None, Meta(description="instead of the power class's, V")] = None
    min_current: Annotated[NotNegative, Meta(description="least current, A")] = 0.0
    max_discharge_current: Annotated[
        Positive | None,
        Meta(description="most current out of the car, A (AC: per phase); both directions are offered; with bpt as in"),
    ] = None
    max_discharge_power: Annotated[
        Positive | None,
        Meta(description="most power out of the car, kW; both directions are offered; with bpt as in"),
    ] = None
    separated: Annotated[bool, Meta(description="with bpt: each direction has a path of its own (BPTChannel 2)")] = (
        False
    )
    negative_discharge_limits: Annotated[
        bool, Meta(description="with bpt: send limits of discharging as negative numbers, as some chargers do")
    ] = False
    ripple: Annotated[NotNegative, Meta(description="EVSEPeakCurrentRipple, A")] = 1.0
    tolerance: Annotated[NotNegative, Meta(description="EVSECurrentRegulationTolerance, A")] = 1.0
    volts_per_second: Annotated[Positive, Meta(description="ramp of the voltage")] = 300.0
    amps_per_second: Annotated[Positive, Meta(description="ramp of the current")] = 100.0
    test_seconds: Annotated[Seconds, Meta(description="duration of the insulation test")] = 5.0
    insulation: Annotated[Positive, Meta(description="resistance of the output to earth, kilohm")] = 2000.0
    insulation_monitor: Annotated[bool, Meta(description="false: the charger has none (No_IMD)")] = True
    ac_supply: Annotated[Supply, Meta(description="AC side")] = Supply()
    evse_id: Annotated[str, Meta(min_length=7, max_length=37, description="EVSEID")] = "DE*PLF*E00001"
    generator: Annotated[Literal["following", "forming"], Meta(description="with bpt: GeneratorMode, of the grid")] = (
        "following"
    )
    islanding: Annotated[
        Literal["active", "passive"], Meta(description="with bpt and ac: GridCodeIslandingDetectionMethod")
    ] = "active"
    standby: Annotated[bool, Meta(description="ISO 15118-20: a car may go to standby")] = True
    other_services: Annotated[
        bool, Meta(description="ISO 15118-20: a car may change the service within the session")
    ] = True
    renegotiation_tries: Annotated[
        Whole,
        Meta(description="ISO 15118-20: failed schedule renegotiations before the charger ends the session; 0: never"),
    ] = 2
    planning: Annotated[Seconds, Meta(description="what it takes to work out a schedule, s")] = 0.0
    needs: Annotated[
        Needs | None,
        Meta(
            description="ISO 15118-20, dynamic: mobility needs that somebody tells the charger; with {} it asks for"
            " them, and do: needs sets them later. By default the car alone names them"
        ),
    ] = None
    target_power: Annotated[
        float | File | PowerCurve | None,
        Meta(
            description="ISO 15118-20, dynamic mode: what the charger wants, kW; negative: the vehicle gives. Also a"
            " curve: [[0, 22], [60, -10]] (seconds since power first flows, kW from then on), or the name of a CSV file"
            " with such lines. By default as much as the vehicle takes"
        ),
    ] = None
    authorize_after: Annotated[Seconds, Meta(description="authorization takes so long, s")] = 0.0
    authorization: Annotated[
        Literal["accept", "reject", "never", "customer", "reader"],
        Meta(
            description="who may charge: everybody, nobody, undecided for ever, or who shows a card (do: authorize);"
            " with reader at the charger itself, before or after plugging in: in AC the duty becomes nominal then"
        ),
    ] = "accept"
    initial_duty: Annotated[
        Literal[5, 100], Meta(description="duty at plug-in, percent; 100 (nothing offered) with ac and SLAC only")
    ] = 5
    lost_link: Annotated[
        Literal["A", "B"],
        Meta(description="after a lost power line link: A begins anew through 100 % and F, B leaves the pilot alone"),
    ] = "A"
    newcomers: Annotated[
        Literal["silence", "same-vehicle", "nothing"],
        Meta(
            description="what ends a session under way for a new connection: silence on the old one, the same vehicle"
            " at once, or nothing (docs/deviations.md)"
        ),
    ] = "silence"
    wake_car_after: Annotated[
        Seconds | None, Meta(description="seconds after which the charger wakes a paused car up; by default never")
    ] = None
    schedule: Annotated[list[Slot], Meta(description="power limits over time, first start 0")] = []
    plans: Annotated[
        list[Plan], Meta(max_length=3, description="schedules with prices to choose from, instead of schedule")
    ] = []
    insists_on_tolerance: Annotated[
        bool, Meta(description="ISO 15118-20: refuse a car that does not confirm the PowerTolerance of a plan")
    ] = False
    pauses_idle: Annotated[
        Seconds, Meta(description="ISO 15118-20: invite to pause where no plan gives power for so long (GoToPause), s")
    ] = 600.0
    free: Annotated[bool, Meta(description="FreeService")] = True
    services: Annotated[
        list[Literal["internet", "use-case", "parking"] | Service],
        Meta(max_length=7, description="services besides charging"),
    ] = []
    receipts: Annotated[
        Seconds | None, Meta(description="seconds of charging between two MeteringReceipts; by default none")
    ] = None
    receipts_insist: Annotated[bool, Meta(description="refuse a receipt that does not hold")] = True
    provisioning: Annotated[bool, Meta(description="install and update contracts with the PKI")] = True
    provisioning_url: Annotated[
        str | None,
        Meta(description="service that installs and updates contracts instead: http(s)://..., JSON as in OCPP 2.0.1"),
    ] = None
    goes_on_after_failed_certificate: Annotated[
        bool, Meta(description="keep the session after a CertificateInstallation or CertificateUpdate that FAILED")
    ] = False
    emaid: Annotated[str | None, Meta(description="of contracts to install; by default the PKI's contract")] = None
    emaids: Annotated[
        list[str], Meta(description="ISO 15118-20: of contracts to install, several in a row, instead of emaid")
    ] = []
    provisioning_delay: Annotated[
        Seconds, Meta(description="ISO 15118-20: seconds that each contract to install takes; Ongoing meanwhile")
    ] = 0.0
    providers: Annotated[
        list[str],
        Meta(max_length=128, description="SupportedProviders, as DE8AA; others are WARNING_eMSPUnknown; empty: any"),
    ] = []
    verdicts: Annotated[
        dict[str, str],
        Meta(
            description="contracts that are not accepted: eMAID -> ResponseCode, as FAILED_ContractCanceled, or in ISO "
            "15118-20 a WARNING"
        ),
    ] = {}
    bad_signature: Annotated[
        Literal["FAILED_SignatureError", "WARNING_GeneralPnCAuthorizationError"],
        Meta(description="ISO 15118-20: ResponseCode for an AuthorizationReq whose signature does not hold"),
    ] = "FAILED_SignatureError"
    meter_id: Annotated[str, Meta(max_length=32, description="MeterID")] = "PLUGFEST-1"
    meter_start: Annotated[NotNegative, Meta(description="what the register shows at first, kWh")] = 0.0
    delays: Annotated[
        dict[str, Seconds], Meta(description="seconds to answer a request, by message name or default")
    ] = {}
    faults: Annotated[
        list[
            Literal[
                "emergency", "malfunction", "shutdown", "utility-interrupt", "insulation", "insulation-warning",
                "output", "rcd", "contactor", "meter",
            ]
        ],
        Meta(description="broken from the start"),
    ] = []  # fmt: skip
    tls: Annotated[TlsOptions, Meta(description="how the station speaks TLS")] = TlsOptions()


class Mqtt(Section, kw_only=True, frozen=True):
    """The broker to which the bench reports and from which it takes commands (docs/mqtt.md)."""

    host: Annotated[str, Meta(min_length=1, description="broker")] = "localhost"
    port: Annotated[Port | None, Meta(description="by default 1883, with TLS 8883")] = None
    topic: Annotated[str, Meta(pattern=r"^[^#+]+$", description="what all topics begin with")] = "plugfest"
    id: Annotated[Word | None, Meta(description="this bench; by default its role")] = None
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

    about: Annotated[str, Meta(description="what this bench is, in words")] = ""
    role: Annotated[Role, Meta(description="evcc (be a car), secc (be a charger), or both in memory")] = "both"
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
        bool, Meta(description="speak ISO 15118-20 over TCP or TLS 1.2 too, as many test stacks do; each use is told")
    ] = False
    relaxed: Annotated[
        bool, Meta(description="ISO 15118-20: the charge loop has the times of other messages, for slow peers")
    ] = False
    stamps: Annotated[
        Literal["s", "us"], Meta(description="ISO 15118-20: time stamps sent in seconds or microseconds; any is read")
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
        bool, Meta(description="ISO 15118-20: the car decides within schedules; without either, as the charger prefers")
    ] = False
    service: Annotated[
        EnergyTransfer | None,
        Meta(description="ISO 15118-20: energy transfer service, instead of the one that ac and bpt stand for"),
    ] = None
    strict: Annotated[bool, Meta(description="refuse what the standard forbids, tolerate nothing")] = False
    timer: Annotated[dict[str, float], Meta(description="timers of the standard to change, by name, s")] = {}
    seed: Annotated[int | None, Meta(description="of session ids, ports and noise, for repeatable runs")] = None
    sessions: Annotated[Count | None, Meta(description="secc: end after so many sessions")] = None
    fast: Annotated[bool, Meta(description="both: virtual time, as fast as it computes")] = False

    vehicle: Vehicle = Vehicle()
    charger: Charger = Charger()

    payment: Annotated[
        Payment,
        Meta(description="by contract (needs pki and TLS), external, or auto: what both sides can"),
    ] = "auto"
    signed_info: Annotated[
        Literal["common", "xmldsig"],
        Meta(description="ISO 15118-20: grammar of SignedInfo where we sign: the CommonMessages set, or xmldsig alone"),
    ] = "common"
    key_transport: Annotated[
        Literal["strict-guess", "wwcp", "bench"],
        Meta(description="ISO 15118-20: how the key of a contract to install is sealed (docs/pnc.md)"),
    ] = "strict-guess"
    tls: Annotated[TlsPolicy, Meta(description="TLS: not, if the peer has it, or only with it")] = "none"
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
    crl: Annotated[list[File], Meta(description="revocation lists for the peer's TLS certificates, PEM or DER")] = []
    key_log: Annotated[File | None, Meta(description="file to which TLS session secrets are appended")] = None
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

    timeline: Annotated[list[Action], Meta(description="what happens when, in each session")] = []
    deviations: Annotated[list[Deviation], Meta(description="how messages differ from what is right")] = []

    @property
    def control(self) -> Control:
        """Who decides on power in ISO 15118-20."""
        return "dynamic" if self.dynamic else "scheduled" if self.scheduled else "any"

    @property
    def transfer(self) -> EnergyTransfer:
        """The energy transfer service of ISO 15118-20 that this bench is about."""
        name = self.service or ("AC" if self.ac else "MCS" if self.connector.lower() == "mcs" else "DC")
        return BOTH_WAYS.get(name, name) if self.bpt else name

    @property
    def both_ways(self) -> bool:
        """Whether power may flow out of the vehicle."""
        return self.transfer.endswith("_BPT")
