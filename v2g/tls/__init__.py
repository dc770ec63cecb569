"""TLS as ISO 15118 requires it, written for the bench: both ends, TLS 1.2 and 1.3, with deviations at every step.

No available TLS library does everything that the standards require: static ECDH (0xC025), ``trusted_ca_keys``, one OCSP
response per certificate (``status_request_v2``), ``certificate_authorities`` in the hello, exactly two groups; and none
lets a tester send a chosen alert, a wrong chain or a broken signature. So this is our own implementation on the
primitives of ``cryptography``. It is made for testing: it has no protection against timing attacks, and does not resume
sessions.

::

    context = tls.server(chain, key)                    # or tls.client(roots)
    connection = await tls.start(context, reader, writer, observe)

========================  ====================================================================
:mod:`v2g.tls.options`    what is offered, accepted, checked, and deliberately done wrong: plain data
:mod:`v2g.tls.context`    certificates, trusted roots, the choice of a chain; :mod:`.files` makes them
:mod:`v2g.tls.vehicle`    the vehicle's handshake, message by message
:mod:`v2g.tls.charger`    the charger's
:mod:`v2g.tls.checks`     checks of the peer's certificates and OCSP responses
:mod:`v2g.tls.messages`   handshake messages as values; :mod:`.extensions`: what they carry
:mod:`v2g.tls.endpoint`   records, handshake messages, alerts; :mod:`.connection` adds application data
:mod:`v2g.tls.failure`    :class:`TlsFailure`: which check, certificate, file and alert
:mod:`v2g.tls.tables`     names and numbers; what each alert means on a bench
========================  ====================================================================
"""

from __future__ import annotations

import asyncio

from v2g.errors import SetupError
from v2g.tls import report, staples
from v2g.tls.bench import bench_certificate, make_certificate, make_store, vehicle_credential
from v2g.tls.connection import Connection
from v2g.tls.context import Context, Credential, Trust
from v2g.tls.endpoint import Deliberate, PeerAlert, PeerClosed
from v2g.tls.failure import Fatal, TlsFailure
from v2g.tls.files import client, credential, of_store, revoked_by, server, trust
from v2g.tls.options import BOTH, ISO2, ISO20, LAB, PROFILES, Deviations, Options, options_of, parse_changes
from v2g.trace import Observe


async def start(
    context: Context,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    observe: Observe | None = None,
) -> Connection:
    """Performs the handshake over a pair of streams from which nothing has been read yet.

    Returns:
        The connection; it has the methods of the streams that :class:`v2g.channel.Channel` uses.

    Raises:
        TlsFailure: it failed; the alert due was sent, the streams are still open.
    """
    from v2g.tls import charger, vehicle  # the handshakes import this package

    connection = Connection(context, reader, writer, observe or context.observe)
    handshake = vehicle.handshake if context.role == "client" else charger.handshake
    try:
        await handshake(connection)
        connection.connected = True
        await connection.after_handshake()
    except (Fatal, PeerAlert, PeerClosed, Deliberate) as why:
        failure = await report.failed(connection, why)
        context.failures.append(failure)
        raise failure from why
    except SetupError as why:  # a deviation that this bench cannot make
        connection.tell("handshake-failed", note=str(why))
        raise
    connection.tell("handshake", note=connection.report)
    return connection


__all__ = [
    "BOTH",
    "ISO2",
    "ISO20",
    "LAB",
    "PROFILES",
    "Connection",
    "Context",
    "Credential",
    "Deviations",
    "Options",
    "TlsFailure",
    "Trust",
    "bench_certificate",
    "client",
    "credential",
    "make_certificate",
    "make_store",
    "of_store",
    "options_of",
    "parse_changes",
    "revoked_by",
    "server",
    "staples",
    "start",
    "trust",
    "vehicle_credential",
]
