"""supportedAppProtocol: the handshake in which the vehicle offers its protocols and the charger selects one.

Only the two messages are in the namespace, their children are unqualified. V2GTP payload type 0x8001.
"""

from typing import Annotated, ClassVar, Literal

from exi.schema import (
    Integer,
    String,
    Type,
    occurs,
    q,
    unsignedByte,
    unsignedInt,
)
from v2g.messages.base import Request, Response

NAMESPACE = "urn:iso:15118:2:2010:AppProtocol"

idType = unsignedByte
priorityType = Annotated[int, Integer(1, 20)]
protocolNameType = Annotated[str, String(max_length=30)]
protocolNamespaceType = Annotated[str, String(max_length=100, collapse=True)]
responseCodeType = Literal[
    "OK_SuccessfulNegotiation",
    "OK_SuccessfulNegotiationWithMinorDeviation",
    "Failed_NoNegotiation",
]


class _Type(Type, ns=NAMESPACE, element_form=False, attribute_form=False):
    xml_virtual: ClassVar[bool] = True


class AppProtocolType(_Type):
    ProtocolNamespace: protocolNamespaceType
    VersionNumberMajor: unsignedInt
    VersionNumberMinor: unsignedInt
    SchemaID: idType
    Priority: priorityType


class supportedAppProtocolReq(_Type, Request["supportedAppProtocolRes"]):
    AppProtocol: Annotated[list[AppProtocolType], occurs(1, 20)]


class supportedAppProtocolRes(_Type, Response):
    ResponseCode: responseCodeType
    SchemaID: idType | None = None


ELEMENTS = (
    (q(NAMESPACE, "supportedAppProtocolReq"), supportedAppProtocolReq, None),
    (q(NAMESPACE, "supportedAppProtocolRes"), supportedAppProtocolRes, None),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
