"""Why a handshake failed, in the bench's terms: which message, certificate, check and file, and which alert was sent or
received."""

from __future__ import annotations

from v2g.errors import SetupError
from v2g.tls.tables import ALERT_CODES, alert_text


class Fatal(Exception):
    """The handshake cannot continue because of what the peer sent.

    Attributes:
        alert: name of the alert to send.
        text: why, in words.
        check: stable word for the check that failed.
        certificate: subject of the certificate concerned.
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
        role: our role, ``client`` (vehicle) or ``server`` (charger).
        step: the handshake message that was being read or awaited.
        check: stable word for the check that failed; for a received alert, its name.
        certificate: subject of the certificate concerned, or "".
        file: our file to look at, or "".
        sent: name of the alert that we sent, or "".
        received: name of the alert that the peer sent, or "".
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
"""The peer, by our role."""


def of_alert(role: str, code: int, step: str, about: str) -> str:
    """The text for a received alert: who sent which alert when, and what it means here.

    Args:
        step: the message that we were waiting for.
        about: what it probably refers to: our chain or our offer.
    """
    text = f"{PEER[role]} answered with the alert {alert_text(code)}"
    if step:
        text += f"; it arrived instead of {step}"
    return text + (f". {about}" if about else "")


CERTIFICATE_ALERTS = frozenset(
    ALERT_CODES[name]
    for name in (
        "bad_certificate", "unsupported_certificate", "certificate_revoked", "certificate_expired",
        "certificate_unknown", "unknown_ca", "access_denied", "bad_certificate_status_response", "decrypt_error",
    )
)  # fmt: skip
"""Alerts that refer to our certificates."""

OFFER_ALERTS = frozenset(
    ALERT_CODES[name]
    for name in ("handshake_failure", "insufficient_security", "protocol_version", "illegal_parameter")
)
"""Alerts that refer to the offer or the choice."""
