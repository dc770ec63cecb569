"""The last line of a test run, and that no reason for skipping escapes it."""

from __future__ import annotations

import ast
from pathlib import Path

import needs
import pytest

TESTS = Path(__file__).parent


def test_the_last_line_names_what_is_missing() -> None:
    reasons = [
        "Skipped: needs tshark (Debian package tshark)", "Skipped: needs tshark (Debian package tshark)",
        "Skipped: needs root and iproute2 for network namespaces", "Skipped: because",
    ]  # fmt: skip
    assert needs.summary(reasons) == (
        "skipped for lack of: tshark (apt install tshark): 2; "
        "root and network namespaces (sudo, apt install iproute2): 1; because: 1"
    )
    assert needs.summary([]) == "no test was skipped"


def _text(node: ast.expr) -> str:
    """A reason as far as it is spelled out."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "/x" for p in parts)


def reasons(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("skip", "skipif"):
            given = [k.value for k in node.keywords if k.arg == "reason"]
            given += node.args[:1] if node.func.attr == "skip" else []
            found += [_text(value) for value in given if isinstance(value, (ast.Constant, ast.JoinedStr))]
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "REASON" for t in node.targets):
            found.append(_text(node.value))
    return found


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.relative_to(TESTS).as_posix())
def test_every_reason_for_skipping_is_known(path: Path) -> None:
    """One that is not is added to `needs.NEEDS`, with what to do about it."""
    assert [reason for reason in reasons(path) if needs.need_of(reason) is None and path != Path(__file__)] == []
