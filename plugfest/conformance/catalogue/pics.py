"""What is declared about a bench and the system under test: PICS, PIXIT, parameters; and which cases this selects.

A PICS file is YAML: names of ``timers_parameters.yaml`` with values, the rest has :data:`DEFAULTS`. ``unknown`` means
not declared: either behaviour passes. A case applies when all its conditions hold and its mode fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from boundary import yaml_read
from boundary.choices import unknown
from boundary.errors import InputError
from boundary.write import write
from plugfest.conformance.catalogue import Case, Run, parameters, timer
from plugfest.conformance.catalogue.durations import DELAY

DEFAULTS: Mapping[str, Any] = {
    "PICS_CMN_CMN_ChargingMode": "dC",
    "PICS_CMN_CMN_IdentificationMode": "eIM",
    "PICS_CMN_CMN_PlugType": "type2",
    "PICS_CMN_AC_CableCapability": "capability32A",
    "PICS_CMN_CMN_EnergyTransferModeAC": "aC_three_phase_core",
    "PICS_CMN_CMN_EnergyTransferModeDC": "dC_extended",
    "PICS_CMN_CMN_CombinedTesting": True,
    "PICS_CMN_CMN_WakeUp": 300,
    "PICS_CMN_CMN_PkiName": "PKI_1",
    "PICS_CMN_CMN_V2gtpSdp": True,
    "PICS_CMN_CMN_V2gtpV2g": True,
    "PICS_CMN_CMN_Renegotiation": True,
    "PICS_CMN_CMN_RenegotiationLoopIndication": 50,
    "PICS_CMN_CMN_LoopCounter": 100,
    "PICS_CMN_CMN_InitiateCmAmpMap": False,
    "PICS_CMN_CMN_InvalidV2gtpDataFields": True,
    "PICS_CMN_CMN_SDPTimeoutsAndInvalidData": True,
    "PICS_CMN_CMN_FailedResponseCodes": True,
    "PICS_CMN_CMN_V2gTimeouts": True,
    "PICS_EVCC_CMN_InvalidStatesAndDutyCycles": True,
    "PICS_EVCC_CMN_InvalidV2GMessages": True,
    "PICS_SECC_CMN_Pause": True,
    "PICS_SECC_CMN_EIMDone": "v2gAuthorization",
    "PICS_SECC_CMN_EvStateInChargeProgress": "C",
    "PICS_SECC_DC_WeldingDetection": True,
    "PICS_SECC_CMN_DepartureTime": False,
    "PICS_SECC_CMN_MaxEntriesSAScheduleTuple": False,
    "PICS_CertificateHandling": "certInstall",
    "PICS_EVCC_CMN_PmaxSchedulewithZeroPow": "none",
    "PICS_EVCC_CMN_ReceiptRequired": False,
    "PICS_CMN_EVCC_SalesTariff": False,
    "PICS_CMN_ISO20_ControlMode": "scheduled",
    "PICS_CMN_ISO20_BPT": False,
    "PICS_CMN_ISO20_MCS": False,
    "PICS_CMN_ISO20_MobilityNeedsMode": "byVehicle",
    "PIXIT_CMN_ISO20_SignedInfo": "common",
    "PIXIT_CMN_CMN_WakeUp": 100000,
    "PIXIT_CMN_CMN_Renegotiation": "unknown",
    "PIXIT_CMN_CMN_MeterReading": "unknown",
    "PIXIT_CMN_CMN_PkiName": "PKI_1",
    "PIXIT_CMN_CMN_CmAmpMap": False,
    "PIXIT_SECC_CMN_VAS": "none",
    "PIXIT_SECC_CMN_TLS": False,
    "PIXIT_SECC_CMN_ReceiptRequired": False,
    "PIXIT_SECC_CMN_CertificateHandling": "none",
    "PIXIT_SECC_CMN_SalesTariff": "unknown",
    "PIXIT_SECC_CMN_VersionNumberMinor": 0,
    "PIXIT_SECC_CMN_InternetAccess": "unknown",
    "PIXIT_SECC_DC_CableCheckOngoing": "unknown",
    "PIXIT_SECC_DC_MaximumVoltage": 1000.0,
    "PIXIT_SECC_DC_MaximumCurrent": 500.0,
    "PIXIT_SECC_DC_MaximumPower": 500_000.0,
    "PIXIT_SECC_AC_MaximumCurrent": 80.0,
    "PIXIT_SECC_CMN_AuthorizationOngoing": "unknown",
    "PIXIT_SECC_CMN_ChargeParameterDiscoveryOngoing": "unknown",
    "PIXIT_SECC_CMN_MeterInfo": "unknown",
    "PIXIT_SECC_CMN_PaymentOption": "externalPayment",
    "PIXIT_SECC_CMN_CmValidate": "none",
    "PIXIT_SECC_CMN_ArchitectureValidationNotRequired": False,
    "PIXIT_SECC_AC_InitialDutyCycle": "dc5",
    "PIXIT_SECC_AC_ConnectionLossHandling": "optionA",
    "PIXIT_SECC_ISO20_Pricing": "none",
    "PIXIT_SECC_ISO20_BPTChannel": "unified",
    "PIXIT_SECC_ISO20_PowerTolerance": False,
    "PIXIT_SECC_ISO20_Standby": True,
    "PIXIT_SECC_ISO20_ServiceRenegotiation": True,
    "PIXIT_SECC_ISO20_TakesBack": False,
    "PIXIT_SECC_ISO20_ParkingStatus": False,
    "PIXIT_SECC_DC_CurrentTolerance": 2.5,
    "PIXIT_SECC_DC_VoltageTolerance": 5.0,
    "PIXIT_SECC_DC_ReactionTime": 1.0,
    "PIXIT_SECC_DC_CurrentFall": 100.0,
    "PIXIT_SECC_DC_CurrentRise": 20.0,
    "PIXIT_SECC_DC_PreChargeTime": 5.0,
    "PIXIT_SECC_DC_OffTime": 1.0,
    "PIXIT_SECC_DC_DischargeTime": 5.0,
    "PIXIT_SECC_DC_MeasurementDelay": 1.0,
    "PIXIT_SECC_DC_PresentValues": "unknown",
    "PIXIT_SECC_CMN_MeterUpdate": 60.0,
    "PIXIT_SECC_CMN_MeterTolerance": 15.0,
    "PIXIT_SECC_AC_ContactorTime": 3.0,
    "PIXIT_EVCC_CMN_ReactionTime": 2.0,
    "PIXIT_EVCC_CMN_StopTime": 10.0,
    "PIXIT_EVCC_DC_TargetsAboveLimits": "unknown",
    "PIXIT_EVCC_DC_EndOfCharging": "ramped",
    "PIXIT_EVCC_CMN_Pause": "unknown",
    "PIXIT_EVCC_CMN_VAS": "unknown",
    "PIXIT_EVCC_ISO20_ParkingStatus": False,
    "PIXIT_EVCC_CMN_TLS": "unknown",
    "PIXIT_EVCC_CMN_CertificateHandling": "unknown",
    "PIXIT_EVCC_CMN_DepartureTime": "unknown",
    "PIXIT_EVCC_AC_MaxNumberOfPhasesInUse": "unknown",
    "PIXIT_EVCC_CMN_ChargingProfileOptimization": "unknown",
    "PIXIT_EVCC_CMN_NewSAScheduleTupleID": "unknown",
    "PIXIT_EVCC_CMN_SAScheduleTupleIDMR": "unknown",
    "PIXIT_EVCC_DC_WeldingDetection": "unknown",
    "PIXIT_EVCC_CMN_CmValidate": "none",
    "PIXIT_EVCC_CMN_ValidationRetry": 1.0,
    "PIXIT_EVCC_CMN_FallbackValidationFailed": "continue",
    "PIXIT_EVCC_CMN_FallbackValidationNotRequired": "continue",
    "PIXIT_EVCC_CMN_ConcurrentValidation": "retry",
    "PIXIT_EVCC_CMN_TTMatchingRepetitionConfig": False,
    "PIXIT_EVCC_CMN_TTMatchingRepetition": 10.0,
    "PIXIT_EVCC_CMN_TTMatchingRate": 0.4,
    "PIXIT_EVCC_AC_ConnectionLossHandling": "optionA",
    "PIXIT_EVCC_AC_TconnResetup": 15.0,
    "par_EVTargetVoltage": 440.0,
    "par_EVTargetCurrent": 20.0,
    "par_EVBatteryVoltage": 400.0,
    "par_EVMaximumVoltage": 500.0,
    "par_EVMaximumCurrent": 110.0,
    "par_EVCCID": "00018700001A",
    "par_DepartureTime": 3600,
    "par_MaxEntriesSAScheduleTuple": 12,
    "par_EAmount": 30000,
    "par_chargingLoop_pause": 0.25,
    "par_SECC_attenuationDeviation": 7.0,
    "par_SECC_Pmax0W": 200,
    "par_SECC_T_step_X1": 3.0,
    "par_waitForNextTC": 5.0,
    "par_CMN_Transmission_Delay": DELAY,
}
"""Everything a PICS file can declare, with the defaults."""


class PicsError(Exception):
    """A PICS file cannot be read; says which line and what to write."""


@dataclass(frozen=True)
class Pics:
    """Declared values over the defaults.

    Attributes:
        declared: what was set.
    """

    declared: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.declared:
            if name not in DEFAULTS:
                raise PicsError(unknown("PICS, PIXIT or parameter", name, DEFAULTS))

    def __getitem__(self, name: str) -> Any:
        return self.declared.get(name, DEFAULTS[name])

    def with_(self, **changes: Any) -> Pics:
        """The same with some other values."""
        return Pics({**self.declared, **changes})

    @property
    def ac(self) -> bool:
        """AC is tested (else DC)."""
        return bool(self["PICS_CMN_CMN_ChargingMode"] == "aC")

    @property
    def pnc(self) -> bool:
        """Contract payment is tested (else external payment)."""
        return bool(self["PICS_CMN_CMN_IdentificationMode"] == "pnC")

    @property
    def dynamic(self) -> bool:
        """The charger decides on power (else the vehicle, within a schedule). ISO 15118-20."""
        return bool(self["PICS_CMN_ISO20_ControlMode"] == "dynamic")

    @property
    def grammar(self) -> Literal["common", "xmldsig"]:
        """How the tester codes SignedInfo in ISO 15118-20: in the CommonMessages set, or in xmldsig alone."""
        return "xmldsig" if self["PIXIT_CMN_ISO20_SignedInfo"] == "xmldsig" else "common"

    @property
    def energy_service(self) -> str:
        """The energy service of ISO 15118-20 that is tested: ``AC``, ``DC_BPT``, ``MCS`` and so on."""
        if self.ac:
            kind = "AC"
        else:
            kind = "MCS" if self["PICS_CMN_ISO20_MCS"] else "DC"
        return f"{kind}_BPT" if self["PICS_CMN_ISO20_BPT"] else kind


def meaning(name: str) -> str:
    """What a value means, or its choices; "" if the name is self-explanatory."""
    found = {**parameters()["pics"], **parameters()["pixit"]}.get(name)
    return ", ".join(str(item) for item in found) if isinstance(found, list) else str(found or "")


def mistake(name: str, value: Any) -> str:
    """Why a value cannot be declared, or ""."""
    default = DEFAULTS[name]
    if value == "unknown":
        return ""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else f"{name} is true or false, not {value!r}"
    if isinstance(default, (int, float)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "" if number else f"{name} is a number, not {value!r}"
    known = {**parameters()["pics"], **parameters()["pixit"]}.get(name)
    choices = [str(item).partition(" ")[0] for item in known] if isinstance(known, list) else []
    # Our own defaults may add a choice.
    if choices and value not in (*choices, default):
        return f"{name} is one of {', '.join(choices)}, not {value!r}"
    return ""


def load(path: Path) -> Pics:
    """Reads a PICS file.

    Raises:
        PicsError: it cannot be read; says why.
    """
    try:
        data = yaml_read.read_yaml(path) or {}
    except InputError as why:
        raise PicsError(str(why)) from why
    if not isinstance(data, dict):
        raise PicsError(f"{path}: NAME: value lines are needed")
    try:
        pics = Pics({str(name): value for name, value in data.items()})
    except PicsError as why:
        raise PicsError(f"{path}: {why}; see plugfest conformance pics") from why
    for name, value in pics.declared.items():
        if text := mistake(name, value):
            raise PicsError(f"{path}: {text}")
    return pics


def save(pics: Pics, path: Path) -> None:
    """Writes every value, those that are defaults as comments, with their meaning."""
    lines = ["# Declared about the bench (PICS) and the system under test (PIXIT), for plugfest conformance."]
    for name in DEFAULTS:
        if text := meaning(name):
            lines.append(f"# {text}")
        value = pics[name]
        shown = str(value).lower() if isinstance(value, bool) else f'"{value}"' if name == "par_EVCCID" else value
        lines.append(f"{'' if name in pics.declared else '#'}{name}: {shown}")
    write(path, "\n".join(lines) + "\n", public=True)


# ---------------------------------------------------------------------------------------------------------------
# Selection

_CONDITION = re.compile(r"(?:(not)\s+)?(\w+)(?:\s*(==|!=|<=|>=|<|>)\s*(\w+)|\s+(declared))?")


def _value(word: str, pics: Pics) -> Any:
    if word in DEFAULTS:
        return pics[word]
    if word in ("true", "false"):
        return word == "true"
    try:
        return float(word)
    except ValueError:
        pass
    try:
        return timer(word)
    except KeyError:
        return word


def holds(condition: str, pics: Pics) -> bool:
    """Whether a condition of a case's ``select`` holds.

    Raises:
        ValueError: it cannot be read.
    """
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        raise ValueError(f"condition {condition!r}")
    negated, name, operator, word, declared = match.groups()
    left = _value(name, pics)
    if declared:
        return left is not None
    if operator is None:
        return bool(left) is not bool(negated)
    right = _value(word, pics)
    if operator in ("==", "!="):
        return bool((left == right) is (operator == "=="))
    if isinstance(left, str) or isinstance(right, str):
        return False
    return bool({"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator])


GROUPS: Mapping[str, str] = {
    "invalid_v2gtp_data_fields": "PICS_CMN_CMN_InvalidV2gtpDataFields",
    "sdp_timeouts_and_invalid_data": "PICS_CMN_CMN_SDPTimeoutsAndInvalidData",
    "failed_response_codes": "PICS_CMN_CMN_FailedResponseCodes",
    "v2g_timeouts": "PICS_CMN_CMN_V2gTimeouts",
    "invalid_v2g_messages": "PICS_EVCC_CMN_InvalidV2GMessages",
    "invalid_states_and_duty_cycles": "PICS_EVCC_CMN_InvalidStatesAndDutyCycles",
}
"""Group -> the PICS that switches it."""


WITH_SERVICE = "with a VAS"
"""The setup of a case in which a vehicle asks for the details of a service."""


def conditions(case: Case) -> Iterator[str]:
    """All that must hold: the case's own conditions, its mode and its group."""
    yield from case.select
    if case.mode.energy in ("ac", "dc"):
        yield f"PICS_CMN_CMN_ChargingMode == {'aC' if case.mode.energy == 'ac' else 'dC'}"
    if case.mode.identification in ("eim", "pnc"):
        yield f"PICS_CMN_CMN_IdentificationMode == {'eIM' if case.mode.identification == 'eim' else 'pnC'}"
    if case.mode.control in ("scheduled", "dynamic"):
        yield f"PICS_CMN_ISO20_ControlMode == {case.mode.control}"
    tls = case.mode.tls.partition(" ")[0]  # "required (1.3)"
    if tls in ("off", "required") and case.sut == "secc":
        yield f"PIXIT_SECC_CMN_TLS == {'true' if tls == 'required' else 'false'}"
    if tls in ("off", "required") and case.sut == "evcc":
        yield f"PIXIT_EVCC_CMN_TLS != {'none' if tls == 'required' else 'tls'}"
    if case.sut == "evcc" and case.setup.startswith(WITH_SERVICE):
        yield "PIXIT_EVCC_CMN_VAS != none"
    if case.group in GROUPS:
        yield f"{GROUPS[case.group]} == true"


OF_VARIANTS: Mapping[tuple[str, str], str] = {
    ("operator", "another service"): "PIXIT_SECC_ISO20_ServiceRenegotiation == true",
    ("ChargingSession", "ServiceRenegotiation"): "PIXIT_SECC_ISO20_ServiceRenegotiation == true",
}
"""What must hold for the variants of a case that set this, in addition."""


def excluded(run: Run, pics: Pics) -> str:
    """The first condition that does not hold, or ""."""
    of_variant = (OF_VARIANTS.get((name, str(value)), "") for name, value in run.variant.items())
    wanted = (*conditions(run.case), *filter(None, of_variant))
    return next((text for text in wanted if not holds(text, pics)), "")


def satisfying(case: Case, base: Pics | None = None) -> Pics:
    """Declared values under which a case applies: those of ``base``, changed as its conditions ask for.

    Raises:
        ValueError: the conditions contradict each other, or cannot be read.
    """
    pics = base or Pics()
    wanted = list(conditions(case))
    if any("IdentificationMode == pnC" in text for text in wanted) and case.sut == "secc":
        pics = pics.with_(PIXIT_SECC_CMN_TLS=True, PIXIT_SECC_CMN_PaymentOption="contract")
    for text in wanted:
        if holds(text, pics):
            continue
        match = _CONDITION.fullmatch(text.strip())
        assert match is not None
        negated, name, operator, word, _ = match.groups()
        if operator is None:
            change: Any = not negated
        elif operator == "==":
            change = _value(word, pics)
        elif operator == "!=":
            change = "unknown"
        else:
            right = float(_value(word, pics))
            step = max(1.0, right / 3)
            change = right - step if "<" in operator else right + step
        if name.startswith("par_") and name not in DEFAULTS:
            raise ValueError(f"{case.id}: {text} cannot be arranged")
        pics = pics.with_(**{name: change})
    for text in wanted:
        if not holds(text, pics):
            raise ValueError(f"{case.id}: {text} contradicts another condition")
    return pics
