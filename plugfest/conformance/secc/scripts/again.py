"""What a charger has to forget, or to check a second time: the id of a session that is over, a signature."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc import contract
from plugfest.conformance.secc.scripts.charging import AGAIN
from plugfest.conformance.secc.scripts.steps import answer, arrange
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from v2g import naming, signature, signed_parts
from v2g.messages import iso2


async def _anew(tester: TesterEv, state: str) -> None:
    """Leaves the session, and goes to a state of another one that has nothing to do with it."""
    await tester.leave()
    tester.forget()
    await tester.until(state)


@SCRIPTS.on("PF_SECC_ISO2_OldSession", "PF_SECC_DIN_OldSession")
async def old_session(tester: TesterEv, run: Run, result: Result) -> None:
    """The id of a session that has been terminated: it is over, and the vehicle gets a new one."""
    await tester.until("SessionStop")
    await not_joined(tester, result)


async def not_joined(tester: TesterEv, result: Result) -> None:
    """SessionSetup with the id of the session that has just been terminated.

    Raises:
        Failed: it is joined again, or has the same id.
    """
    before = tester.session_id
    await asyncio.sleep(AGAIN)
    tester.paused = None
    tester.forget(linked=True)
    await tester.until("SAP")
    message = tester.make("SessionSetupReq")
    arrival = await answer(tester, result, message, session_id=before)
    result.saw("OK_NewSessionEstablished, another id", f"{arrival.code}, {arrival.session_id.hex()}")
    if arrival.code != "OK_NewSessionEstablished" or arrival.session_id == before:
        raise Failed(
            f"SessionSetupRes {arrival.code} with id {arrival.session_id.hex()} to the id of a terminated session",
            cause=Cause.WRONG_SESSION, expected="OK_NewSessionEstablished with another id", observed=arrival.code,
        )  # fmt: skip


CATEGORIES = ("Internet", "ContractCertificate", "OtherCustom")
"""ServiceCategories of services besides charging."""


@SCRIPTS.on("PF_SECC_ISO2_ServiceDiscovery_Category")
async def by_category(tester: TesterEv, run: Run, result: Result) -> None:
    """All services in one session, then only those of a category in the next one."""
    await tester.until("ServiceDiscovery")
    offered = {one.ServiceID: str(one.ServiceCategory) for one in tester.offered.services}
    if not offered:
        raise Inconclusive("the charger offers no service besides charging", cause=Cause.POINTLESS)
    missing = [one for one in CATEGORIES if one not in offered.values()]
    category = tester.rng.choice(missing if run.variant["category"] == "not offered" else sorted(offered.values()))
    await _anew(tester, "SessionSetup")
    await answer(tester, result, iso2.ServiceDiscoveryReq(ServiceCategory=cast(Any, category)), "OK")
    given = sorted(one.ServiceID for one in tester.offered.services)
    wanted = sorted(number for number, of in offered.items() if of == category)
    result.saw(f"services of {category}: {wanted}", f"{given}")
    if given != wanted:
        raise Failed(
            f"ServiceDiscoveryRes with services {given} to ServiceCategory {category}",
            cause=Cause.WRONG_FIELD, expected=f"services {wanted}", observed=f"{given}",
        )  # fmt: skip


@SCRIPTS.on("PF_SECC_ISO2_CertificateInstallation_NextSession")
async def installed_again(tester: TesterEv, run: Run, result: Result) -> None:
    """A contract in one session, and another one in the next: each is sealed with a key of its own."""
    await tester.until("CertificateInstallation")
    await _anew(tester, "CertificateInstallation")
    result.saw("contracts in two sessions", "two")


@SCRIPTS.on("PF_SECC_ISO2_Authorization_NextSession")
async def next_session(tester: TesterEv, run: Run, result: Result) -> None:
    """A session with a right signature, then one with a wrong one: what was proven before proves nothing."""
    await tester.until("Authorization")
    await _anew(tester, "PaymentDetails")
    await _signed_wrongly(tester, result, "FAILED_SignatureError")


ASKED = 5.0
"""s for which a vehicle asks whether it may charge, though nobody has said so."""


@SCRIPTS.on("PF_SECC_ISO2_Authorization_NextVehicle", "PF_SECC_DIN_ContractAuthentication_NextVehicle")
async def next_vehicle(tester: TesterEv, run: Run, result: Result) -> None:
    """An authorised session, and after unplugging one that nobody authorises: it is not Finished for that.

    Without unplugging the authorization may still hold: a vehicle may try again.
    """
    name = tester.authorization_request
    await tester.until(naming.exchange(name))
    await tester.leave()
    tester.forget()
    line = tester.kind.line
    await tester.until(line[line.index(naming.exchange(name)) - 1])
    if not await tester.act("never authorise"):
        raise Inconclusive("nothing on this bench can withhold authorization", cause=Cause.NO_ACTION)
    until = tester.now + ASKED
    while tester.now < until:
        arrival = await answer(tester, result, tester.make(name))
        if not arrival.code.startswith("OK"):
            return
        if arrival.message.EVSEProcessing == "Finished":
            raise Failed(
                f"{arrival.name} {arrival.code} Finished, although only the session before was authorised",
                cause=Cause.ACCEPTED, expected="Ongoing or FAILED", observed=f"{arrival.code} Finished",
            )  # fmt: skip
        await tester.pause()


async def _undecided(tester: TesterEv) -> Arrival:
    """The answer to a signed AuthorizationReq that the charger is still working on.

    Raises:
        Inconclusive: it has decided at once.
    """
    await tester.until("PaymentDetails")
    arrival = await tester.exchange("AuthorizationReq")
    if arrival.message.EVSEProcessing == "Finished":
        raise Inconclusive("the charger decided at once", cause=Cause.POINTLESS)
    return arrival


@SCRIPTS.on("PF_SECC_ISO2_Authorization_SecondSignature")
async def second_signature(tester: TesterEv, run: Run, result: Result) -> None:
    """A right signature, answered Ongoing, then a wrong one."""
    await _undecided(tester)
    await _signed_wrongly(tester, result, "FAILED_SignatureError", "FAILED_ChallengeInvalid", "FAILED")


@SCRIPTS.on("PF_SECC_ISO2_Contract_Refused")
async def contract_refused(tester: TesterEv, run: Run, result: Result) -> None:
    """A contract that its operator does not accept: refused, with the contract or with the authorization."""
    await tester.until("PaymentServiceSelection")
    await arrange(tester, "refuse contract")
    for name in ("PaymentDetailsReq", "AuthorizationReq"):
        arrival = await answer(tester, result, tester.make(name))
        if not arrival.code.startswith("OK"):
            return
        tester.challenge = getattr(arrival.message, "GenChallenge", None)
    await _is_refused(tester, result, arrival)


@SCRIPTS.on("PF_SECC_ISO2_Contract_RefusedLater")
async def refused_later(tester: TesterEv, run: Run, result: Result) -> None:
    """A contract that its operator does not accept, who says so when the charger has already answered Ongoing."""
    arrival = await _undecided(tester)
    await arrange(tester, "refuse contract")
    await _is_refused(tester, result, arrival)


async def _is_refused(tester: TesterEv, result: Result, arrival: Arrival) -> None:
    """Asks until the charger has decided.

    Raises:
        Failed: it accepts the contract.
    """
    until = tester.now + timer("V2G_EVCC_Ongoing_Timeout")
    while arrival.code.startswith("OK") and arrival.message.EVSEProcessing != "Finished" and tester.now < until:
        await tester.pause()
        arrival = await answer(tester, result, tester.make("AuthorizationReq"))
    result.saw("FAILED", arrival.code)
    if arrival.code.startswith("OK"):
        raise Failed(
            f"{arrival.name} {arrival.code} {arrival.message.EVSEProcessing} for a contract that is not accepted",
            cause=Cause.CONTRACT_ACCEPTED, expected="a FAILED code", observed=arrival.code,
        )  # fmt: skip


@SCRIPTS.on("PF_SECC_ISO2_TariffSignature")
async def tariff_signature(tester: TesterEv, run: Run, result: Result) -> None:
    """Tariffs in contract payment: signed by the mobility operator's sub-CA that issued the contract."""
    await tester.until("Authorization")
    arrival = await tester.until_finished("ChargeParameterDiscoveryReq", timer("V2G_EVCC_Ongoing_Timeout"))
    offered = arrival.message.SASchedules.SAScheduleTuple
    tariffs = [signed_parts.Part("SalesTariff", one.SalesTariff) for one in offered if one.SalesTariff is not None]
    if not tariffs:
        raise Inconclusive("the charger offers no tariff", cause=Cause.POINTLESS)
    try:
        signature.verify(tester.protocol.schema, arrival.signature, tariffs, contract.paying(tester).contract.chain[1])
    except signature.SignatureError as why:
        result.saw("signed tariffs", str(why))
        raise Failed(
            f"ChargeParameterDiscoveryRes with tariffs: {why}", cause=Cause.WRONG_FIELD,
            expected="a Signature over each SalesTariff by the sub-CA that issued the contract", observed=str(why),
        ) from why  # fmt: skip
    result.saw("signed tariffs", f"{len(tariffs)}")


async def _signed_wrongly(tester: TesterEv, result: Result, *codes: str) -> None:
    message = iso2.AuthorizationReq(Id=tester.stimulus.element_id, GenChallenge=tester.challenge)
    sign = contract.signing("wrong_key")
    assert sign is not None
    await answer(tester, result, message, *codes, signature=sign(tester, message))
