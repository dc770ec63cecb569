"""The keys of a bench file as Markdown, made from the model."""

from __future__ import annotations

import inspect as inspection
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from plugfest.config import actions, charger, contract, model, secure, vehicle
from plugfest.config.check import bare, wanted

_INTRO = """\
# The bench file

Every key of the file that `plugfest run FILE` takes. `plugfest config check FILE` checks one, `plugfest config schema`
prints the JSON Schema for editors, `plugfest config keys` this page. Keys that are also options of `plugfest evcc`,
`secc` and `demo` have the same names; `--set KEY=VALUE` reaches the others (`--set vehicle.max-current=60`). Files are
looked for beside the bench file.
"""

SECTIONS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("The bench", model.Bench),
    ("`vehicle`", vehicle.Vehicle),
    ("`vehicle.battery`, unless it is a name", vehicle.Pack),
    ("`vehicle.onboard`", vehicle.Onboard),
    ("`vehicle.offer`, each", vehicle.Offer),
    ("`charger`", charger.Charger),
    ("`charger.ac-supply`", charger.Supply),
    ("`charger.needs`", charger.Needs),
    ("`charger.schedule`, each", contract.Slot),
    ("`charger.plans`, each", contract.Plan),
    ("`charger.plans.prices`, each", contract.Price),
    ("`charger.plans.fees` and `discharge-fees`, each", contract.Fee),
    ("`charger.services`, each that is not a name", contract.Service),
    ("`vehicle.tls` and `charger.tls`", secure.TlsOptions),
    ("`vehicle.tls.deviate` and `charger.tls.deviate`", secure.TlsDeviations),
    ("`mqtt`", model.Mqtt),
    ("`timeline`, each", actions.Step),
    ("`deviations`, each", actions.Deviation),
)


def markdown() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _INTRO
    for title, kind in SECTIONS:
        yield f"## {title}\n"
        if kind in (actions.Step, actions.Deviation):
            yield f"{inspection.cleandoc(kind.__doc__ or '').replace('``', '`')}\n"
        yield from _table(kind)
        yield ""
        if kind is actions.Step:
            yield from _actions()


def _table(kind: type[msgspec.Struct], *, without: frozenset[str] = frozenset()) -> Iterator[str]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for field in info.fields:
        if field.encode_name in without:
            continue
        about = _description(field.type) or _doc(bare(field.type))
        value = wanted([bare(t) for t in _parts(field.type)]).replace("|", "\\|")
        default = "required" if field.required else _default(field)
        yield f"| `{field.encode_name}` | {value} | {default} | {about} |"


def _actions() -> Iterator[str]:
    trigger = frozenset(field.encode_name for field in msgspec.structs.fields(actions.Step))
    for kind in actions.Action.__args__:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        yield f"### `do: {info.tag}`\n"
        yield f"{inspection.cleandoc(kind.__doc__ or '').replace('``', '`')}\n"
        if len(info.fields) > len(trigger):
            yield from _table(kind, without=trigger)
            yield ""


def _parts(kind: inspect.Type) -> list[inspect.Type]:
    kind = bare(kind)
    return list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]


def _description(kind: inspect.Type) -> str:
    while isinstance(kind, inspect.Metadata):
        text = (kind.extra_json_schema or {}).get("description")
        if text:
            return str(text)
        kind = kind.type
    return ""


def _doc(kind: inspect.Type) -> str:
    return (getattr(kind, "cls", None).__doc__ or "").strip().splitlines()[0] if hasattr(kind, "cls") else ""


def _default(field: inspect.Field) -> str:
    value: Any = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory() if callable(field.default_factory) else None
    if value in (None, "", [], {}) or isinstance(value, msgspec.Struct):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
