"""Contract payment in the vehicle's script of ISO 15118-2: installation and update of contracts, signed authorization.

There is at most one certificate exchange per session. The delivered contract is used only if everything about it is
valid: the provisioning service's signature and chain, the eMAID, and that the key belongs to the certificate
[V2G2-823, 891]; otherwise the vehicle continues with the contract it has, or not at all. A FAILED ends the session, as
everywhere [V2G2-539], unless the vehicle has the option to continue [V2G2-554, 557, 558].
"""

from __future__ import annotations

import datetime
from typing import Any

from evcc.drive import Drive, Unsuitable
from evcc.verbs import until_finished
from evcc.wallet import Wallet, Wallet20
from pki.errors import PkiError
from v2g import signature, signed_parts
from v2g.credentials import Credential, chain_of, chain_type, plain_id, read, root_ids
from v2g.errors import Refused, RemoteError
from v2g.messages import iso2
from v2g.messages.xmldsig import SignatureType

CERTIFICATE_SERVICE = 2


class Undeliverable(RemoteError):
    """A contract was delivered that must not be used."""


def time_of(drive: Drive) -> datetime.datetime:
    """The wall clock."""
    return datetime.datetime.fromtimestamp(drive.options.now(), datetime.UTC)


def choose_payment(drive: Drive, found: iso2.ServiceDiscoveryRes) -> iso2.paymentOptionType:
    """Contract if both sides support it, or the driver's choice; a resumed session keeps its own [V2G2-463].

    Raises:
        Unsuitable: the payment that the driver insists on is not possible, or none is.
    """
    offered = found.PaymentOptionList.PaymentOption
    wish = drive.options.payment
    if drive.resume is not None and drive.resume.payment:
        wish = "contract" if drive.resume.payment == "Contract" else "external"
    obstacle = _obstacle(drive, found)
    if wish != "external" and not obstacle:
        return "Contract"
    if wish == "contract":
        raise Unsuitable(f"payment by contract is not possible: {obstacle}")
    if "ExternalPayment" not in offered:
        text = f"the charger offers no external payment{f', and {obstacle}' if obstacle else ''}"
        raise Unsuitable(text, misfit=True)
    if wish == "auto" and drive.options.wallet is not None:
        drive.note(f"external payment: {obstacle}")
    return "ExternalPayment"


def _obstacle(drive: Drive, found: iso2.ServiceDiscoveryRes) -> str:
    """Why the contract cannot be used, or ""."""
    wallet = drive.options.wallet
    if wallet is None or (wallet.contract is None and wallet.provisioning is None):
        return "the vehicle has neither a contract nor a provisioning certificate"
    if "Contract" not in found.PaymentOptionList.PaymentOption:
        return "the charger does not offer it"
    if not drive.session.channel.secure:
        return "it needs TLS"
    at = time_of(drive)
    usable = wallet.contract is not None and wallet.contract.expires > at
    if not usable and not _offers_certificates(found):
        state = "has expired" if wallet.contract else "is missing"
        return f"the vehicle's contract {state}, and the charger installs none"
    if not usable and not wallet.exchanges(at):
        return "the vehicle's contract has expired, and there is no provisioning certificate"
    return ""


def _offers_certificates(found: iso2.ServiceDiscoveryRes) -> bool:
    services = found.ServiceList.Service if found.ServiceList else []
    return any(service.ServiceID == CERTIFICATE_SERVICE for service in services)


# ---------------------------------------------------------------------------------------------------------------
# Payment


async def pay(drive: Drive, found: iso2.ServiceDiscoveryRes, services: list[iso2.SelectedServiceType]) -> None:
    """Payment selection, a certificate exchange if due, PaymentDetails, and Authorization until it is finished.

    Args:
        services: services to select, the charge service included; the certificate service is added if needed.

    Raises:
        Unsuitable: there is no contract after all.
    """
    wallet = drive.options.wallet
    assert wallet is not None
    exchange, parameter_set = await find_exchange(drive, found, wallet)
    if exchange:
        selected = iso2.SelectedServiceType(ServiceID=CERTIFICATE_SERVICE, ParameterSetID=parameter_set)
        services = [*(s for s in services if s.ServiceID != CERTIFICATE_SERVICE), selected]
    await drive.ask(
        iso2.PaymentServiceSelectionReq(
            SelectedPaymentOption="Contract",
            SelectedServiceList=iso2.SelectedServiceListType(SelectedService=services),
        )
    )
    if exchange:
        await make_exchange(drive, wallet, exchange)
    if wallet.contract is None:
        raise Unsuitable("there is no contract to pay with")
    drive.contract = wallet.contract
    await authorize(drive, await payment_details(drive, wallet))


async def find_exchange(drive: Drive, found: iso2.ServiceDiscoveryRes, wallet: Wallet) -> tuple[str, int]:
    """The certificate exchange to make, and its parameter set; ("", 0) for none."""
    wanted = wallet.exchanges(time_of(drive))
    if not wanted or not _offers_certificates(found):
        return "", 0
    res = await drive.ask(iso2.ServiceDetailReq(ServiceID=CERTIFICATE_SERVICE))
    sets = res.ServiceParameterList.ParameterSet if res.ServiceParameterList else []
    offered = {p.stringValue: s.ParameterSetID for s in sets for p in s.Parameter if p.Name == "Service"}
    for name in wanted:
        if name in offered:
            return name, offered[name]
    drive.note(f"the charger has no certificate service {' or '.join(wanted)}")
    return "", 0


async def make_exchange(drive: Drive, wallet: Wallet, exchange: str) -> None:
    """CertificateInstallation or CertificateUpdate. If it fails, a vehicle may continue with the contract it has.

    Raises:
        Refused: the charger refused, and the vehicle does not continue after that.
        RemoteError: the charger broke the protocol.
    """
    try:
        new = await (install(drive, wallet) if exchange == "Installation" else update(drive, wallet))
    except (Refused, Undeliverable) as why:
        drive.note(f"certificate {exchange.lower()} failed: {why}")
        if isinstance(why, Undeliverable):
            return
        if exchange == "Update":
            heed_retry_counter(drive, wallet)
        if not drive.options.goes_on_after_failed_certificate:
            raise
        return
    wallet.take(new)
    drive.session.tell("state", "contract", f"{exchange.lower()} of {new.emaid}, valid until {new.expires:%Y-%m-%d}")


async def install(drive: Drive, wallet: Wallet) -> Credential:
    """CertificateInstallation, signed with the provisioning key.

    Raises:
        Refused: the charger refused.
        Undeliverable: the delivered contract must not be used.
    """
    own = wallet.provisioning
    assert own is not None
    request = iso2.CertificateInstallationReq(
        Id="id1", OEMProvisioningCert=own.leaf, ListOfRootCertificateIDs=root_ids(wallet.roots)
    )
    signed = signature.sign_message(request, own.key)
    res = await drive.ask(request, signature=signed, survives=drive.options.goes_on_after_failed_certificate)
    return accept(drive, wallet, res, own)


async def update(drive: Drive, wallet: Wallet) -> Credential:
    """CertificateUpdate, signed with the expiring contract; raises the same as :func:`install`."""
    own = wallet.contract
    assert own is not None
    request = iso2.CertificateUpdateReq(
        Id="id1",
        ContractSignatureCertChain=chain_type(own.chain),
        eMAID=own.emaid,
        ListOfRootCertificateIDs=root_ids(wallet.roots),
    )
    signed = signature.sign_message(request, own.key)
    res = await drive.ask(request, signature=signed, survives=drive.options.goes_on_after_failed_certificate)
    return accept(drive, wallet, res, own)


def heed_retry_counter(drive: Drive, wallet: Wallet) -> None:
    """Acts on the RetryCounter of a refused update: 0: try again in the next session, -1: never [V2G2-696, 928]."""
    received = drive.session.last_received
    counter = getattr(received.message, "RetryCounter", None) if received is not None else None
    if counter is None:
        return
    wallet.updates = counter >= 0
    when = {0: "to be tried again in the next session", -1: "it will not be updated again"}
    drive.note(f"RetryCounter {counter}: {when.get(counter, f'to be tried again after {counter} days')}")
    if counter > 0:
        wallet.update_next = False


def accept(
    drive: Drive,
    wallet: Wallet,
    res: iso2.CertificateInstallationRes | iso2.CertificateUpdateRes,
    receiver: Credential,
) -> Credential:
    """The delivered contract, if everything is valid: signature first, then the chain, eMAID and key.

    Args:
        receiver: the credential for whose key the contract's key was sealed.

    Raises:
        Undeliverable: says what is invalid.
    """
    from pki import delivery
    from pki.profiles import Role

    provider = chain_of(res.SAProvisioningCertificateChain)
    received = drive.session.last_received
    given = received.signature if received is not None else None
    try:
        notes = signature.verify_message(res, given, provider[0])
        check_chain(drive, provider, wallet, Role.CPS, "provisioning service")
        for name, text in notes:
            drive.session.tolerate(name, text)
        chain = chain_of(res.ContractSignatureCertChain)
        new = read(chain[0])
        sealed = delivery.Sealed(res.ContractSignatureEncryptedPrivateKey.value, res.DHpublickey.value)
        key = delivery.unseal(sealed, receiver.key, new)
    except (RemoteError, PkiError) as why:
        raise Undeliverable(str(why)) from why
    contract = Credential(chain, key)
    if plain_id(res.eMAID.value) != contract.emaid:
        raise Undeliverable(f"eMAID {res.eMAID.value}, but the contract certificate is for {contract.name}")
    return contract


def check_chain(
    drive: Drive, chain: tuple[bytes, ...], wallet: Wallet | Wallet20, role: Any, whose: str, *, suite: str = "iso2"
) -> None:
    """Checks a charger's chain against the roots and revocations that the vehicle knows.

    Args:
        suite: the table of profiles.

    Raises:
        Undeliverable: names every deviation that counts.
    """
    from pki import path

    known = [read(root) for root in wallet.roots]
    found = path.fatal(path.validate(chain, known, role, time_of(drive), suite=suite, revoked=wallet.revoked))
    if found:
        raise Undeliverable(f"{whose}: " + "; ".join(str(deviation) for deviation in found))


async def payment_details(drive: Drive, wallet: Wallet) -> bytes:
    """PaymentDetails; returns the challenge."""
    contract = drive.contract
    assert contract is not None
    res = await drive.ask(
        iso2.PaymentDetailsReq(eMAID=contract.emaid, ContractSignatureCertChain=chain_type(contract.chain))
    )
    if res.ResponseCode == "OK_CertificateExpiresSoon":
        wallet.update_next = True
        drive.note(f"the charger says that contract {contract.emaid} expires soon; update in the next session")
    return res.GenChallenge


async def authorize(drive: Drive, challenge: bytes) -> None:
    """Authorization until it is finished; only the first request is signed and carries the challenge [V2G2-684]."""
    first = True

    def request() -> iso2.AuthorizationReq:
        nonlocal first
        made = iso2.AuthorizationReq(Id="id1", GenChallenge=challenge) if first else iso2.AuthorizationReq()
        first = False
        return made

    await until_finished(drive, request, "V2G_EVCC_Ongoing_Timeout", sign=lambda message: sign(drive, message))


def sign(drive: Drive, message: Any) -> SignatureType | None:
    """The Signature of a request with the contract's key; None for a request without an Id."""
    if drive.contract is None or message.Id is None:
        return None
    return signature.sign_message(message, drive.contract.key)


# ---------------------------------------------------------------------------------------------------------------
# Tariffs


def tariffs_hold(drive: Drive, res: iso2.ChargeParameterDiscoveryRes, given: SignatureType | None) -> bool:
    """Whether a response's tariffs may guide the choice; if not, the vehicle charges without them [V2G2-905].

    With a contract, the sub-CA that issued it must have signed them. Without one, an unsigned tariff is the charger's
    own information, and a signed one cannot be checked.

    Args:
        given: the Signature of the response's header.
    """
    tariffs = signed_parts.parts(res)
    if not tariffs:
        return False
    if drive.contract is None:
        if given is not None:
            drive.note("tariffs ignored: signed by an operator whose certificate the vehicle does not have")
        return given is None
    issuer = drive.contract.chain[1] if len(drive.contract.chain) > 1 else None
    try:
        if issuer is None:
            raise Undeliverable("the contract has no sub-CA that could have signed")
        for name, text in signature.verify_message(res, given, issuer):
            drive.session.tolerate(name, text)
    except RemoteError as why:
        drive.note(f"tariffs ignored: {why}")
        return False
    return True
