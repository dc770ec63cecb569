"""The keys of the bench file about the vehicle: its battery, its onboard charger, and how it behaves."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from plugfest.config.actions import Percent, Positive, Seconds, Section
from plugfest.config.secure import TlsOptions

NotNegative = Annotated[float, Meta(ge=0.0)]
Whole = Annotated[int, Meta(ge=0)]
Hex = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}[:\s]?)*$")]
Curve = Annotated[list[tuple[Percent, Annotated[float, Meta(ge=0.0, le=1.0)]]], Meta(min_length=2)]
Identifier = Annotated[str, Meta(min_length=1, max_length=255)]


class Pack(Section, kw_only=True, frozen=True):
    """A battery of one's own instead of a named one."""

    capacity: Annotated[Positive, Meta(description="usable energy, kWh")]
    cells: Annotated[int, Meta(ge=1, description="cells in series; 4.2 V each when full")]
    resistance: Annotated[Positive, Meta(description="of the pack, ohm")] = 0.08
    max_current: Annotated[Positive, Meta(description="A")] = 300.0
    max_power: Annotated[Positive, Meta(description="kW")] = 150.0
    max_discharge_current: Annotated[
        NotNegative | None, Meta(description="discharge limit, A; 0: no discharging; by default max-current")
    ] = None
    max_discharge_power: Annotated[
        NotNegative | None, Meta(description="discharge limit, kW; 0: no discharging; by default max-power")
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
        NotNegative | None, Meta(description="with bpt: discharge limit per phase, A; by default max-current")
    ] = None
    min_discharge_current: Annotated[
        NotNegative | None, Meta(description="with bpt: lowest discharge current per phase, A; by default min-current")
    ] = None
    per_phase: Annotated[bool, Meta(description="ISO 15118-20: send limits for each phase")] = False


class Offer(Section, kw_only=True, frozen=True):
    """One entry of supportedAppProtocolReq."""

    namespace: Annotated[str, Meta(max_length=100, description="ProtocolNamespace")]
    major: Annotated[int, Meta(ge=0, description="VersionNumberMajor")] = 2
    minor: Annotated[int, Meta(ge=0, description="VersionNumberMinor")] = 0
    schema_id: Annotated[int, Meta(ge=0, le=255, description="SchemaID")] = 1
    priority: Annotated[int, Meta(ge=1, le=20, description="Priority, 1 is the first choice")] = 1


class Vehicle(Section, kw_only=True, frozen=True):
    """The car."""

    car: Annotated[
        str | None, Meta(description="a ready car (plugfest config cars); other keys override its values")
    ] = None
    battery: Annotated[str | Pack, Meta(description="a battery by name (28kWh, 400V, 800V, 1200V), or its data")] = (
        "400V"
    )
    soc: Annotated[Percent, Meta(description="state of charge at the start, %")] = 20.0
    target: Annotated[Percent, Meta(description="where charging ends, %")] = 80.0
    bulk: Annotated[
        Percent | None, Meta(description="end of the fast part, %; by default 80, or the target if that is less")
    ] = None
    minimum: Annotated[Percent, Meta(description="with bpt: no discharging below this state of charge, %")] = 10.0
    duration: Annotated[Seconds | None, Meta(description="stop after this many seconds of charging")] = None
    departure: Annotated[Whole | None, Meta(description="seconds until departure, told to the charger")] = None
    energy_request: Annotated[
        NotNegative | None, Meta(description="energy requested, kWh; by default what is missing to the target")
    ] = None
    loop_delay: Annotated[Seconds, Meta(description="pause between two messages of a loop, s")] = 0.1
    pauses: Annotated[
        dict[str, Seconds], Meta(description="seconds to wait before sending a request, by message name or default")
    ] = {}
    validation: Annotated[
        Literal["never", "doubtful", "always"],
        Meta(
            description="evcc with SLAC: prove the pairing by toggling the pilot; doubtful: only with chargers"
            " that seem far away"
        ),
    ] = "doubtful"
    again: Annotated[
        bool, Meta(description="evcc with SLAC: match again after a lost link, E or F instead of ending")
    ] = False
    sleep: Annotated[bool, Meta(description="evcc: stay plugged in after a pause, and resume when woken")] = False
    wake_after: Annotated[
        Seconds | None, Meta(description="seconds of a pause until the car wakes up by itself (B-C-B)")
    ] = None
    sleep_without_power: Annotated[
        Seconds | None, Meta(description="pause while the schedule gives 0 W for at least this many seconds")
    ] = None
    max_voltage: Annotated[Positive | None, Meta(description="limit instead of the battery's, V")] = None
    max_current: Annotated[Positive | None, Meta(description="limit instead of the battery's, A")] = None
    max_power: Annotated[Positive | None, Meta(description="limit instead of the battery's, kW")] = None
    max_discharge_current: Annotated[
        NotNegative | None, Meta(description="with bpt: maximum current out of the car instead of the battery's, A")
    ] = None
    max_discharge_power: Annotated[
        NotNegative | None, Meta(description="with bpt: maximum power out of the car instead of the battery's, kW")
    ] = None
    negative_discharge_limits: Annotated[
        bool, Meta(description="with bpt: send discharge limits as negative numbers")
    ] = False
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="of sells-at")] = "EUR"
    prefers_standby: Annotated[
        bool, Meta(description="ISO 15118-20: go to standby when the charger asks for a pause")
    ] = False
    renegotiation_retries: Annotated[
        Whole, Meta(description="ISO 15118-20: retries after a schedule renegotiation that was not answered")
    ] = 2
    authorization_retries: Annotated[
        Whole, Meta(description="ISO 15118-20: retries after a warning that refuses authorization")
    ] = 0
    follows_needs: Annotated[
        bool, Meta(description="adopt departure time and states of charge that were set at the charger")
    ] = True
    wanted_power: Annotated[
        float | None,
        Meta(
            description="if the car decides (scheduled): power it wants, kW; negative: it discharges, within schedules"
        ),
    ] = None
    sells_at: Annotated[
        float | None,
        Meta(
            description="with bpt, scheduled: lowest price per kWh at which the car gives energy back; sent to"
            " the charger"
        ),
    ] = None
    confirms_tolerance: Annotated[
        bool, Meta(description="ISO 15118-20, scheduled: confirm a PowerTolerance that is offered")
    ] = True
    onboard: Annotated[Onboard, Meta(description="AC charger")] = Onboard()
    basic: Annotated[
        bool, Meta(description="evcc with ac: no SLAC and no messages, charge at the nominal duty (IEC 61851-1)")
    ] = False
    evccid: Annotated[Hex | None, Meta(description="EVCCID, 6 bytes; by default the interface's MAC")] = None
    evccid20: Annotated[
        Identifier | None,
        Meta(description="EVCCID in ISO 15118-20; by default the name in the vehicle certificate, or made of evccid"),
    ] = None
    session_id: Annotated[Hex, Meta(description="session id of the first request: one zero byte, or eight")] = "00" * 8
    offer: Annotated[
        list[Offer], Meta(max_length=20, description="supportedAppProtocolReq instead of --protocol's")
    ] = []
    precharge_current: Annotated[NotNegative, Meta(description="target current in precharge, A")] = 1.0
    precharge_tolerance: Annotated[Positive, Meta(description="largest difference for closing contactors, V")] = 20.0
    trusts_report: Annotated[
        bool, Meta(description="judge precharge by the voltage that the charger reports, as some cars do")
    ] = False
    renegotiates: Annotated[bool, Meta(description="follow a charger's wish to renegotiate")] = True
    error_code: Annotated[str, Meta(description="EVErrorCode to report from the start")] = "NO_ERROR"
    faults: Annotated[list[Literal["welded"]], Meta(description="broken from the start")] = []
    services: Annotated[
        dict[str, int | None], Meta(description="services to select: ServiceID -> ParameterSetID, or null for none")
    ] = {}
    contract: Annotated[
        str | None,
        Meta(
            description="entry of the PKI to pay with, or none; by default contract-installed if there is one,"
            " else contract"
        ),
    ] = None
    install: Annotated[bool, Meta(description="install a contract even if there is one")] = False
    update_days: Annotated[NotNegative, Meta(description="update a contract that expires in fewer days than this")] = (
        14.0
    )
    max_contracts: Annotated[
        int, Meta(ge=1, le=255, description="contracts to install at once, MaximumContractCertificateChains")
    ] = 4
    prioritized: Annotated[
        list[str], Meta(max_length=8, description="eMAIDs of contracts to install first, PrioritizedEMAIDs")
    ] = []
    goes_on_after_failed_certificate: Annotated[
        bool, Meta(description="continue after a CertificateInstallation or CertificateUpdate that FAILED")
    ] = False
    tls: Annotated[TlsOptions, Meta(description="how the car speaks TLS")] = TlsOptions()

    @property
    def stays(self) -> bool:
        """Whether it stays plugged in after a pause."""
        return self.sleep or self.wake_after is not None or self.sleep_without_power is not None
