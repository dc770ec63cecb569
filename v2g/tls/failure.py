"""Why a handshake failed, in the words of the bench: which message, which certificate, which check, which file, and
which alert went over the line."""

from __future__ import annotations

from v2g.errors import SetupError
from v2g.tls.tables import ALERT_CODES, alert_text


class Fatal(Exception):
    """The handshake cannot continue because of what the peer sent.

    Attributes:
        alert: name of the alert to send.
        text: why, in words.
        check: stable word for the check that failed.
        certificate: subject of the certificate it is about.
    """

    def __init__(self, alert: str, text: str, *, check: str = "", certificate: str = "") -> None:
        super().__init__(text)
        self.alert = alert
        self.text = text
        self.check = check or alert
        self.certificate = certificate


class TlsFailure(SetupError):
    """A TLS handshake failed.

    Attributes:
        role: ours, ``client`` (vehicle) or ``server`` (charger).
        step: the handshake message that was being read or awaited.
        check: stable word for what failed; of a received alert its name.
        certificate: subject of the certificate it is about, or "".
        file: the file of ours to look at, or "".
        sent: name of the alert we sent, or "".
        received: name of the alert the peer sent, or "".
    """

    def __init__(
        self,
        text: str,
        *,
        role: str = "",
        step: str = "",
        check: str = "",
        certificate: str = "",
        file: str = "",
        sent: str = "",
        received: str = "",
    ) -> None:
        super().__init__(f"TLS handshake failed: {text}")
        self.role = role
        self.step = step
        self.check = check
        self.certificate = certificate
        self.file = file
        self.sent = sent
        self.received = received


PEER = {"client": "the charger", "server": "the vehicle"}
"""Who is at the other end, by our role."""


def of_alert(role: str, code: int, step: str, about: str) -> str:
    """The text for an alert received: who, which, when, and what it means here.

    Args:
        step: what we waited for.
        about: what of ours it is likely about: chain, offer.
    """
    text = f"{PEER[role]} answered with the alert {alert_text(code)}"
    if step:
        text += f"; it came in place of {step}"
    return text + (f". {about}" if about else "")


CERTIFICATE_ALERTS = frozenset(
    ALERT_CODES[name]
    for name in (
        "bad_certificate", "unsupported_certificate", "certificate_revoked", "certificate_expired",
        "certificate_unknown", "unknown_ca", "access_denied", "bad_certificate_status_response", "decrypt_error",
    )
)  # fmt: skip
"""Alerts that are about our certificates."""

OFFER_ALERTS = frozenset(
    ALERT_CODES[name]
    for name in ("handshake_failure", "insufficient_security", "protocol_version", "illegal_parameter")
)
"""Alerts that are about what was offered or chosen."""
