"""Payment by contract in the vehicle's script of ISO 15118-20: the signed AuthorizationReq, and what follows a refusal.

The vehicle tries its contracts one after another, starting with those of providers that the charger lists. If none is
accepted, it installs new ones, unless it has just done so, and then pays by external means, unless the driver insists.
A refused contract is not offered again in the session. While the charger is working, the request is repeated
unchanged, with the same Signature.
"""

from __future__ import annotations

from evcc.contract import time_of
from evcc.drive import Drive, Unsuitable
from evcc.iso20_installation import SET, install
from evcc.verbs import until_finished
from evcc.wallet import Wallet20
from v2g import signature
from v2g.credentials import Credential, sub_certificates
from v2g.messages.iso20 import common


async def pays(drive: Drive, setup: common.AuthorizationSetupRes) -> bool:
    """Authorization by contract.

    Returns:
        False if the vehicle has to try external means.

    Raises:
        Unsuitable: external means are not possible, or the driver insists on a contract.
    """
    wallet = drive.options.wallet20
    obstacle = _obstacle(drive, setup, wallet)
    if not obstacle:
        assert wallet is not None
        obstacle = await _with_installation(drive, setup, wallet)
        if not obstacle:
            return True
    if drive.options.payment == "contract":
        raise Unsuitable(f"payment by contract is not possible: {obstacle}")
    if "EIM" not in setup.AuthorizationServices:
        raise Unsuitable(f"the charger accepts only contracts: {obstacle}", misfit=True)
    if drive.options.payment == "auto" and wallet is not None:
        drive.note(f"external payment: {obstacle}")
    return False


def _obstacle(drive: Drive, setup: common.AuthorizationSetupRes, wallet: Wallet20 | None) -> str:
    """Why no contract can be tried, or ""."""
    if drive.options.payment == "external":
        return "the driver pays by external means"
    if wallet is None or not (wallet.contracts or wallet.provisioning):
        return "the vehicle has neither a contract nor a provisioning certificate"
    if "PnC" not in setup.AuthorizationServices or setup.PnC_ASResAuthorizationMode is None:
        return "the charger does not offer it"
    return "" if drive.session.channel.secure else "it needs TLS"


async def _with_installation(drive: Drive, setup: common.AuthorizationSetupRes, wallet: Wallet20) -> str:
    """Tries the vehicle's contracts, and newly installed ones: installs first if due, or after all were refused."""
    mode = setup.PnC_ASResAuthorizationMode
    assert mode is not None
    providers = mode.SupportedProviders.ProviderID if mode.SupportedProviders is not None else ()
    installs = setup.CertificateInstallationService and wallet.provisioning is not None
    first = installs and wallet.wants_installation(time_of(drive))
    refused: dict[bytes, str] = {}
    if first:
        await install(drive, wallet)
    obstacle = await _try(drive, mode, wallet, wallet.usable(time_of(drive), providers), refused)
    if obstacle and installs and not first and await install(drive, wallet):
        obstacle = await _try(drive, mode, wallet, wallet.usable(time_of(drive), providers), refused)
    return obstacle


async def _try(
    drive: Drive,
    mode: common.PnC_ASResAuthorizationModeType,
    wallet: Wallet20,
    contracts: list[Credential],
    refused: dict[bytes, str],
) -> str:
    """Offers contracts until one is accepted; why none was, or "".

    Args:
        refused: eMAID and ResponseCode, by leaf, of contracts that the charger refused in this session; is extended.
    """
    if not contracts:
        return "the vehicle's contracts have expired" if wallet.contracts else "the vehicle's contract is missing"
    for contract in contracts:
        if contract.leaf in refused:
            continue
        code = await authorize(drive, contract, mode.GenChallenge, wallet)
        if not code.startswith("WARNING"):
            drive.contract = contract
            if code == "OK_CertificateExpiresSoon":
                wallet.update_next = True
                drive.note(f"the charger says that contract {contract.emaid} expires soon")
            return ""
        refused[contract.leaf] = f"{contract.emaid} {code}"
        drive.session.tell("state", "contract", f"{contract.emaid} was refused: {code}")
        if code == "WARNING_AuthorizationSelectionInvalid":
            break
        drive.still_wanted()
    return f"the charger refuses {', '.join(refused.values())}"


async def authorize(drive: Drive, contract: Credential, challenge: bytes, wallet: Wallet20) -> str:
    """AuthorizationReq with one contract until it is finished; returns the ResponseCode."""
    subs = sub_certificates(contract.chain)
    if subs is None:
        drive.note(f"contract {contract.emaid} is skipped: its sub-CAs are missing")
        return "WARNING_CertificateValidationError"
    request = common.AuthorizationReq(
        SelectedAuthorizationService="PnC",
        PnC_AReqAuthorizationMode=common.PnC_AReqAuthorizationModeType(
            Id="id1",
            GenChallenge=challenge,
            ContractCertificateChain=common.ContractCertificateChainType(
                Certificate=contract.leaf, SubCertificates=subs
            ),
        ),
    )
    signed = signature.sign_message(request, contract.key, SET, wallet.grammar)
    drive.session.tell(
        "state", "signature", f"AuthorizationReq by contract {contract.emaid}: {signature.described(signed)}"
    )
    res = await until_finished(drive, lambda: request, "V2G_EVCC_Ongoing_Timeout", sign=lambda _: signed)
    return str(res.ResponseCode)
