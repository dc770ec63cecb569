"""Cases with a vehicle under test about what it keeps and believes: delivered contracts, signed tariffs, old sessions.

Scripts as in :mod:`conformance.scripts_evcc`. What a vehicle stores or ignores cannot be seen from outside; each script
offers something by which it shows: the contract that is shown next, or the schedule that is chosen.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from conformance.catalogue import Run
from conformance.checks_evcc import CHECKS
from conformance.contracts import credential
from conformance.scripts_evcc import SCRIPTS, charging, delivers, ended, gives_up, goes_on, hold, script, until
from conformance.tester_evse import TesterEvse
from conformance.verdict import Failed, Inconclusive, Result
from conformance.wire import Arrival
from v2g import signature
from v2g.credentials import Credential
from v2g.messages import iso2

ASLEEP = 5.0
"""s that the charger's oscillator is off in a pause."""

# ---------------------------------------------------------------------------------------------------------------
# Certificate installation


@script("PF_EVCC_ISO2_CertificateInstallation_Res")
async def installation(tester: TesterEvse, run: Run, result: Result) -> None:
    """A delivered contract is used if everything about it holds, and never otherwise."""
    from pki import delivery
    from pki.profiles import Role

    if tester.contracts is None:
        raise Inconclusive("the tester has no certificates; give it some with --pki")
    what, backend, bench = str(run.variant["res"]), tester.contracts.backend, tester.certificates
    made: list[Credential] = []
    issue = backend.issue

    def noting(emaid: str) -> Credential:
        made.append(issue(emaid))
        return made[-1]

    backend.issue = noting
    if what.startswith("SAProvisioning"):
        backend.provider = credential(bench.other[Role.CPS])
    held = await hold(tester, "CertificateInstallationReq")
    response = await tester.good(held)
    if getattr(response, "ResponseCode", "") != "OK":
        raise Inconclusive(f"no contract for this request: {tester.refused[-1] if tester.refused else 'refused'}")
    key = backend.provider.key
    match what:
        case "signature by another key":
            key = bench.other[Role.CPS].key
        case "eMAID differs from the certificate":
            other = msgspec.structs.replace(response.eMAID, value="DEXXXC00000001")
            response = msgspec.structs.replace(response, eMAID=other)
        case "encrypted key of another EV":
            foreign = delivery.seal(made[-1].key, bench.other["oem-provisioning"].key.public_key())  # type: ignore[arg-type]
            sealed = response.ContractSignatureEncryptedPrivateKey
            response = msgspec.structs.replace(
                response,
                ContractSignatureEncryptedPrivateKey=msgspec.structs.replace(
                    sealed, value=foreign.encrypted_private_key
                ),
                DHpublickey=msgspec.structs.replace(response.DHpublickey, value=foreign.public_key),
            )
    await tester.send(response, signature=signature.sign_message(response, key))
    tester.release()
    if what == "valid":
        await _pays_with(tester, result, held, made[-1])
        return
    await until(tester, lambda: _shows(tester, made[-1]) or ended(tester), 45.0)
    seen = "it pays with the new contract" if _shows(tester, made[-1]) else "the new contract is not used"
    result.saw(f"{what}: refused", seen)
    if _shows(tester, made[-1]):
        raise Failed(f"{what}: the vehicle took the contract", expected="refused", observed=seen)
    later = tester.requests[tester.requests.index(held) + 1 :]
    if not any(one.name == "PaymentDetailsReq" for one in later):  # it has no other contract: there is no way on
        await gives_up(tester, result, held)


def _shows(tester: TesterEvse, contract: Credential) -> bool:
    """Whether the vehicle has shown this contract for payment."""
    return any(
        bytes(one.message.ContractSignatureCertChain.Certificate) == contract.leaf
        for one in tester.requests
        if one.name == "PaymentDetailsReq"
    )


async def _pays_with(tester: TesterEvse, result: Result, held: Arrival, contract: Credential) -> None:
    """PaymentDetailsReq shows the contract, and AuthorizationReq is signed with its key: it was stored.

    Raises:
        Failed: not so.
    """
    caught = tester.catch(lambda arrival: arrival.name == "AuthorizationReq")
    following = await goes_on(tester, result, held)
    if following.name != "PaymentDetailsReq" or not _shows(tester, contract):
        raise Failed(f"{following.name} without the delivered contract")
    problem = CHECKS["EV_AUTH_SIGNATURE"](tester, await tester.held(caught, "AuthorizationReq"))
    result.saw("AuthorizationReq signed with the delivered key", problem or "so it is")
    if problem:
        raise Failed(problem)


# ---------------------------------------------------------------------------------------------------------------
# Tariffs


@script("PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature")
async def tariffs(tester: TesterEvse, run: Run, result: Result) -> None:
    """Two schedules with the same power: who believes the tariffs takes the second, who does not has no reason to."""
    from secc.schedule import Plan, Price

    if tester.contracts is None:
        raise Inconclusive("the tester has no certificates; give it some with --pki")
    altered = str(run.variant["tariff"]).startswith("altered")
    levels = (1, 3) if altered else (3, 1)
    tester.evse.plans = [Plan(prices=[Price(0, level)]) for level in levels]
    held = await hold(tester, "ChargeParameterDiscoveryReq")
    response = await tester.good(held)
    offered = response.SASchedules.SAScheduleTuple
    if tester.visit is None or tester.visit.signature is None or len(offered) != 2:
        raise Inconclusive("the tester could not sign tariffs")
    if altered:  # now the second looks cheap
        for entry, level in zip(offered, reversed(levels), strict=True):
            entry.SalesTariff.SalesTariffEntry[0].EPriceLevel = level
    caught = tester.catch(lambda arrival: delivers(arrival, "Start"))
    await tester.send(response)
    tester.release()
    try:
        delivery = await tester.held(caught, "PowerDeliveryReq")
    except Inconclusive as why:  # a tariff is no reason to end a session
        raise Failed(f"the vehicle did not go on: {why}") from why
    number = delivery.message.SAScheduleTupleID
    result.saw("goes on" + (", ignores the tariff" if altered else ""), f"schedule {number}; the second looks cheaper")
    if number not in (1, 2):
        raise Failed(f"schedule {number} was not offered")
    if altered and number == 2:
        raise Failed("the vehicle chose by a tariff whose signature does not hold")


# ---------------------------------------------------------------------------------------------------------------
# Old sessions


@script("PF_EVCC_ISO2_SessionSetup_OldSession")
async def old_session(tester: TesterEvse, run: Run, result: Result) -> None:
    """After a pause: the session goes on as it was, or a new one begins, as the charger says."""
    joined = str(run.variant["code"]).startswith("OK_OldSessionJoined")
    await _pause(tester)
    old, before = tester.wire.session.id, _choices(tester.requests)
    if not joined:
        tester.paused.clear()  # the charger has forgotten it
    held = await _resume(tester, len(tester.requests))
    if held.session_id != old:
        raise Inconclusive(f"the vehicle asked for session {held.session_id.hex()}, not for the paused {old.hex()}")
    response = await tester.good(held)
    wanted = "OK_OldSessionJoined" if joined else "OK_NewSessionEstablished"
    if response.ResponseCode != wanted:
        raise Inconclusive(f"the tester answers {response.ResponseCode}")
    place = tester.requests.index(held) + 1
    caught = tester.catch(lambda arrival: delivers(arrival, "Start"))
    await tester.send(response)
    tester.release()
    following = await goes_on(tester, result, held)
    if following.name != "ServiceDiscoveryReq":
        raise Failed(f"{following.name} after {wanted}", expected="ServiceDiscoveryReq", observed=following.name)
    try:
        await tester.held(caught, "PowerDeliveryReq")
    except Inconclusive as why:
        raise Failed(f"the session did not get to charging: {why}") from why
    later, now = tester.requests[place:], tester.wire.session.id
    if not joined and now == old:
        raise Inconclusive("the tester's new session has the id of the old one")
    wrong = [one.name for one in later if one.session_id != now]
    result.saw(f"every request carries {now.hex()}", f"not {', '.join(wrong)}" if wrong else "so it is")
    if wrong:
        raise Failed(f"{wrong[0]} carries another session id than SessionSetupRes")
    after = _choices(later)
    if joined:
        result.saw(f"the old choices: {before}", str(after))
        if after != before:
            raise Failed(f"other choices than before the pause: {after}", expected=str(before), observed=str(after))
        return
    missing = [name for name in ("PaymentServiceSelectionReq", "ChargeParameterDiscoveryReq") if name not in after]
    result.saw("negotiates afresh", f"without {', '.join(missing)}" if missing else "so it does")
    if missing:
        raise Failed(f"no {missing[0]} in the new session")


def _choices(requests: list[Arrival]) -> dict[str, Any]:
    """What the vehicle has chosen [V2G2-740, 741]: payment, energy transfer mode, schedule; by request."""
    fields = {
        "PaymentServiceSelectionReq": "SelectedPaymentOption",
        "ChargeParameterDiscoveryReq": "RequestedEnergyTransferMode",
        "PowerDeliveryReq": "SAScheduleTupleID",
    }
    return {one.name: getattr(one.message, fields[one.name]) for one in requests if one.name in fields}


async def _pause(tester: TesterEvse) -> None:
    """A session that the vehicle pauses.

    Raises:
        Inconclusive: it does not.
    """
    await charging(tester)
    if not await tester.system.do("pause"):
        raise Inconclusive("nobody can pause at the vehicle here")
    await until(tester, lambda: ended(tester), 60.0)
    last = tester.requests[-1]
    stop = last.message if isinstance(last.message, iso2.SessionStopReq) else None
    if stop is None or stop.ChargingSession != "Pause":
        raise Inconclusive(f"the vehicle did not pause; its last request was {last.name}")
    await until(tester, lambda: tester.system.ended() is not False, 10.0)


async def _resume(tester: TesterEvse, place: int) -> Arrival:
    """Sleeps, wakes the vehicle up, and holds its next SessionSetupReq.

    Raises:
        Inconclusive: it does not come back.
    """
    pilot, connections = tester.system.pilot, len(tester.wires)
    pilot.offer(100.0)
    await asyncio.sleep(ASLEEP)
    caught = tester.catch(lambda arrival: arrival.name == "SessionSetupReq" and tester.requests.index(arrival) >= place)
    pilot.offer(5.0)
    await tester.system.do("resume")  # where nobody can, the pilot has to be enough
    if not await until(tester, lambda: len(tester.wires) > connections, 60.0):
        raise Inconclusive("the vehicle did not come back after its pause")
    return await tester.held(caught, "SessionSetupReq")


__all__ = ["SCRIPTS", "installation", "old_session", "tariffs"]
