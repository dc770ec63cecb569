"""A seeded fault: one thing in our own role that a careless implementation would do; and the common ways to be wrong.

It is put in place through the role's options, its table of answers, or by replacing one function while a case runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import msgspec

from evcc.drive import Drive
from plugfest.conformance.fields import replaced
from secc.minimal import minimal
from secc.visit import AnswerTable, Refusal, Visit
from v2g.messages import appproto, din70121, iso2
from v2g.messages.iso20 import ac, common, dc
from v2g.protocols import ISO2

Adjust = Callable[[Any], None]

SETS: dict[str, Any] = {
    "iso2": iso2, "din70121": din70121, "appproto": appproto, "iso20": common, "iso20-dc": dc, "iso20-ac": ac,
}  # fmt: skip
"""Modules of messages by a short name."""


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: short and stable.
        text: what is wrong.
        sut: the role it sits in, secc or evcc.
        caught_by: runs that must catch it: fail, or for what only our reading forbids, have a finding.
        adjust: changes the role before it starts.
        patches: (object, attribute, replacement) while the case runs.
        reading: only our own reading forbids it; of a whole case, the catalogue says so.
    """

    name: str
    text: str
    sut: str
    caught_by: tuple[str, ...]
    adjust: Adjust = lambda system: None
    patches: tuple[tuple[Any, str, Any], ...] = ()
    reading: bool = False

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for target, attribute, replacement in self.patches:
                stack.enter_context(patch.object(target, attribute, replacement))
            yield


FAULTS: list[Fault] = []


def charger(
    name: str, text: str, *caught_by: str, adjust: Adjust | None = None, patches: Any = (), reading: bool = False
) -> None:
    FAULTS.append(Fault(name, text, "secc", caught_by, adjust or (lambda system: None), tuple(patches), reading))


def vehicle(
    name: str, text: str, *caught_by: str, adjust: Adjust | None = None, patches: Any = (), reading: bool = False
) -> None:
    FAULTS.append(Fault(name, text, "evcc", caught_by, adjust or (lambda system: None), tuple(patches), reading))


# Ways to be wrong


def timing(**timers: float) -> Adjust:
    """Timers of a role."""

    def adjust(system: Any) -> None:
        system.options.timing = {key.replace("__", "."): value for key, value in timers.items()}

    return adjust


def answering(request: str, change: Callable[[Any, Any, Any], Any], module: str = "iso2") -> Adjust:
    """Another answer: ``change(visit, request, answer)`` gives the response; ``answer()`` is the right one."""

    def adjust(system: Any) -> None:
        tables = dict(system.options.answers)
        table = AnswerTable(tables[module])
        kind = next(kind for kind in table if kind.__name__ == request)
        right = table[kind]

        async def answer(visit: Any, message: Any) -> Any:

            def good() -> Any:
                return right(visit, message)

            result = change(visit, message, good)
            while inspect.isawaitable(result):
                result = await result
            return result

        table[kind] = answer
        tables[module] = table
        system.options.answers = tables

    return adjust


def sending(name: str, change: Callable[[Any], Any], module: str = "iso2") -> Adjust:
    """A message changed on its way out, if it is not a refusal."""

    def adjust(system: Any) -> None:
        source = SETS[module]

        def rewrite(message: Any) -> Any:
            refused = str(getattr(message, "ResponseCode", "OK")).startswith("FAILED")
            return message if refused else change(message)

        system.options.rewrite[getattr(source, name)] = rewrite

    return adjust


def with_(**fields: Any) -> Callable[[Any], Any]:
    return lambda message: msgspec.structs.replace(message, **fields)


def deep(name: str, value: Any) -> Callable[[Any], Any]:
    """A field anywhere in the message; a message without it stays as it is."""

    def change(message: Any) -> Any:
        with contextlib.suppress(KeyError):
            return replaced(message, name, value)
        return message

    return change


def late(seconds: float) -> Callable[[Any], Any]:
    async def wait(message: Any) -> Any:
        await asyncio.sleep(seconds)
        return message

    return wait


def accepting(response: str, **fields: Any) -> Callable[[Any, Any, Any], Any]:
    """Answers OK whatever was asked."""

    def change(visit: Any, message: Any, good: Any) -> Any:
        return minimal(ISO2.schema, getattr(iso2, response), dc=visit.dc, **{"ResponseCode": "OK", **fields})

    return change


def unjudged(*names: str) -> list[tuple[Any, str, Any]]:
    """Patches of a role that does not care for these content rules."""
    judges, heeds = Visit.check_content, Drive.heed

    def kept(breaches: Any) -> list[Any]:
        return [breach for breach in breaches if breach.rule.name not in names]

    def check(visit: Any) -> None:
        visit.breaches = kept(visit.breaches)
        judges(visit)

    def heed(drive: Any) -> None:
        received = drive.session.last_received
        drive.session.last_received = replace(received, breaches=kept(received.breaches))
        heeds(drive)

    return [(Visit, "check_content", check), (Drive, "heed", heed)]


def nothing(*_: Any, **__: Any) -> None:
    """A check that checks nothing."""


async def async_nothing(*_: Any, **__: Any) -> None:
    """The same for one that waits."""


def refusing(code: str) -> Callable[..., None]:
    """A check that refuses whatever comes."""

    def check(*_: Any, **__: Any) -> None:
        raise Refusal(code, "seeded")

    return check
