"""Valid but unusual, until power flows: repeated details, refusals, forms of a signature, ranges of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc import contract
from plugfest.conformance.secc.scripts.steps import answer, closes
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from v2g import signature
from v2g.messages import iso2
from v2g.physical import physical, volts


@SCRIPTS.on("PF_SECC_ISO2_ServiceDetail_Twice")
async def detail_twice(tester: TesterEv, run: Run, result: Result) -> None:
    """ServiceDetailReq three times: answered each time."""
    await tester.until("ServiceDiscovery")
    if not tester.offered.services:  # the charge service may have no details
        raise Inconclusive("the charger offers no value-added service", cause=Cause.NOT_DECLARED)
    for _ in range(3):
        await answer(tester, result, tester.make("ServiceDetailReq"), "OK")


@SCRIPTS.on("PF_SECC_ISO2_Authorization_Refused")
async def authorization_refused(tester: TesterEv, run: Run, result: Result) -> None:
    """Somebody refuses: FAILED and the close, or never Finished."""
    await tester.until("PaymentServiceSelection")
    if not await tester.act("never authorise"):
        raise Inconclusive("nothing on this bench can refuse authorization", cause=Cause.NO_ACTION)
    await answer(tester, result, tester.make("AuthorizationReq"), "OK", "FAILED")
    if not await tester.act("refuse"):
        raise Inconclusive("nothing on this bench can refuse authorization", cause=Cause.NO_ACTION)
    message = tester.make("AuthorizationReq")
    arrival = await answer(tester, result, message, "OK", "FAILED")
    if arrival.code == "FAILED":
        await closes(tester, result)
    elif arrival.message.EVSEProcessing == "Finished":
        raise Failed(
            "authorization was Finished although the customer was refused",
            cause=Cause.ACCEPTED,
            expected="AuthorizationRes FAILED",
        )


@SCRIPTS.on("PF_SECC_ISO2_PaymentDetails_Revoked")
async def revoked(tester: TesterEv, run: Run, result: Result) -> None:
    """A revoked contract certificate: FAILED_CertificateRevoked."""
    await tester.until("PaymentServiceSelection")
    if not await tester.act("revoke contract"):
        raise Inconclusive("nothing on this bench can revoke the contract certificate", cause=Cause.NO_ACTION)
    await answer(tester, result, tester.make("PaymentDetailsReq"), "FAILED_CertificateRevoked")
    await closes(tester, result)


def _other_reference(given: Any, **changes: Any) -> Any:
    given.SignedInfo.Reference[0] = msgspec.structs.replace(given.SignedInfo.Reference[0], **changes)
    return given


def _in_der(given: Any) -> Any:
    raw = bytes(given.SignatureValue.value)
    half = len(raw) // 2
    der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
    return replaced(given, "SignatureValue", msgspec.structs.replace(given.SignatureValue, value=der))


def _other_transform(given: Any) -> Any:
    transforms = given.SignedInfo.Reference[0].Transforms
    other = msgspec.structs.replace(transforms.Transform[0], Algorithm=C14N)
    return _other_reference(given, Transforms=msgspec.structs.replace(transforms, Transform=[other]))


C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
"""A transform of XML texts; signatures of messages are over EXI."""

FORMS: Mapping[str, Callable[[Any], Any]] = {
    "missing": lambda given: None,
    "reference to another Id": lambda given: _other_reference(given, URI="#another"),
    "digest of another message": lambda given: _other_reference(given, DigestValue=bytes(32)),
    "r and s in DER instead of raw": _in_der,
    "transform other than EXI canonicalisation": _other_transform,
}
"""Variant -> what is done to the good signature."""


@SCRIPTS.on("PF_SECC_ISO2_Authorization_SignatureForms")
async def signature_forms(tester: TesterEv, run: Run, result: Result) -> None:
    """A signature that is missing, or signs something else or in another way: FAILED_SignatureError."""
    await tester.until("PaymentDetails")
    message = tester.make("AuthorizationReq")
    good = signature.sign_message(message, contract.paying(tester).contract.key)
    given = FORMS[str(run.variant["signature"])](good)
    await answer(tester, result, message, "FAILED_SignatureError", signature=given)


WRONG = "FAILED_WrongChargeParameter"
LOW = 20.0
"""V: less than most DC chargers can deliver."""


def _parameter(variant: Mapping[str, Any], *, ac: bool) -> tuple[str, Any, tuple[str, ...]]:
    """The field that a variant changes, its value, and the codes allowed in the response."""
    voltage, current = ("EVMaxVoltage", "EVMaxCurrent") if ac else ("EVMaximumVoltageLimit", "EVMaximumCurrentLimit")
    if "EVMaximumVoltageLimit" in variant:
        # An AC charger need not refuse it: some vehicles send their DC limits here.
        return voltage, physical(iso2, LOW, "V"), ("OK", WRONG) if ac else (WRONG,)
    if "EVMaximumCurrentLimit" in variant:
        return current, physical(iso2, 0.0, "A"), ("OK", WRONG)
    if "multipliers" in variant:
        return voltage, iso2.PhysicalValueType(Multiplier=-2, Unit="V", Value=32000), ("OK",)
    return "DepartureTime", int(variant["DepartureTime"]), ("OK",)


@SCRIPTS.on("PF_SECC_ISO2_ChargeParameter_Ranges")
async def parameter_ranges(tester: TesterEv, run: Run, result: Result) -> None:
    """Charge parameters at the edge of what is allowed, and beyond."""
    await tester.until("Authorization")
    name, value, codes = _parameter(run.variant, ac=tester.pics.ac)
    request = replaced(tester.make("ChargeParameterDiscoveryReq"), name, value)
    if codes != (WRONG,):
        await answer(tester, result, request, *codes)
        return
    arrival = await answer(tester, result, request, "OK", WRONG)
    if arrival.code == "OK" and volts(arrival.message.EVSEChargeParameter.EVSEMinimumVoltageLimit) > LOW:
        raise Failed("ChargeParameterDiscoveryRes came with OK", cause=Cause.WRONG_CODE, expected=WRONG)
    if arrival.code == "OK":
        raise Inconclusive(f"the charger delivers {LOW:g} V or less as well", cause=Cause.POINTLESS)
