"""Contract payment on a bench: what a charger and a vehicle need for it, from the bench's certificates."""

from __future__ import annotations

from evcc.wallet import Wallet, Wallet20
from pki.profiles import Role
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.sut.certificates import EMAIDS, Certificates, credential
from secc import iso20_provisioning
from secc.contracts import Contracts
from secc.provisioning import LocalBackend
from v2g.credentials import Credential, plain_id


def charger_contracts20(bench: Certificates, pics: Pics) -> Contracts:
    """The same in ISO 15118-20."""
    store = bench.store

    def issue(wanted: str) -> Credential:
        return credential(bench.issue(Role.CONTRACT, store[Role.MO_SUB2], f"new-{wanted}", {"cn": wanted}))

    return Contracts(
        roots=bench.mo_roots,
        backend20=iso20_provisioning.LocalBackend(
            provider=credential(store[Role.CPS]),
            oem_authorities=[entry.der for entry in store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)],
            issue=issue,
            any_vehicle=[plain_id(store[Role.CONTRACT].common_name)],
            grammar=pics.grammar,
        ),
        tariff_keys20=(credential(store[Role.MO_SUB2]),),
        grammar=pics.grammar,
    )


def vehicle_wallet20(bench: Certificates, pics: Pics) -> Wallet20:
    """The same in ISO 15118-20; a vehicle that installs its contract in the session starts without one."""
    installs = pics["PIXIT_EVCC_CMN_CertificateHandling"] == "certInstall"
    return Wallet20(
        contracts=[] if installs else [bench.contract()], provisioning=bench.provisioning(), roots=bench.roots
    )


def charger_contracts(bench: Certificates, pics: Pics) -> Contracts:
    """What a charger needs for contract payment, as declared."""
    store = bench.store

    def issue(wanted: str) -> Credential:
        return credential(bench.issue(Role.CONTRACT, store[Role.MO_SUB2], f"new-{wanted}", {"cn": wanted}))

    refused = dict.fromkeys((EMAIDS["wrong"].upper(), EMAIDS["malformed"].upper()), "FAILED_NoCertificateAvailable")
    backend = LocalBackend(
        provider=credential(store[Role.CPS]),
        oem_authorities=[entry.der for entry in store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)],
        mo_roots=bench.mo_roots,
        issue=issue,
        any_vehicle=store[Role.CONTRACT].common_name,
        verdicts=refused,
    )
    return Contracts(
        roots=bench.mo_roots,
        backend=backend,
        verdicts=refused,
        receipt_every=0.0 if pics["PIXIT_SECC_CMN_ReceiptRequired"] else None,
        tariff_key=credential(store[Role.MO_SUB2]),
        revoked=bench.revoked,
    )


def vehicle_wallet(bench: Certificates, pics: Pics) -> Wallet:
    """A vehicle's wallet, as declared: with a contract, without one (to be installed), or with an expiring one."""
    handling = pics["PIXIT_EVCC_CMN_CertificateHandling"]
    contract = {"certInstall": None, "certUpdate": bench.contract("CRT_CONTRACT_LEAF_EXPIRES")}.get(
        handling, bench.contract()
    )
    return Wallet(contract=contract, provisioning=bench.provisioning(), roots=bench.roots)
