"""What the catalogue names by a short word, as a verdict says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACTIONS: Mapping[str, str] = {
    "never authorise": "leave the vehicle without authorization",
    "authorise (EIM)": "authorise the vehicle",
    "authorise (EIM) while SLAC runs": "authorise the vehicle while SLAC runs",
    "refuse": "refuse authorization at the charger",
    "refuse contract": "refuse the contract at the charger",
    "stop": "press stop at the charger",
    "emergency stop": "press the charger's emergency button",
    "pause": "make the charger ask for a pause",
    "renegotiate": "make the charger ask for a renegotiation",
    "another service": "make the charger ask for another service",
    "leave standby": "make the charger end the standby",
    "stick contactor": "make the charger's contactor stick",
    "lower insulation": "lower the insulation at the charger's output",
    "trip rcd": "trip the charger's RCD",
    "overdraw": "make the load draw more than is offered",
    "no contract": "make the back end find no contract",
    "slow back end": "slow down the charger's back end",
    "silent back end": "silence the charger's back end",
}
"""What somebody does at a charger under test: ``has somebody ...``, ``nothing on this bench can ...``."""

AT_VEHICLE: Mapping[str, str] = {
    "start": "start the charging at the vehicle",
    "stop": "stop the charging at the vehicle",
    "stop at the EV": "stop the charging at the vehicle",
    "EV-side pause": "pause the charging at the vehicle",
    "pause": "pause the charging at the vehicle",
    "renegotiate": "make the vehicle renegotiate",
    "standby": "suspend power at the vehicle",
}
"""The same at a vehicle."""

ASKS: Mapping[str, str] = {"new schedule at the charger": "asks for a new schedule"}
"""What a charger that plugfest plays does by itself."""

CERTIFICATES: Mapping[str, str] = {
    "VALID": "a valid {}",
    "EXPIRES": "a {} that expires soon",
    "EXPIRED": "a {} that has expired",
    "NOT_YET": "a {} that is not valid yet",
    "REVOKED": "a revoked {}",
    "INVALID_CONTENT": "a {} with another domain component",
    "WRONG_EMAID": "a {} with another eMAID",
    "INVALID_EMAID": "a {} with a malformed eMAID",
    "UNKNOWN_PROVIDER": "a {} of an unknown provider",
    "UNKNOWN_ROOT": "a {} below an unknown root",
    "EXPIRED_ISSUER_SUB1": "a {} below a sub-CA 1 that has expired",
    "EXPIRED_ISSUER_SUB2": "a {} below a sub-CA 2 that has expired",
    "Sub1NotYet": "a {} below a sub-CA 1 that is not valid yet",
    "Sub2NotYet": "a {} below a sub-CA 2 that is not valid yet",
    "LeafOfCharger": "a charger's certificate in place of a {}",
    "UnknownRoot": "a {} below an unknown root",
    "UnknownRootSent": "a {} below an unknown root, which is sent along",
    "WrongSubCertOrder": "a {} whose sub-CAs are sent in the wrong order",
    "WrongPKILeafCert": "a {} whose leaf is of another PKI",
    "WrongPKISub2Cert": "a {} whose sub-CA 2 is of another PKI",
    "WrongPKISub1Cert": "a {} whose sub-CA 1 is of another PKI",
    "WrongPKICertChain": "a {} of another PKI",
    "WithoutSub2Cert": "a {} without its sub-CA 2",
    "LeafForged": "a {} whose signature is broken",
    "Sub2Forged": "a {} below a sub-CA 2 whose signature is broken",
    "Sub1Forged": "a {} below a sub-CA 1 whose signature is broken",
    "EmaidWithHyphens": "a {} whose eMAID has hyphens",
    "SubCaBelowSub2": "a {} below a third sub-CA",
    "Sub1AllowsNoSubCa": "a {} below a sub-CA 1 that allows no other below it",
    "Sub2IsNoCa": "a {} below a sub-CA 2 that is not marked as an authority",
    "Sub2MayNotCertify": "a {} below a sub-CA 2 that may not sign certificates",
    "IssuedByLeaf": "a {} that another leaf has issued",
    "Sub2Revoked": "a {} below a revoked sub-CA 2",
    "LeafIsCa": "a {} that is marked as an authority",
    "LeafMayNotSign": "a {} that may not sign",
    "LeafWithoutUsage": "a {} without a key usage",
    "LeafOnOtherCurve": "a {} on another curve",
    "LeafUsageOfOthers": "a {} whose key usage is signature and key agreement",
    "eMAID of another contract": "a {}, but the eMAID of another",
    "one certificate too many": "a {} with one certificate too many",
    "eMAID in lower case": "a {} whose eMAID is in lower case",
}
"""A contract, or a provisioning certificate; names of the conformance specification without their beginning."""

THINGS: Mapping[str, str] = {"contract": "contract", "provisioning": "provisioning certificate"}
"""Fields that name one."""

SERVERS: Mapping[str, str] = {
    "valid": "with a valid certificate",
    "valid, stapled OCSP good": "with a valid certificate and a good OCSP response",
    "expired": "with a certificate that has expired",
    "not yet valid": "with a certificate that is not valid yet",
    "expired-sub-ca": "with a certificate below a sub-CA that has expired",
    "unknown root": "with a certificate below an unknown root",
    "wrong-root": "with a chain to a root that nobody trusts",
    "twin-root": "with a chain of the right names, but of other keys up to the root",
    "wrong-role": "with a good certificate of another role",
    "wrong-dc": "with a certificate whose domain component is V2G",
    "leaf without the CPO domain component": "with a certificate without the domain component CPO",
    "broken-signature": "with a certificate that another authority's key has signed",
    "missing-intermediate": "without its sub-CA 2",
    "chain incomplete": "with an incomplete chain",
    "swapped": "with the sub-CAs in the wrong order",
    "sub-CAs in reverse": "with the sub-CAs in reverse",
    "no sub-CAs": "without its sub-CAs",
    "no certificate": "with an empty Certificate message",
    "wrong-curve": "with a certificate on another curve",
    "over-long-path": "with a certificate below a third sub-CA",
    "leaf-is-ca": "with a certificate that is marked as an authority",
    "no-key-usage": "with a certificate without a key usage",
    "wrong-key-usage": "with a certificate that may only encipher data",
    "too-big": "with a certificate that is larger than messages allow",
    "revoked": "with a revoked certificate",
    "OCSP revoked": "with an OCSP response that says revoked",
    "OCSP staple: revoked": "with an OCSP response that says revoked",
    "OCSP unknown": "with an OCSP response that says unknown",
    "OCSP stale": "with an OCSP response that is out of date",
    "OCSP about another certificate": "with an OCSP response about another certificate",
    "OCSP staple: about another certificate": "with an OCSP response about another certificate",
    "OCSP signature broken": "with an OCSP response whose signature is broken",
    "OCSP staple: forged": "with an OCSP response whose signature is broken",
    "OCSP garbage": "with random bytes as an OCSP response",
    "no staple": "without an OCSP response",
    "no OCSP staple": "without an OCSP response",
    "TLS 1.2 only": "that has TLS 1.2 only",
    "TLS 1.1 chosen": "that chooses TLS 1.1",
    "suite not offered": "that chooses a cipher suite that was not offered",
    "suite of TLS 1.2 in 1.3": "that chooses a cipher suite of TLS 1.2 in TLS 1.3",
    "group not offered": "that chooses a group that was not offered",
    "signature algorithm not offered": "that signs by an algorithm that was not offered",
    "no client certificate requested": "that asks for no client certificate",
    "Finished corrupt": "that sends a corrupt Finished",
    "CertificateVerify corrupt": "that sends a corrupt CertificateVerify",
    "CertificateVerify left out": "that leaves out CertificateVerify",
    "Certificate left out": "that leaves out Certificate",
    "ServerHello twice": "that sends ServerHello twice",
    "alert in place of ServerHello": "that sends an alert in place of ServerHello",
    "close in place of Finished": "that closes in place of Finished",
    "records of 64 bytes": "that sends records of 64 bytes",
}
"""What is wrong, or not, with the TLS server that plugfest plays."""

BROKEN_REQUESTS: Mapping[str, str] = {
    "unit, ChargeParameterDiscoveryReq": "ChargeParameterDiscoveryReq with EVMaximumCurrentLimit in V",
    "unit, PreChargeReq": "PreChargeReq with EVTargetVoltage in A",
    "unit, CurrentDemandReq": "CurrentDemandReq with EVTargetCurrent in W",
    "impossible, PreChargeReq": "PreChargeReq with EVTargetVoltage 32767 kV",
    "impossible, CurrentDemandReq": "CurrentDemandReq with EVTargetCurrent 32767 kA",
    "impossible, PowerDeliveryReq": "PowerDeliveryReq with a profile of -1000 W",
    "limits": "ChargeParameterDiscoveryReq with EVMaximumVoltageLimit 0 V",
    "limits, DIN": "ChargeParameterDiscoveryReq with EVMaximumVoltageLimit 0 V",
    "limits, AC": "ChargeParameterDiscoveryReq with EVMinCurrent 64 A",
    "limits, AC voltage": "ChargeParameterDiscoveryReq with EVMaxVoltage 100 V",
    "target-impossible, PreChargeReq": "PreChargeReq with EVTargetVoltage -50 V",
    "target-impossible, CurrentDemandReq": "CurrentDemandReq with EVTargetCurrent -50 A",
    "target-voltage": "PreChargeReq with EVTargetVoltage above EVSEMaximumVoltageLimit",
    "precharge-current": "PreChargeReq with EVTargetCurrent 20 A",
    "profile-phases": "PowerDeliveryReq with a profile for 2 phases",
    "profile-phases, AC": "PowerDeliveryReq with a profile for 2 phases",
    "profile-order": "PowerDeliveryReq with a profile that has an entry twice",
    "schedule-not-offered, the least id": "PowerDeliveryReq with the least SAScheduleTupleID that was not offered",
    "schedule-not-offered, the least id, AC": "PowerDeliveryReq with the least SAScheduleTupleID that was not offered",
    "schedule-not-offered, the next id": "PowerDeliveryReq with a SAScheduleTupleID beside those on offer",
    "second-start, at once": "PowerDeliveryReq Start again, right after the first",
    "second-start, in the loop": "PowerDeliveryReq Start again, in the charge loop",
    "no-cable-check": "PowerDeliveryReq Start without a cable check",
    "pause-too-early, Authorization": "SessionStopReq Pause after Authorization",
    "pause-too-early, ChargeParameterDiscovery": "SessionStopReq Pause after ChargeParameterDiscovery",
    "vehicle-error, CableCheckReq": "CableCheckReq with an EVErrorCode",
    "vehicle-error, PreChargeReq": "PreChargeReq with an EVErrorCode",
    "challenge, none": "AuthorizationReq without GenChallenge",
    "parameter-set-not-offered": "PaymentServiceSelectionReq with a parameter set that the service does not have",
    "receipt, of another session": "MeteringReceiptReq with the id of another session in its body",
}
"""Requests that break a rule."""

BROKEN_RESPONSES: Mapping[str, str] = {
    "unit, ChargeParameterDiscoveryRes": "ChargeParameterDiscoveryRes with EVSEMaximumCurrentLimit in V",
    "unit, PreChargeRes": "PreChargeRes with EVSEPresentVoltage in A",
    "unit, CurrentDemandRes": "CurrentDemandRes with EVSEPresentCurrent in W",
    "impossible, ChargeParameterDiscoveryRes": "ChargeParameterDiscoveryRes with EVSEMaximumVoltageLimit -500 V",
    "impossible, PreChargeRes": "PreChargeRes with EVSEPresentVoltage -32767 kV",
    "impossible, CurrentDemandRes": "CurrentDemandRes with EVSEPresentVoltage 32767 kV",
    "limits": "ChargeParameterDiscoveryRes with EVSEMinimumVoltageLimit 32000 V",
    "limits, zero": "ChargeParameterDiscoveryRes with EVSEMaximumVoltageLimit 0 V",
    "schedule-ids": "ChargeParameterDiscoveryRes with a schedule twice",
    "schedule-order": "ChargeParameterDiscoveryRes with two entries of a schedule that begin at the same time",
    "pmax-negative": "ChargeParameterDiscoveryRes with PMax -1000 W",
    "parameters-of-other-mode": "ChargeParameterDiscoveryRes with the parameters of an AC charger",
    "isolation-fault, PreChargeRes": "PreChargeRes with EVSEIsolationStatus Fault",
    "isolation-fault, PowerDeliveryRes": "PowerDeliveryRes with EVSEIsolationStatus Fault",
    "receipt-without-meter": "CurrentDemandRes with ReceiptRequired true and no MeterInfo",
    "receipt-without-meter, AC": "ChargingStatusRes with ReceiptRequired true and no MeterInfo",
    "service-detail-other": "ServiceDetailRes with ServiceID 1, which was not asked for",
    "challenge, zero": "PaymentDetailsRes with a GenChallenge of zeros",
    "challenge, short": "PaymentDetailsRes with a GenChallenge of one byte",
}
"""Responses that break a rule."""

DANGERS: Mapping[str, str] = {
    "over-voltage": "reports more voltage than EVMaximumVoltageLimit",
    "over-current": "reports more current than the vehicle's limit",
    "current-unasked": "reports more current than the vehicle asks for",
    "isolation-fault": "reports EVSEIsolationStatus Fault",
    "RCD": "reports RCD true",
    "oscillator off": "turns the oscillator of the pilot off",
}
"""What is dangerous while power flows."""

PILOT_FAULTS: Mapping[str, str] = {
    "diode_lost": "remove the diode of the pilot",
    "short_cp_pe": "short the pilot to protective earth",
    "open_pe": "open protective earth",
}
"""What is done to the pilot wire: ``has somebody ...``, ``nothing on this bench can ...``."""

FIELDS: Mapping[tuple[str, str], str] = {
    ("signature", "wrong_key"): "a signature by another key",
    ("signature", "body_changed_after_signing"): "a body that was changed after signing",
    ("signature", "absent"): "no signature",
    ("profile", "absent"): "no power profile",
    ("profile", "negative"): "a negative power profile",
    ("profile", "too short"): "a power profile that is too short",
    ("profile", "above the schedule"): "a power profile above the schedule",
    ("profile", "above the schedule in its last hour"): "a power profile above the schedule in its last hour",
    ("method", "EIM"): "SelectedAuthorizationService EIM",
    ("GenChallenge", "another"): "another GenChallenge",
}
"""Fields with a value: what a message comes with."""


def certificate(thing: str, name: str) -> str:
    """``a contract that has expired``; a name without words stands as it is."""
    short = name.removeprefix("CRT_CONTRACT_LEAF_").removeprefix("CRT_OEM_LEAF_")
    words = CERTIFICATES.get(short)
    return words.format(THINGS[thing]) if words else f"{thing} {name}"


def field(key: str, value: Any) -> str | None:
    """What a message comes with, if there are words for that."""
    if isinstance(value, str) and (key, value) in FIELDS:
        return FIELDS[key, value]
    if key in THINGS:
        return certificate(key, str(value))
    if value == "absent":
        return f"no {key}"
    if key == "SelectedEnergyTransferService" and isinstance(value, list):
        service, parameters = value
        return f"{'the same ServiceID' if service == 'same' else f'ServiceID {service}'}, ParameterSetID {parameters}"
    return None


TABLES: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "rule": (BROKEN_REQUESTS, BROKEN_RESPONSES),
    "what": (DANGERS,),
    "cert": (SERVERS,),
    "operator": (ACTIONS,),
    "action": (ACTIONS,),
    "trigger": (AT_VEHICLE, ASKS),
    "cp_fault": (PILOT_FAULTS,),
}
"""Values of variants that have words of their own."""


def of_variant(key: str, value: Any) -> list[str]:
    """The words for a value of a variant, where there are some."""
    if (words := field(key, value)) is not None:
        return [words]
    return [table[value] for table in TABLES.get(key, ()) if isinstance(value, str) and value in table]


def can(action: str) -> str:
    """``press stop at the charger``: what somebody at a charger does."""
    return ACTIONS.get(action, action)


def can_at_vehicle(action: str) -> str:
    """The same at a vehicle."""
    return AT_VEHICLE.get(action, action)
