"""In order, but unusual, until power flows: repeated details, refusals, forms of a signature, ranges of parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance.catalogue import Run
from conformance.fields import replaced
from conformance.secc import contract
from conformance.secc.scripts.steps import answer, closes
from conformance.secc.scripts.table import SCRIPTS
from conformance.secc.tester import TesterEv
from conformance.verdict import Failed, Inconclusive, Result
from v2g.messages import iso2
from v2g.physical import physical


@SCRIPTS.on("PF_SECC_ISO2_ServiceDetail_Twice")
async def detail_twice(tester: TesterEv, run: Run, result: Result) -> None:
    await tester.until("ServiceDiscovery")
    for _ in range(3):
        await answer(tester, result, tester.make("ServiceDetailReq"), "OK")


@SCRIPTS.on("PF_SECC_ISO2_Authorization_Refused")
async def authorization_refused(tester: TesterEv, run: Run, result: Result) -> None:
    await tester.until("PaymentServiceSelection")
    if not await tester.system.do("never authorise"):
        raise Inconclusive("nobody can refuse here")
    await answer(tester, result, tester.make("AuthorizationReq"), "OK", "FAILED")
    if not await tester.system.do("refuse"):
        raise Inconclusive("nobody can refuse here")
    message = tester.make("AuthorizationReq")
    arrival = await answer(tester, result, message, "OK", "FAILED")
    if arrival.code == "FAILED":
        await closes(tester, result)
    elif arrival.message.EVSEProcessing == "Finished":
        raise Failed("authorization was Finished although it was refused")


@SCRIPTS.on("PF_SECC_ISO2_PaymentDetails_Revoked")
async def revoked(tester: TesterEv, run: Run, result: Result) -> None:
    await tester.until("PaymentServiceSelection")
    if not await tester.system.do("revoke contract"):
        raise Inconclusive("nobody can revoke the contract certificate here")
    await answer(tester, result, tester.make("PaymentDetailsReq"), "FAILED_CertificateRevoked")
    await closes(tester, result)


@SCRIPTS.on("PF_SECC_ISO2_Authorization_SignatureForms")
async def signature_forms(tester: TesterEv, run: Run, result: Result) -> None:
    from v2g import signature

    await tester.until("PaymentDetails")
    message, held = tester.make("AuthorizationReq"), contract.paying(tester)
    given: Any = signature.sign_message(message, held.contract.key)
    reference = given.SignedInfo.Reference[0]
    match str(run.variant["signature"]):
        case "missing":
            given = None
        case "reference to another Id":
            given.SignedInfo.Reference[0] = msgspec.structs.replace(reference, URI="#another")
        case "digest of another message":
            given.SignedInfo.Reference[0] = msgspec.structs.replace(reference, DigestValue=bytes(32))
        case "r and s in DER instead of raw":
            from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

            raw = bytes(given.SignatureValue.value)
            half = len(raw) // 2
            der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
            given = msgspec.structs.replace(
                given, SignatureValue=msgspec.structs.replace(given.SignatureValue, value=der)
            )
        case _:
            transform = reference.Transforms.Transform[0]
            other = msgspec.structs.replace(transform, Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
            changed = msgspec.structs.replace(reference.Transforms, Transform=[other])
            given.SignedInfo.Reference[0] = msgspec.structs.replace(reference, Transforms=changed)
    await answer(tester, result, message, "FAILED_SignatureError", signature=given)


@SCRIPTS.on("PF_SECC_ISO2_ChargeParameter_Ranges")
async def parameter_ranges(tester: TesterEv, run: Run, result: Result) -> None:
    await tester.until("Authorization")
    message, variant = tester.make("ChargeParameterDiscoveryReq"), run.variant
    codes: tuple[str, ...] = ("OK",)
    if "EVMaximumVoltageLimit" in variant:
        message = replaced(message, "EVMaximumVoltageLimit", physical(iso2, 20.0, "V"))
        codes = ("FAILED_WrongChargeParameter",)
    elif "EVMaximumCurrentLimit" in variant:
        message = replaced(message, "EVMaximumCurrentLimit", physical(iso2, 0.0, "A"))
        codes = ("OK", "FAILED_WrongChargeParameter")
    elif "multipliers" in variant:
        value = iso2.PhysicalValueType(Multiplier=-2, Unit="V", Value=32000)
        message = replaced(message, "EVMaximumVoltageLimit", value)
    else:
        message = replaced(message, "DepartureTime", int(variant["DepartureTime"]))
    await answer(tester, result, message, *codes)
