"""Which prices of ISO 15118-20 the vehicle accepts: with a contract, only those signed by its issuer.

Without a contract, unsigned prices are the charger's own information, and signed ones cannot be checked. Invalid prices
are ignored, and the vehicle charges without prices.
"""

from __future__ import annotations

from typing import Any

import msgspec

from boundary.text import counted
from evcc.contract import Undeliverable
from evcc.drive import Drive
from evcc.iso20_installation import SET
from v2g import signature, signed_parts
from v2g.errors import RemoteError
from v2g.messages.iso20 import common
from v2g.reading import header_of


def trusted(drive: Drive, res: common.ScheduleExchangeRes) -> common.ScheduleExchangeRes:
    """The response, without any absolute prices that must not guide the vehicle."""
    found = signed_parts.absolute_prices(res)
    if not found or res.EVSEProcessing != "Finished":
        return res
    header = header_of(res)
    given = header.Signature if header is not None else None
    contract = drive.contract
    try:
        if contract is None:
            if given is None:
                return res
            raise Undeliverable("signed by an operator whose certificate the vehicle does not have")
        if len(contract.chain) < 2:
            raise Undeliverable("the contract has no sub-CA that could have signed")
        if any(prices.Id is None for prices in found):
            raise Undeliverable("they are not signed")
        made = signature.examine_message(res, given, contract.chain[1], SET)
        for name, text in made.notes:
            drive.session.tolerate(name, text)
    except RemoteError as why:
        drive.note(f"prices ignored: {why}", once="prices-ignored")
        return _without(res)
    drive.session.tell("state", "signature", f"ScheduleExchangeRes, {counted(len(found), 'price schedule')}: {made}")
    return res


def _without(res: common.ScheduleExchangeRes) -> common.ScheduleExchangeRes:
    """A copy without absolute prices; the original stays as recorded."""
    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(res.Scheduled_SEResControlMode), type=_Scheduled)
    dynamic = msgspec.msgpack.decode(msgspec.msgpack.encode(res.Dynamic_SEResControlMode), type=_Dynamic)
    whole: Any = res
    made: common.ScheduleExchangeRes = msgspec.structs.replace(
        whole, Scheduled_SEResControlMode=copy, Dynamic_SEResControlMode=dynamic
    )
    for block in signed_parts.priced(made):
        block.AbsolutePriceSchedule = None
    return made


_Scheduled = common.Scheduled_SEResControlModeType | None
_Dynamic = common.Dynamic_SEResControlModeType | None
