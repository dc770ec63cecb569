"""The page of the docs that lists all rules (``python -m v2g.rules.page > docs/rules.md``)."""

from __future__ import annotations

from v2g import naming
from v2g.protocols import PROTOCOLS
from v2g.rules.rule import CLASSIC, Rule
from v2g.rules.table import RULES

HEAD = """# Content rules

Drawn from the table in `v2g/rules`; do not edit. What a message may say, given what was said before: the roles act on
it live, and `plugfest trace check` reports it in recordings. A rule judges messages of the vehicle (`evcc`), of the
charger (`secc`), or says of both together what is worth knowing.

- **refused**: the charger answers with the code and ends the session; the vehicle ends the session.
- **tolerated and reported; refused by a strict role**: see [deviations](deviations.md) and `--strict`.
- **the vehicle disconnects and stops charging**: pilot to B, contactors open, PowerDelivery(Stop) with the error code.
- **reported**: a line in the trace and in the summary, no more.
- **reported by a check only**: the roles ignore it.

Severity is that of a finding in a recording: a violation is forbidden and the session depends on it, a warning is
tolerated or in doubt, a note is worth knowing.
"""


def _protocols(rule: Rule) -> str:
    """The protocols in which a rule applies, by their usual names."""
    if all(name.startswith("supportedAppProtocol") for name in rule.messages or ("",)):
        return "all"
    sets = rule.protocols or CLASSIC
    found = [p.title.removeprefix("ISO 15118") for p in PROTOCOLS.values() if any(name in sets for name in p.modules)]
    return ", ".join(title.replace(" SPEC 70121", "") for title in found)


def _row(rule: Rule) -> str:
    code = rule.error or (rule.code if rule.live.name in ("REFUSED", "TOLERATED") and rule.side == "evcc" else "")
    codes = [code, *(f"{other} in DIN" for _, other in rule.codes)] if code else []
    where = ", ".join(naming.exchange(name) for name in rule.messages) or "all"
    sources = ", ".join(identifier for _, identifier in rule.requirements)
    cells = (
        f"`{rule.name}`", _protocols(rule), rule.side or "–", where, rule.asks, rule.severity, rule.live.value,
        ", ".join(codes) or "–", sources or "–",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """docs/rules.md."""
    lines = [
        HEAD,
        "| rule | in | side | messages | requires that | severity | live | code | source |",
        "|" + "---|" * 9,
    ]
    return "\n".join([*lines, *(_row(rule) for rule in RULES), ""])


if __name__ == "__main__":
    from boundary.console import raw

    raw(page())
