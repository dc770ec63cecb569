"""Contract certificate installation in the vehicle's script of ISO 15118-20.

The request is signed with the provisioning key and repeated unchanged: while the charger is working, and for each
further contract until there are no more or the vehicle has no room. A contract is kept only if everything about it is
valid: the provisioning service's signature and chain up to a V2G root, the contract's chain as far as the vehicle can
check it (it has no mobility operator root), and that the key belongs to the certificate [V2G20-2507].
"""

from __future__ import annotations

from evcc.contract import Undeliverable, check_chain, time_of
from evcc.drive import Drive
from evcc.verbs import until_finished
from evcc.wallet import Wallet20
from pki.errors import PkiError
from v2g import signature
from v2g.credentials import Credential, chain_of, issuers_and_serials, read, sub_certificates, suite_of
from v2g.errors import RemoteError
from v2g.messages.iso20 import common, types

SET = "iso20-common"


async def install(drive: Drive, wallet: Wallet20) -> list[Credential]:
    """CertificateInstallation until there are no more contracts; valid ones are kept.

    Returns:
        The contracts installed; empty if the charger has none, or none that is valid.

    Raises:
        Refused: the charger refused with FAILED.
    """
    own = wallet.provisioning
    assert own is not None
    request = common.CertificateInstallationReq(
        OEMProvisioningCertificateChain=common.SignedCertificateChainType(
            Id="id1", Certificate=own.leaf, SubCertificates=sub_certificates(own.chain)
        ),
        ListOfRootCertificateIDs=types.ListOfRootCertificateIDsType(
            RootCertificateID=issuers_and_serials(wallet.roots)
        ),
        MaximumContractCertificateChains=wallet.most,
        PrioritizedEMAIDs=common.EMAIDListType(EMAID=list(wallet.prioritized)[:8]) if wallet.prioritized else None,
    )
    signed = signature.sign_message(request, own.key, SET, wallet.grammar)
    text = f"CertificateInstallationReq by vehicle {own.name}: {signature.described(signed)}"
    drive.session.tell("state", "signature", text)
    new: list[Credential] = []
    for _ in range(wallet.most):
        res = await until_finished(drive, lambda: request, "V2G_EVCC_Ongoing_Timeout", sign=lambda _: signed)
        if res.ResponseCode.startswith("WARNING"):
            drive.note(f"certificate installation failed: {res.ResponseCode}")
            break
        try:
            contract = accept(drive, wallet, res, own)
        except Undeliverable as why:
            drive.note(f"certificate installation failed: {why}")
        else:
            new.append(contract)
            until = f"valid until {contract.expires:%Y-%m-%d}"
            drive.session.tell("state", "contract", f"installation of {contract.emaid}, {until}")
        if not res.RemainingContractCertificateChains:
            break
        drive.still_wanted()
    wallet.take(new)
    return new


def accept(drive: Drive, wallet: Wallet20, res: common.CertificateInstallationRes, own: Credential) -> Credential:
    """The contract in a response, if everything about it is valid.

    Raises:
        Undeliverable: says what is invalid.
    """
    from pki import delivery20
    from pki.profiles import Role

    provider, data = chain_of(res.CPSCertificateChain), res.SignedInstallationData
    received = drive.session.last_received
    given = received.signature if received is not None else None
    scheme = wallet.scheme or delivery20.LIKE_ISO2
    try:
        made = signature.examine_message(res, given, provider[0], SET)
        check_chain(drive, provider, wallet, Role.CPS, "provisioning service", suite=profiles(drive, provider))
        for name, text in made.notes:
            drive.session.tolerate(name, text)
        chain = chain_of(data.ContractCertificateChain)
        _check_contract(drive, chain, wallet)
        sealed = delivery20.Sealed(
            data.ECDHCurve, delivery20.point_of(data.ECDHCurve, data.DHPublicKey), _encrypted(data)
        )
        leaf = read(chain[0])
        secret = delivery20.unseal(sealed, own.key, own.certificate, leaf, scheme=scheme)
        key = delivery20.private_key(secret, leaf)
    except (RemoteError, PkiError) as why:
        raise Undeliverable(str(why)) from why
    text = f"CertificateInstallationRes: {made}; key by {sealed.curve}, scheme {scheme.name}"
    drive.session.tell("state", "signature", text)
    return Credential(chain, key)


def _encrypted(data: common.SignedInstallationDataType) -> bytes:
    """The sealed key for the curve that the data names.

    Raises:
        Undeliverable: the key is for a TPM, or for another curve.
    """
    found = data.SECP521_EncryptedPrivateKey if data.ECDHCurve == "SECP521" else data.X448_EncryptedPrivateKey
    if found is None:
        raise Undeliverable(f"no encrypted private key for {data.ECDHCurve}; this vehicle has no TPM")
    return found


def _check_contract(drive: Drive, chain: tuple[bytes, ...], wallet: Wallet20) -> None:
    """Checks a new contract's chain against its profile; whether it leads to a root is for chargers to check.

    Raises:
        Undeliverable: names every deviation that counts.
    """
    from pki import path
    from pki.profiles import Role

    suite = profiles(drive, chain)
    roots = [read(root) for root in wallet.roots]
    found = path.fatal(path.validate(chain, roots, Role.CONTRACT, time_of(drive), suite=suite, revoked=wallet.revoked))
    # Without the operator's root, nobody can tell whether a sub-CA is missing below it.
    found = [one for one in found if one.code not in (path.Code.UNKNOWN_ROOT, path.Code.MISSING_INTERMEDIATE)]
    if found:
        raise Undeliverable("contract: " + "; ".join(str(deviation) for deviation in found))


def profiles(drive: Drive, chain: tuple[bytes, ...]) -> str:
    """The table of profiles for a chain, chosen by the key at its top.

    Raises:
        RemoteError: ISO 15118-20 does not allow such a key; P-256 is allowed in a lab.
    """
    suite = suite_of(read(chain[-1]))
    if suite == "iso2":
        drive.session.tolerate("contract-curve", "a certificate on P-256, where P-521 or Ed448 is expected")
    elif not suite:
        raise RemoteError("a certificate that uses neither P-521 nor Ed448")
    return suite
