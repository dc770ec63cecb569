"""The services that a charger offers besides charging, as data for ServiceDiscovery, ServiceDetail and selection.

The certificate service and Internet access need TLS; a charger's own services have ServiceIDs from 60000 on
[ISO 15118-2 section 8.6.3.6]. A parameter is a bool, an int (``intValue``), a `Byte`, a `Short`, a str, or a
physical value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from v2g.messages import iso2

CHARGE_SERVICE = 1
CERTIFICATE_SERVICE = 2
FIRST_OWN = 60000
"""ServiceIDs from here on are a charger's own, in both generations."""
MANUAL_EXTERNAL = 4
"""ParkingStatusType: the driver parks, and another person watches."""


class Byte(int):
    """A parameter to be sent as ``byteValue``."""


class Short(int):
    """A parameter to be sent as ``shortValue``."""


Parameter = bool | int | str | iso2.PhysicalValueType
ParameterSets = Mapping[int, Mapping[str, Parameter]]


@dataclass(frozen=True)
class Service:
    """A service that a charger offers.

    Attributes:
        number: ServiceID.
        name: ServiceName, at most 32 characters; "" for none.
        category: ServiceCategory.
        free: FreeService.
        sets: parameter sets by ParameterSetID.
        needs_tls: offered over TLS only.
        scope: ServiceScope, at most 64 characters; "" for none.
        number20: its ServiceID in ISO 15118-20; 0: not offered there; by default the same for a charger's own services.
    """

    number: int
    name: str = ""
    category: str = "OtherCustom"
    free: bool = True
    sets: ParameterSets = field(default_factory=dict)
    needs_tls: bool = False
    scope: str = ""
    number20: int = -1

    def __post_init__(self) -> None:
        if self.number20 < 0:
            object.__setattr__(self, "number20", self.number if self.number >= FIRST_OWN else 0)


def certificate_service(*, update: bool = True) -> Service:
    """Service 2: parameter set 1 installs a contract certificate, 2 updates one [V2G2-553 .. 558]."""
    sets = {1: {"Service": "Installation"}} | ({2: {"Service": "Update"}} if update else {})
    return Service(CERTIFICATE_SERVICE, "Certificate", "ContractCertificate", sets=sets, needs_tls=True)


INTERNET = Service(
    3,
    "InternetAccess",
    "Internet",
    sets={
        number: {"Protocol": protocol, "Port": port}
        for number, (protocol, port) in enumerate((("ftp", 20), ("ftp", 21), ("http", 80), ("https", 443)), 1)
    },
    needs_tls=True,
    number20=65,
)
"""Service 3 with its four parameter sets, 65 in ISO 15118-20."""

PARKING = Service(
    0,
    "ParkingStatus",
    sets={
        number: {"IntendedService": intended, "ParkingStatusType": MANUAL_EXTERNAL}
        for number, intended in enumerate((1, 2), 1)
    },
    number20=66,
)
"""Service 66 of ISO 15118-20: parameter set 1 is the check-in, 2 the check-out."""

USE_CASE = Service(4, "UseCaseInformation", "OtherCustom")
"""Service 4; its parameters depend on the use case."""

KNOWN: Mapping[str, Service] = {"internet": INTERNET, "use-case": USE_CASE, "parking": PARKING}
"""Services that the command line can offer by name."""
