"""Metering confirmation in the vehicle's script of ISO 15118-20: it signs the charger's readings, beside the loop."""

from __future__ import annotations

from evcc.drive import Drive
from evcc.iso20_installation import SET
from v2g import signature
from v2g.errors import TimedOut
from v2g.messages.iso20 import common, types
from v2g.messages.xmldsig import SignatureType
from v2g.protocols.iso20 import METERING


def heed(drive: Drive, status: types.EVSEStatusType | None, *, dynamic: bool) -> None:
    """Confirms, if a response of the loop asks for it, while the current falls: an error may wait until it is gone."""
    if status is not None and status.EVSENotification == "MeteringConfirmation" and drive.beside.idle(METERING):
        confirm(drive, dynamic=dynamic)


def confirm(drive: Drive, *, dynamic: bool) -> None:
    """Starts confirming the reading of the last loop response, unless a confirmation is already running."""
    if drive.contract is None:
        drive.note("the charger asked for a metering confirmation, which needs a contract")
        return
    if drive.beside.busy(METERING):
        return
    facts, wallet = drive.session.facts.iso20, drive.options.wallet20
    if facts.meter is None:
        drive.note("the charger asked for a metering confirmation without sending a meter reading")
        return
    request = common.MeteringConfirmationReq(
        SignedMeteringData=common.SignedMeteringDataType(
            Id="id1",
            SessionID=drive.session.id,
            MeterInfo=facts.meter,
            Receipt=facts.receipt,
            Dynamic_SMDTControlMode=common.Dynamic_SMDTControlModeType() if dynamic else None,
            Scheduled_SMDTControlMode=None
            if dynamic
            else common.Scheduled_SMDTControlModeType(SelectedScheduleTupleID=drive.tuple_id),
        )
    )
    signed = signature.sign_message(request, drive.contract.key, SET, wallet.grammar if wallet else None)
    told = f"{facts.meter.ChargedEnergyReadingWh} Wh by contract {drive.contract.emaid}"
    drive.session.tell("state", "signature", f"MeteringConfirmationReq, {told}: {signature.described(signed)}")
    drive.beside.begin(METERING, _ask(drive.on(METERING), request, signed))


async def _ask(drive: Drive, request: common.MeteringConfirmationReq, signed: SignatureType) -> bool:
    """The exchange on its stream; a missing answer does not end the session."""
    drive.session.forget(METERING)  # late answers to an earlier one
    try:
        await drive.ask(request, signature=signed)
    except TimedOut as why:
        drive.note(f"the metering confirmation was not answered: {why}")
        drive.session.tell("error", "metering", str(why))
    return True
