"""The keys of the bench file about the charger: its outlet, what it offers and asks for, and how it behaves."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from plugfest.config.actions import File, Percent, Positive, PowerCurve, Seconds, Section
from plugfest.config.contract import Plan, Service, Slot
from plugfest.config.secure import TlsOptions

NotNegative = Annotated[float, Meta(ge=0.0)]
Whole = Annotated[int, Meta(ge=0)]


class Needs(Section, kw_only=True, frozen=True):
    """What somebody says at the charger about the next trip; what is not said is left to the car."""

    departure: Annotated[Whole | None, Meta(description="seconds from the start of the bench")] = None
    minimum: Annotated[Percent | None, Meta(description="lowest acceptable state of charge, %")] = None
    target: Annotated[Percent | None, Meta(description="state of charge at departure, %")] = None


class Supply(Section, kw_only=True, frozen=True):
    """The AC side of a charger."""

    nominal_voltage: Annotated[Positive, Meta(description="line to neutral, V")] = 230.0
    phases: Annotated[Literal[1, 3] | None, Meta(description="by default those of the connector")] = None
    max_current: Annotated[Positive | None, Meta(description="per phase, A; by default 32 or the connector's")] = None
    close_seconds: Annotated[Seconds, Meta(description="seconds that the contactor takes to close")] = 0.2
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
    min_current: Annotated[NotNegative, Meta(description="minimum current, A")] = 0.0
    max_discharge_current: Annotated[
        Positive | None,
        Meta(
            description="maximum current out of the car, A (AC: per phase); both directions are offered; with bpt as in"
        ),
    ] = None
    max_discharge_power: Annotated[
        Positive | None,
        Meta(description="maximum power out of the car, kW; both directions are offered; with bpt as in"),
    ] = None
    separated: Annotated[bool, Meta(description="with bpt: each direction has its own channel (BPTChannel 2)")] = False
    negative_discharge_limits: Annotated[
        bool, Meta(description="with bpt: send discharge limits as negative numbers, as some chargers do")
    ] = False
    ripple: Annotated[NotNegative, Meta(description="EVSEPeakCurrentRipple, A")] = 1.0
    tolerance: Annotated[NotNegative, Meta(description="EVSECurrentRegulationTolerance, A")] = 1.0
    volts_per_second: Annotated[Positive, Meta(description="ramp of the voltage")] = 300.0
    amps_per_second: Annotated[Positive, Meta(description="ramp of the current")] = 100.0
    power_ramp: Annotated[
        Positive | None,
        Meta(description="ISO 15118-20, DC: EVSEPowerRampLimitation, % of the power a minute; AC: ac-supply: ramp"),
    ] = None
    test_seconds: Annotated[Seconds, Meta(description="duration of the insulation test")] = 5.0
    insulation: Annotated[Positive, Meta(description="resistance of the output to earth, kilohm")] = 2000.0
    insulation_monitor: Annotated[bool, Meta(description="false: the charger has no insulation monitor (No_IMD)")] = (
        True
    )
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
    planning: Annotated[Seconds, Meta(description="time to calculate a schedule, s")] = 0.0
    needs: Annotated[
        Needs | None,
        Meta(
            description="ISO 15118-20, dynamic: mobility needs entered at the charger; with {} it asks for them, and"
            " do: needs sets them later. By default only the car sets them"
        ),
    ] = None
    target_power: Annotated[
        float | File | PowerCurve | None,
        Meta(
            description="ISO 15118-20, dynamic mode: what the charger wants, kW; negative: the vehicle discharges. Also"
            " a curve: [[0, 22], [60, -10]] (seconds since power first flows, kW from then on), or the name of a CSV"
            " file with such lines. By default as much as the vehicle accepts"
        ),
    ] = None
    authorize_after: Annotated[Seconds, Meta(description="time that authorization takes, s")] = 0.0
    authorization: Annotated[
        Literal["accept", "reject", "never", "customer", "reader"],
        Meta(
            description="who may charge: everybody, nobody, undecided forever, or who shows a card (do: authorize);"
            " with reader at the charger itself, before or after plugging in: in AC the duty becomes nominal then"
        ),
    ] = "accept"
    initial_duty: Annotated[
        Literal[5, 100], Meta(description="duty at plug-in, percent; 100 (nothing offered) only with ac and SLAC")
    ] = 5
    lost_link: Annotated[
        Literal["A", "B"],
        Meta(description="after a lost power line link: A starts over through 100 % and F, B leaves the pilot alone"),
    ] = "A"
    newcomers: Annotated[
        Literal["silence", "same-vehicle", "nothing"],
        Meta(
            description="what ends a running session for a new connection: silence on the old one, the same vehicle"
            " at once, or nothing (docs/deviations.md)"
        ),
    ] = "silence"
    wake_car_after: Annotated[
        Seconds | None, Meta(description="seconds after which the charger wakes a paused car; by default never")
    ] = None
    schedule: Annotated[list[Slot], Meta(description="power limits over time, first start 0")] = []
    plans: Annotated[
        list[Plan], Meta(max_length=3, description="schedules with prices to choose from, instead of schedule")
    ] = []
    insists_on_tolerance: Annotated[
        bool, Meta(description="ISO 15118-20: refuse a car that does not confirm the PowerTolerance of a plan")
    ] = False
    pauses_idle: Annotated[
        Seconds, Meta(description="ISO 15118-20: suggest a pause (GoToPause) when no plan gives power for this long, s")
    ] = 600.0
    free: Annotated[bool, Meta(description="FreeService")] = True
    services: Annotated[
        list[Literal["internet", "use-case", "parking"] | Service],
        Meta(max_length=7, description="services besides charging"),
    ] = []
    receipts: Annotated[
        Seconds | None, Meta(description="seconds of charging between two MeteringReceipts; by default none")
    ] = None
    receipts_insist: Annotated[bool, Meta(description="refuse a receipt whose signature or content is wrong")] = True
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
        list[str], Meta(description="ISO 15118-20: of several contracts to install one after another, instead of emaid")
    ] = []
    provisioning_delay: Annotated[
        Seconds, Meta(description="ISO 15118-20: seconds that each contract to install takes; Ongoing meanwhile")
    ] = 0.0
    providers: Annotated[
        list[str],
        Meta(
            max_length=128, description="SupportedProviders, such as DE8AA; others are WARNING_eMSPUnknown; empty: any"
        ),
    ] = []
    verdicts: Annotated[
        dict[str, str],
        Meta(
            description="contracts that are not accepted: eMAID -> ResponseCode, such as FAILED_ContractCanceled, or"
            " in ISO 15118-20 a WARNING"
        ),
    ] = {}
    bad_signature: Annotated[
        Literal["FAILED_SignatureError", "WARNING_GeneralPnCAuthorizationError"],
        Meta(description="ISO 15118-20: ResponseCode for an AuthorizationReq whose signature is invalid"),
    ] = "FAILED_SignatureError"
    meter_id: Annotated[str, Meta(max_length=32, description="MeterID")] = "PLUGFEST-1"
    meter_start: Annotated[NotNegative, Meta(description="meter reading at the start, kWh")] = 0.0
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
