"""Arguments of ``plugfest pki``: dates, times, roles and seeds out of text."""

from __future__ import annotations

import datetime
from urllib.parse import urlsplit

from boundary.choices import unknown
from pki import authority
from pki.profiles import Role
from plugfest.errors import UserError


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def date(text: str | None) -> datetime.datetime:
    """Midnight UTC of a date, or of today."""
    try:
        day = datetime.date.fromisoformat(text) if text else now().date()
    except ValueError as why:
        raise UserError(f"--date {text}: give a date such as 2026-05-31") from why
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)


def time(text: str | None) -> datetime.datetime:
    """A point in time, UTC, or now."""
    try:
        at = datetime.datetime.fromisoformat(text) if text else now()
    except ValueError as why:
        raise UserError(f"--at {text}: give a time such as 2026-05-31 or 2026-05-31T12:00") from why
    return at if at.tzinfo else at.replace(tzinfo=datetime.UTC)


def seed(text: str | None) -> bytes | None:
    return authority.seed_octets(text) if text is not None else None


def role(text: str | None) -> Role | None:
    try:
        return Role(text) if text else None
    except ValueError:
        raise UserError(unknown("role", text, Role)) from None


def responder(text: str | None) -> str:
    """Where certificates say that OCSP and CRLs are, "" for nowhere. Raises UserError: not an address."""
    if text is None:
        return authority.RESPONDER.rstrip("/")
    text = text.rstrip("/")
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if text and not (fits and text.isascii() and text.isprintable()):
        raise UserError(f"--responder {text}: give http://HOST[:PORT][/PATH] in ASCII, or '' for none")
    return text
