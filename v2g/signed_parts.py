"""The messages that carry signatures, and the elements that the signatures must cover."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from v2g.messages import iso2
from v2g.messages.iso20 import common


class Part(NamedTuple):
    """An element to sign: its local name, and the object that has its ``Id``."""

    name: str
    element: Any


_Find = Callable[[Any], list[Part]]


def _body(message: Any) -> list[Part]:
    return [Part(type(message).__name__, message)]


def _delivery(message: Any) -> list[Part]:
    names = ("ContractSignatureCertChain", "ContractSignatureEncryptedPrivateKey", "DHpublickey", "eMAID")
    return [Part(name, getattr(message, name)) for name in names]


def _tariffs(message: iso2.ChargeParameterDiscoveryRes) -> list[Part]:
    if not isinstance(message.SASchedules, iso2.SAScheduleListType):
        return []
    tariffs = (entry.SalesTariff for entry in message.SASchedules.SAScheduleTuple)
    return [Part("SalesTariff", tariff) for tariff in tariffs if tariff is not None]


Priced: TypeAlias = common.ChargingScheduleType | common.Dynamic_SEResControlModeType


def priced(message: common.ScheduleExchangeRes) -> list[Priced]:
    """The parts of a ScheduleExchangeRes that can have prices, in document order."""
    found: list[Priced | None] = [message.Dynamic_SEResControlMode]
    if message.Scheduled_SEResControlMode is not None:
        for one in message.Scheduled_SEResControlMode.ScheduleTuple:
            found += [one.ChargingSchedule, one.DischargingSchedule]
    return [block for block in found if block is not None]


def absolute_prices(message: common.ScheduleExchangeRes) -> list[common.AbsolutePriceScheduleType]:
    """The absolute price schedules of a ScheduleExchangeRes, signed or not."""
    found = (block.AbsolutePriceSchedule for block in priced(message))
    return [prices for prices in found if prices is not None]


def _prices(message: common.ScheduleExchangeRes) -> list[Part]:
    """The price schedules with an Id: those without one are not signed."""
    names = ("AbsolutePriceSchedule", "PriceLevelSchedule")
    found = [Part(name, getattr(block, name)) for block in priced(message) for name in names]
    return [part for part in found if part.element is not None and part.element.Id]


def _field(name: str) -> _Find:
    def find(message: Any) -> list[Part]:
        element = getattr(message, name)
        return [] if element is None else [Part(name, element)]

    return find


SIGNED: Mapping[type[Any], _Find] = {
    iso2.CertificateInstallationReq: _body,
    iso2.CertificateUpdateReq: _body,
    iso2.AuthorizationReq: _body,
    iso2.MeteringReceiptReq: _body,
    iso2.CertificateInstallationRes: _delivery,
    iso2.CertificateUpdateRes: _delivery,
    iso2.ChargeParameterDiscoveryRes: _tariffs,
    common.AuthorizationReq: _field("PnC_AReqAuthorizationMode"),
    common.CertificateInstallationReq: _field("OEMProvisioningCertificateChain"),
    common.CertificateInstallationRes: _field("SignedInstallationData"),
    common.MeteringConfirmationReq: _field("SignedMeteringData"),
    common.ScheduleExchangeRes: _prices,
}
"""The messages that carry signatures, and the elements signed in them. A Signature in any other message is noise:
vehicles with a RISE-V2G stack leave the last one in their headers."""


def parts(message: Any) -> list[Part]:
    """The elements of a message that its signature must cover; empty if it carries none."""
    find = SIGNED.get(type(message))
    return find(message) if find else []
