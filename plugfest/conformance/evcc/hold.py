"""Stopping at a request: what is held while the case decides on the answer, and what can no longer come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.wire import Arrival
from v2g.protocols import Protocol
from v2g.sequence import START, after

DECLARED = {
    "CertificateInstallationReq": ("PIXIT_EVCC_CMN_CertificateHandling", "certInstall"),
    "CertificateUpdateReq": ("PIXIT_EVCC_CMN_CertificateHandling", "certUpdate"),
    "WeldingDetectionReq": ("PIXIT_EVCC_DC_WeldingDetection", "weldingDetection"),
    "DC_WeldingDetectionReq": ("PIXIT_EVCC_DC_WeldingDetection", "weldingDetection"),
    "ServiceDetailReq": ("PIXIT_EVCC_CMN_VAS", "serviceDetail"),
}
"""Requests that a vehicle may leave out, and the declaration that it sends them."""


class Hold:
    """Holds one request at a time until it is released."""

    def __init__(self) -> None:
        self._right: Callable[[Arrival], bool] | None = None
        self._caught: asyncio.Future[Arrival] | None = None
        self._released = asyncio.Event()

    def catch(self, right: Callable[[Arrival], bool]) -> asyncio.Future[Arrival]:
        """From now on, looks out for the first request that fulfils ``right``."""
        self._right = right
        self._caught = asyncio.get_running_loop().create_future()
        return self._caught

    def takes(self, arrival: Arrival) -> bool:
        """Whether this is the request looked out for; it is held from now on."""
        if self._right is None or self._caught is None or not self._right(arrival):
            return False
        self._right = None
        self._released.clear()
        self._caught.set_result(arrival)
        return True

    async def released(self) -> None:
        """Waits until the held request is released."""
        await self._released.wait()

    def release(self) -> None:
        """Lets the good case continue."""
        self._released.set()


def declares(pics: Pics, request: str) -> bool:
    """Whether the PICS file says that the vehicle sends this request, which it may leave out."""
    name, value = DECLARED.get(request, ("", ""))
    return bool(name) and pics[name] == value


def optional(pics: Pics, request: str) -> bool:
    """Whether a vehicle may leave this request out, and has not declared that it sends it."""
    return request in DECLARED and not declares(pics, request)


def passed(protocol: Protocol, last: str, request: str) -> bool:
    """Whether a request can no longer come after the last one, so that there is no need to wait for the end."""
    known = {step.after for step in protocol.order if step.after not in (START, "SessionStopReq")}
    return request in known | {"SessionStopReq"} and last in known and request not in after(protocol.order, last)
