"""A protocol as data: everything that roles, recordings and tools need to know about one.

The module of a generation (:mod:`.din70121`, :mod:`.iso2`, :mod:`.iso20`) fills a :class:`Protocol`; nothing else in
the project compares the name of a protocol. Code that needs such a fact gets it here.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any, Literal

from exi import Schema
from v2g import messages, naming, v2gtp
from v2g.messages.xmldsig import SignatureType
from v2g.sequence import Step
from v2g.timing import Timing

Energy = Literal["AC", "DC"]
"""How energy is transferred."""


class Wrap(typing.Protocol):
    """Puts a message into the document that goes on the wire."""

    def __call__(self, message: Any, session_id: bytes, signature: SignatureType | None = None, time: int = 0) -> Any:
        """The document; ``signature`` and ``time`` (TimeStamp, if the protocol has one) go into its header."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of supportedAppProtocol.

    Attributes:
        namespace: ProtocolNamespace.
        version: VersionNumberMajor and VersionNumberMinor.
        energy: kinds of energy that it covers.
    """

    namespace: str
    version: tuple[int, int]
    energy: frozenset[Energy]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What sessions of a protocol can do in principle.

    Attributes:
        energy: ``AC`` or ``DC`` power.
        tls: use TLS.
        mutual: require TLS 1.3 with certificates of both sides.
        contract: pay by contract (Plug & Charge).
        pause: pause and resume.
        renegotiation: agree on a new schedule without a new session.
        flexible: stand by, pause at the charger's wish, and change the service, all without a new session.
        bidirectional: transfer energy back from the vehicle.
        megawatt: charge over a megawatt coupler.
        held: the charger keeps the connection open for some time after the end, so that the vehicle can close it first.
        short_ids: session ids may have fewer than eight bytes.
        whole_watts: powers of schedules and profiles are whole numbers of W, without a unit.
    """

    energy: frozenset[Energy]
    tls: bool = True
    mutual: bool = False
    contract: bool = True
    pause: bool = True
    renegotiation: bool = True
    flexible: bool = False
    bidirectional: bool = False
    megawatt: bool = False
    held: bool = False
    short_ids: bool = False
    whole_watts: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """A protocol's own names for things that every session has.

    Attributes:
        selection: request that selects services and payment; "" if there is no such exchange.
        authorization: request that waits for the authorization.
        loops: request of the charge loop, by kind of energy.
        powered: requests that drive the DC output, so the control pilot must be in C or D when they arrive.
        pilot: other requests -> letters of the control pilot states that they require [V2G-DC-547].
        codes: ResponseCodes of ISO 15118-2 that have another name here.
        timers: prefix of its timer names.
    """

    selection: str
    authorization: str
    loops: Mapping[Energy, str]
    powered: tuple[str, ...]
    pilot: Mapping[str, str]
    codes: Mapping[str, str] = field(default_factory=dict)
    timers: str = "V2G_"

    def presupposed(self, request: str) -> str:
        """Letters of the control pilot states of which a request requires one; "": it may come in any."""
        return "CD" if request in self.powered else self.pilot.get(request, "")


@dataclass(frozen=True, slots=True)
class SideStream:
    """A stream of messages that runs beside the main one (ISO 15118-20).

    Attributes:
        title: its usual name.
        sets: schema sets that its messages may belong to; its payload type does not tell which.
        order: its own legal order of messages.
    """

    title: str
    sets: tuple[str, ...]
    order: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Protocol:
    """One application protocol.

    Attributes:
        name: the name that users give; with a single schema set, also the name of that set.
        title: its usual name.
        offers: its entries in supportedAppProtocol, preferred first.
        modules: its message modules, by schema set.
        wrap: puts a message into its document.
        timing: its timers.
        order: its legal order of messages.
        abilities: what its sessions can do.
        names: its own names for things that every session has.
        payload_types: V2GTP payload type of the main stream, by schema set.
        side: its side streams, by payload type.
    """

    name: str
    title: str
    offers: tuple[Offer, ...]
    modules: Mapping[str, ModuleType]
    wrap: Wrap
    timing: Timing
    order: tuple[Step, ...]
    abilities: Abilities
    names: Names
    payload_types: Mapping[str, int]
    side: Mapping[int, SideStream] = field(default_factory=dict)

    # -- messages -------------------------------------------------------------------------------------------------

    def message(self, name: str) -> type[Any] | None:
        """The message class with a name, or None."""
        for module in self.modules.values():
            found: type[Any] | None = getattr(module, name, None)
            if found is not None:
                return found
        return None

    def set_of(self, kind: type[Any]) -> str:
        """The schema set that a message class belongs to.

        Raises:
            KeyError: the class belongs to another protocol.
        """
        if len(self.modules) == 1:
            return next(iter(self.modules))
        found = self._set_of_module.get(kind.__module__)
        if found is None:
            raise KeyError(f"{kind.__name__} is not a message of {self.title}")
        return found

    @cached_property
    def _set_of_module(self) -> Mapping[str, str]:
        return {module.__name__: name for name, module in self.modules.items()}

    def schema_of(self, kind: type[Any]) -> Schema:
        """The schema set that a message class belongs to, as an object."""
        return messages.schema(self.set_of(kind))

    def schemas(self) -> list[Schema]:
        """The schema sets that conductive charging needs."""
        return [messages.schema(name) for name in self.modules if not name.endswith(("-wpt", "-acdp"))]

    def sets(self, payload_type: int) -> tuple[str, ...]:
        """The schema sets of a payload type of the main stream; none for any other."""
        return self._sets_of_type.get(payload_type, ())

    @cached_property
    def _sets_of_type(self) -> Mapping[int, tuple[str, ...]]:
        types = dict.fromkeys(self.payload_types.values())
        return {known: tuple(name for name, own in self.payload_types.items() if own == known) for known in types}

    def response_to(self, request: type[Any]) -> type[Any] | None:
        """The response class that pairs with a request class, or None."""
        return self._responses.get(request.__name__)

    @cached_property
    def _responses(self) -> Mapping[str, type[Any]]:
        """The response class of each request, by the request's name."""
        names = {name for module in self.modules.values() for name in vars(module) if name.endswith("Req")}
        found = {name: self.message(naming.response(name)) for name in names}
        return {name: kind for name, kind in found.items() if kind is not None}

    # -- for protocols with a single schema set -------------------------------------------------------------------

    @property
    def schema(self) -> Schema:
        """Schema set of its messages; the first of several."""
        return messages.schema(next(iter(self.modules)))

    @property
    def module(self) -> Any:
        """Its messages; the first module of several."""
        return next(iter(self.modules.values()))

    @property
    def payload_type(self) -> int:
        """Payload type of its frames; the first of several."""
        return next(iter(self.payload_types.values()))

    @property
    def namespace(self) -> str:
        """The namespace that supportedAppProtocol offers first."""
        return self.offers[0].namespace

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version that supportedAppProtocol offers first."""
        return self.offers[0].version

    # -- questions ------------------------------------------------------------------------------------------------

    def can_charge(self, energy: Energy, *, megawatt: bool = False) -> bool:
        """Whether its sessions can transfer this energy, and, if required, over a megawatt coupler."""
        return energy in self.abilities.energy and (self.abilities.megawatt or not megawatt)

    def loop(self, energy: Energy) -> str:
        """Request of the charge loop; if the protocol has none for this energy, that of the other kind."""
        return self.names.loops.get(energy) or next(iter(self.names.loops.values()))

    def is_loop(self, request: str) -> bool:
        """Whether a request belongs to the charge loop."""
        return request in self.names.loops.values()

    def timer(self, name: str) -> str:
        """The name that a timer of :class:`v2g.timing.Timing` has in this protocol."""
        return self.names.timers + name.removeprefix("V2G_") if name.startswith("V2G_") else name

    def code(self, code: str) -> str:
        """The name that a ResponseCode has in this protocol."""
        return self.names.codes.get(code, code)


ONE_STREAM = v2gtp.EXI
"""Payload type of all protocols before ISO 15118-20."""


def body(module: Any) -> Wrap:
    """The wrapping for DIN SPEC 70121 and ISO 15118-2: a V2G_Message with header and body."""

    def wrap(message: Any, session_id: bytes, signature: SignatureType | None = None, time: int = 0) -> Any:
        header = module.MessageHeaderType(SessionID=session_id, Signature=signature)
        return module.V2G_Message(Header=header, Body=module.BodyType(BodyElement=message))

    return wrap
