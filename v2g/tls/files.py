"""Contexts from files and from a PKI directory; each mistake is one line that names the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509

from pki import framing, loading, revocation
from pki.certificates import read_certificates
from pki.errors import PkiError
from pki.profiles import Role
from pki.revocation import Revocations
from pki.store import Store, self_signed
from v2g.errors import SetupError
from v2g.tls import staples
from v2g.tls.context import Context, Credential, Trust
from v2g.tls.options import ISO2, Options


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return read_certificates(path)
    except PkiError as why:
        raise SetupError(str(why)) from why


def _key(path: Path, password: str | None) -> Any:
    try:
        return loading.private_key(framing.read(path), str(path), password)
    except PkiError as why:
        raise SetupError(str(why)) from why


def credential(
    chain: Path,
    key: Path,
    *,
    password: str | None = None,
    root: Path | None = None,
    ocsp: Sequence[Path] = (),
) -> Credential:
    """A chain and its key from files.

    Args:
        chain: leaf first, then the sub-CAs; a root at the end is used as ``root``.
        key: the leaf's key.
        root: root of the chain, needed to match a root that a vehicle names by its hash.
        ocsp: OCSP responses in DER to staple.

    Raises:
        SetupError: a file cannot be read, or key and certificate do not fit.
    """

    certificates = _certificates(chain)
    secret = _key(key, password)
    if secret.public_key() != certificates[0].public_key():
        raise SetupError(f"{chain} with {key}: the key belongs to another certificate")
    anchor = _certificates(root)[0] if root is not None else None
    if len(certificates) > 1 and self_signed(certificates[-1]):
        anchor = anchor or certificates[-1]
        certificates.pop()
    stapler = staples.from_files(ocsp) if ocsp else None
    return Credential(certificates, secret, anchor, str(chain), stapler)


def trust(*files: Path) -> Trust:
    """Trusted roots from PEM files.

    Raises:
        SetupError: a file cannot be read or holds no certificate.
    """
    return Trust([one for path in files for one in _certificates(path)], ", ".join(map(str, files)))


def revoked_by(files: Sequence[Path]) -> Callable[[x509.Certificate, x509.Certificate], str] | None:
    """A function that says what revocation lists say about a certificate; None without any lists.

    Raises:
        SetupError: a file cannot be read or is not a revocation list.
    """
    try:
        lists = [revocation.read_crl(path) for path in files]
    except PkiError as why:
        raise SetupError(str(why)) from why

    def asked(certificate: x509.Certificate, issuer: x509.Certificate) -> str:
        said = (revocation.listed(one, [issuer]) for one in lists)
        return next((text for one in said if one is not None and (text := one(certificate, issuer))), "")

    return asked if lists else None


def server(
    chain: Path,
    key: Path,
    *,
    password: str | None = None,
    options: Options = ISO2,
    vehicle_roots: Path | None = None,
    root: Path | None = None,
    ocsp: Sequence[Path] = (),
) -> Context:
    """The charger's side, from files.

    Args:
        chain, key, password, root, ocsp: see :func:`credential`.
        vehicle_roots: roots for the vehicle's certificate (ISO 15118-20); None: any certificate is accepted.

    Raises:
        SetupError: a file cannot be read, or key and certificate do not fit.
    """
    own = credential(chain, key, password=password, root=root, ocsp=ocsp)
    return Context("server", options, [own], trust(vehicle_roots) if vehicle_roots else None)


def client(
    roots: Path | None,
    *,
    options: Options = ISO2,
    vehicle: Credential | None = None,
) -> Context:
    """The vehicle's side, from files.

    Args:
        roots: PEM file of trusted V2G roots; None: any certificate is accepted (nothing is authenticated).
        vehicle: the vehicle's certificate, for ISO 15118-20.

    Raises:
        SetupError: the file cannot be read or holds no certificate.
    """
    own = [vehicle] if vehicle is not None else []
    return Context("client", options, own, trust(roots) if roots is not None else None)


# ---------------------------------------------------------------------------------------------------------------
# A PKI directory


def of_store(
    role: str,
    stores: Sequence[Store],
    options: Options = ISO2,
    *,
    vehicle: Role = Role.VEHICLE,
) -> Context:
    """A side from PKI directories: its own chain and the roots for the peer come from the same place.

    Args:
        role: ``client`` (vehicle) or ``server`` (charger).
        stores: stores of one or several suites; a charger for both standards has a chain of each.
        vehicle: the certificate that a vehicle presents; benches without vehicle certificates present the provisioning
            certificate.

    Raises:
        SetupError: something that the role needs is missing; says what.
    """
    client_side = role == "client"
    wanted, anchors = (
        (vehicle, (Role.V2G_ROOT, Role.V2G_ROOT2, Role.PRIVATE_ROOT))
        if client_side
        else (Role.SECC, (Role.OEM_ROOT, Role.V2G_ROOT))
    )
    own, roots, revoked = [], [], Revocations()
    try:
        for store in stores:
            revoked.entries.update(Revocations.of(store).entries)
            for entry in store.of_role(wanted):
                if entry.has_key:
                    anchor = entry.root.certificate if entry.root else None
                    stapler = None if client_side else staples.from_store(store)
                    file = str(entry.path or entry.name)
                    own.append(Credential(list(entry.chain), entry.key, anchor, file, stapler))
            roots += [entry.certificate for entry in store.of_role(*anchors)]
    except PkiError as why:
        raise SetupError(str(why)) from why
    where = ", ".join(str(store.directory) for store in stores)
    if not own and not client_side:
        raise SetupError(f"{where}: no {wanted} certificate with a private key; a charger needs one for TLS")
    if not roots:
        raise SetupError(f"{where}: no root certificate ({', '.join(anchors)})")
    trusted = Trust(roots, where, revoked)
    return Context("client" if client_side else "server", options, own, trusted)
