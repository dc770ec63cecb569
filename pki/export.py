"""A PKI for other programs: PKCS#12 containers, and the file layout of other stacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from boundary import write
from pki import keys, pkcs12
from pki.errors import PkiError
from pki.profiles import Role
from pki.store import Entry, Store, public


def container(entry: Entry, password: str) -> bytes:
    """Certificate, key and sub-CAs as PKCS#12.

    Args:
        password: password of the container.

    Raises:
        PkiError: the key is missing.
    """
    return pkcs12.container(entry.name, entry.key, entry.certificate, entry.chain[1:], password)


_JOSEV: Mapping[Role, tuple[str, str]] = {
    # role: stem of the certificate's file, stem of the key's
    Role.V2G_ROOT: ("v2gRootCACert", "v2gRootCA"),
    Role.CPO_SUB1: ("cpoSubCA1Cert", "cpoSubCA1"),
    Role.CPO_SUB2: ("cpoSubCA2Cert", "cpoSubCA2"),
    Role.SECC: ("seccLeafCert", "seccLeaf"),
    Role.CPS_SUB1: ("cpsSubCA1Cert", "cpsSubCA1"),
    Role.CPS_SUB2: ("cpsSubCA2Cert", "cpsSubCA2"),
    Role.CPS: ("cpsLeafCert", "cpsLeaf"),
    Role.MO_ROOT: ("moRootCACert", "moRootCA"),
    Role.MO_SUB1: ("moSubCA1Cert", "moSubCA1"),
    Role.MO_SUB2: ("moSubCA2Cert", "moSubCA2"),
    Role.CONTRACT: ("contractLeafCert", "contractLeaf"),
    Role.OEM_ROOT: ("oemRootCACert", "oemRootCA"),
    Role.OEM_SUB1: ("oemSubCA1Cert", "oemSubCA1"),
    Role.OEM_SUB2: ("oemSubCA2Cert", "oemSubCA2"),
    Role.OEM_PROVISIONING: ("oemLeafCert", "oemLeaf"),
}
_JOSEV_PASSWORDS = ("seccLeaf", "oemLeaf", "contractLeaf", "cpsLeaf", "moSubCA2Leaf")
_JOSEV_CHAINS = {"cpoCertChain": Role.SECC, "oemCertChain": Role.OEM_PROVISIONING}
_JOSEV_DIRECTORIES = {"iso2": "iso15118_2", "iso20": "iso15118_20"}


def josev(store: Store, directory: Path, password: str) -> list[Path]:
    """Writes a PKI in the layout that Josev (iso15118) reads: ``directory`` becomes its PKI_PATH.

    Args:
        password: encrypts the keys, and is written to the files from which Josev reads it. "" leaves the keys
        unencrypted.

    Raises:
        PkiError: a file exists already, a certificate is missing, or Josev does not support the suite.
    """
    if store.suite.name not in _JOSEV_DIRECTORIES:
        raise PkiError(f"Josev has no place for {store.suite.name}; it reads {', '.join(_JOSEV_DIRECTORIES)}")
    base = directory / _JOSEV_DIRECTORIES[store.suite.name]
    files: dict[Path, bytes] = {}
    for role, (certificate, key) in _JOSEV.items():
        entry = store[role]
        files[base / "certs" / f"{certificate}.pem"] = entry.pem
        files[base / "certs" / f"{certificate}.der"] = entry.der
        files[base / "private_keys" / f"{key}.key"] = keys.private_pem(entry.key, password or None)
    for name, role in _JOSEV_CHAINS.items():
        files[base / "certs" / f"{name}.pem"] = store[role].chain_pem
    for name in _JOSEV_PASSWORDS:
        files[base / "private_keys" / f"{name}Password.txt"] = password.encode()
    return write_all(files)


def write_all(files: Mapping[Path, bytes], *, force: bool = False) -> list[Path]:
    """Writes files; only the owner can read the secrets among them.

    Raises:
        PkiError: a file already exists; nothing was written then.
        OutputError: one cannot be written; none was then.
    """
    if not force and (there := next((p for p in files if p.exists()), None)) is not None:
        raise PkiError(f"{there} already exists; --force replaces it")
    write.write_all(files, public=public)
    return list(files)


LAYOUTS = {"josev": josev}
"""Layouts of other stacks by name."""
