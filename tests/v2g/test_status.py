"""What a status or a ResponseCode means is decided in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2g.status import refuses

ROOT = Path(__file__).parents[2]
OWN = {
    "v2g/status.py",  # the place
    "v2g/session.py",  # without the handshake's code, which its caller explains
    "plugfest/traces/checks/order.py",  # the same: what comes after it is the handshake's order
    "plugfest/conformance/watch/messages.py",  # EVErrorCode, which has words that begin alike
}


@pytest.mark.parametrize(
    ("code", "refused"),
    [("FAILED", True), ("FAILED_SequenceError", True), ("Failed_NoNegotiation", True), ("OK", False),
     ("WARNING_NoCertificateAvailable", False), ("OK_SuccessfulNegotiation", False)],
)  # fmt: skip
def test_a_code_refuses_or_does_not(code: str, refused: bool) -> None:
    assert refuses(code) is refused


def test_nobody_else_reads_how_a_code_begins() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("v2g", "evcc", "secc", "plugfest")
        for path in (ROOT / package).rglob("*.py")
        if 'startswith("FAILED' in path.read_text(encoding="utf-8")
    }
    assert found == OWN
