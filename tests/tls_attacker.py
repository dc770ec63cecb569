"""A TLS end that breaks one rule on purpose, and what the other end makes of it: for tests of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tls_world import charger, store, vehicle

from v2g import tls
from v2g.channel import Channel
from v2g.errors import ConnectionLost
from v2g.memory_link import memory_pair
from v2g.tls import charger as charger_script
from v2g.tls import extensions as ext
from v2g.tls import vehicle as vehicle_script
from v2g.tls.connection import Connection
from v2g.tls.endpoint import Deliberate, PeerAlert, PeerClosed
from v2g.tls.failure import Fatal
from v2g.tls.messages import ClientHello, ServerHello
from v2g.tls.tables import ALERTS

Change = Callable[[bytes], bytes]
Insert = Callable[["Attacker"], None]


class Attacker(Connection):
    """Runs our handshake, but for what it is told to change or to put in between."""

    change: dict[str, Change]
    before: dict[str, Insert]
    after: dict[str, Insert]

    async def send(self, name: str, body: bytes) -> None:
        if name in self.before:
            self.before[name](self)
        if name in self.change:
            body = self.change[name](body)
        await super().send(name, body)
        if name in self.after:
            self.after[name](self)

    async def send_change(self) -> None:
        if "ChangeCipherSpec" in self.before:
            self.before["ChangeCipherSpec"](self)
        if "ChangeCipherSpec" in self.change:
            self.send_record(20, self.change["ChangeCipherSpec"](b"\x01"))
        else:
            await super().send_change()
        if "ChangeCipherSpec" in self.after:
            self.after["ChangeCipherSpec"](self)


@dataclass
class Attack:
    """One breach of a rule.

    Attributes:
        victim: ``charger`` or ``vehicle``.
        profile: of both, as in :data:`v2g.tls.options.PROFILES`.
        change: message of the attacker -> its body instead.
        before, after: message -> what is sent in front of it, or behind it.
        options, others: changes of the attacker's and of the victim's options.
    """

    victim: str
    profile: str = "iso2"
    change: dict[str, Change] = field(default_factory=dict)
    before: dict[str, Insert] = field(default_factory=dict)
    after: dict[str, Insert] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)

    def __call__(self, **changes: Any) -> Attack:
        return replace(self, **changes)


@dataclass
class Met:
    """How it went: the victim's channel or failure, and what the attacker read."""

    channel: Channel | None = None
    failure: tls.TlsFailure | None = None
    attacker: Attacker | None = None
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None


def sides(attack: Attack) -> tuple[tls.Context, tls.Context]:
    """Contexts of the victim and of the attacker."""
    names = ("iso2", "iso20") if attack.profile in ("both", "lab") else (attack.profile,)
    stores = [store(name) for name in names]
    options = tls.PROFILES[attack.profile].change(timeout=5.0)
    makes = {"charger": charger, "vehicle": vehicle}
    other = "vehicle" if attack.victim == "charger" else "charger"
    victim = makes[attack.victim](options.change(**attack.others), *stores)
    return victim, makes[other](options.change(**attack.options), *stores)


async def meet(attack: Attack) -> Met:
    """A handshake with the attacker."""
    charger_end, vehicle_end = await memory_pair()
    ours, theirs = (charger_end, vehicle_end) if attack.victim == "charger" else (vehicle_end, charger_end)
    victim, context = sides(attack)
    met = Met(streams=theirs._streams)
    attacker = met.attacker = Attacker(context, *theirs._streams)
    attacker.change, attacker.before, attacker.after = attack.change, attack.before, attack.after
    script = vehicle_script.handshake if attack.victim == "charger" else charger_script.handshake

    async def attack_it() -> None:
        try:
            await script(attacker)
            await attacker.flush()
            attacker.connected = True
        except (PeerAlert, PeerClosed):
            pass
        except (Fatal, Deliberate):  # it fell over its own deviation; the victim's verdict is still to come
            await attacker.flush()

    async def stand() -> None:
        try:
            await ours.start_tls(victim)
            met.channel = ours
        except tls.TlsFailure as why:
            met.failure = why

    await asyncio.gather(attack_it(), stand())
    return met


async def afterwards(met: Met, send: Insert) -> tuple[str, list[str]]:
    """What the victim does about records after the handshake: its alert by name, and everything that the attacker read
    from then on until the end, in words."""
    assert met.attacker is not None
    assert met.channel is not None, met.failure
    send(met.attacker)
    await met.attacker.flush()
    read: list[str] = []

    async def victim() -> None:
        try:
            async with asyncio.timeout(5):
                await met.channel.read_frame()  # type: ignore[union-attr]  # this bench has one
        except (ConnectionLost, TimeoutError):
            pass
        await met.channel.close()  # type: ignore[union-attr]  # this bench has one

    async def watch() -> None:
        attacker = met.attacker
        assert attacker is not None
        while True:
            try:
                kind, data = await attacker._record()
            except PeerClosed:
                return
            if (kind, data[:1]) == (22, b"\x18"):
                attacker._opening.update()  # type: ignore[attr-defined]  # private, and not declared
            read.append(ALERTS[data[1]].name if kind == 21 else f"{kind}:{data[:1].hex()}")

    await asyncio.gather(victim(), watch())
    fatal = [name for name in read if name not in ("close_notify", "no_renegotiation") and ":" not in name]
    return (fatal[0] if fatal else ""), read


# ---------------------------------------------------------------------------------------------------------------
# Changes


def hello(edit: Callable[[ClientHello], object]) -> Change:
    """ClientHello, edited."""

    def change(body: bytes) -> bytes:
        parsed = ClientHello.parse(body)
        edit(parsed)
        return parsed.pack()

    return change


def second(change: Change) -> Change:
    """Only the second of a message."""
    count = 0

    def apply(body: bytes) -> bytes:
        nonlocal count
        count += 1
        return change(body) if count == 2 else body

    return apply


def answer(edit: Callable[[ServerHello], object]) -> Change:
    """ServerHello, edited."""

    def change(body: bytes) -> bytes:
        parsed = ServerHello.parse(body)
        edit(parsed)
        return parsed.pack()

    return change


def extension(code: int, body: bytes | None) -> Callable[[Any], None]:
    """An extension of a hello put in, replaced or (None) left out."""

    def edit(parsed: Any) -> None:
        if body is None:
            parsed.extensions.pop(code, None)
        else:
            parsed.extensions[code] = body

    return edit


def record(kind: int, data: bytes) -> Insert:
    """A record of the attacker, under its keys of the moment."""
    return lambda attacker: attacker.send_record(kind, data)


def raw(data: bytes) -> Insert:
    """Bytes as they are."""

    def insert(attacker: Attacker) -> None:
        attacker._out += data

    return insert


def times(count: int, insert: Insert) -> Insert:
    def several(attacker: Attacker) -> None:
        for _ in range(count):
            insert(attacker)

    return several


KEY_SHARE, GROUPS, SCHEMES = ext.KEY_SHARE, ext.SUPPORTED_GROUPS, ext.SIGNATURE_ALGORITHMS
