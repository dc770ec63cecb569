"""Faults of a charger that looks at a contract's chain, in both protocols: one kind of deviation each is not seen."""

from __future__ import annotations

from typing import Any

import pki.path
import secc.contract
from faults.fault import charger
from pki import loading
from pki.deviations import Code

TWO, TWENTY = "PF_SECC_ISO2_ForeignContract", "PF_SECC_ISO20_Authorization_Warnings"
_fatal, _validate = pki.path.fatal, pki.path.validate


def blind(*codes: Code) -> list[tuple[Any, str, Any]]:
    """Deviations of these kinds do not count."""
    return [(pki.path, "fatal", lambda found: [one for one in _fatal(found) if one.code not in codes])]


charger("chain-any-path", "the length of a contract's path is not looked at", f"{TWO}#4", f"{TWO}#5",
        f"{TWENTY}#12", f"{TWENTY}#13", patches=blind(Code.PATH_LENGTH, Code.TOO_LONG))  # fmt: skip
charger("chain-any-issuer", "whatever has issued a contract counts as an authority", f"{TWO}#6", f"{TWENTY}#14",
        patches=blind(Code.NOT_A_CA))  # fmt: skip
charger("chain-any-usage", "keyUsage is not looked at", f"{TWO}#7", f"{TWO}#11", f"{TWO}#12", f"{TWENTY}#15",
        f"{TWENTY}#18", f"{TWENTY}#19", patches=blind(Code.KEY_USAGE))  # fmt: skip
charger("chain-leaf-ca", "a contract may be an authority", f"{TWO}#10", f"{TWENTY}#17",
        patches=blind(Code.LEAF_IS_CA))  # fmt: skip
charger("chain-any-curve", "the curve of a contract is not looked at", f"{TWO}#13",
        patches=blind(Code.CURVE))  # fmt: skip
charger("chain-not-yet", "a contract may begin later", f"{TWO}#3", f"{TWENTY}#2",
        patches=blind(Code.NOT_YET_VALID))  # fmt: skip
charger("chain-with-gaps", "a sub-CA may be missing", f"{TWO}#9",
        patches=blind(Code.MISSING_INTERMEDIATE, Code.ORDER))  # fmt: skip


def _signed(*places: int) -> list[tuple[Any, str, Any]]:
    """Signatures are verified at these places of the chain alone."""
    return [(pki.path, "fatal", lambda found: [
        one for one in _fatal(found) if one.code is not Code.BROKEN_SIGNATURE or one.index in places
    ])]  # fmt: skip


charger("chain-leaf-verified", "the signature of the leaf alone is verified", f"{TWO}#23", f"{TWO}#24", f"{TWENTY}#21",
        f"{TWENTY}#22", patches=_signed(0))  # fmt: skip
charger("chain-subs-verified", "the signatures of sub-CAs alone are verified", f"{TWO}#22", f"{TWENTY}#20",
        patches=_signed(1, 2))  # fmt: skip


def _of_leaf(chain: Any, roots: Any, role: Any, at: Any, *, suite: str = "iso2", revoked: Any = None) -> Any:
    leaf = loading.certificate(chain[0])
    return _validate(chain, roots, role, at, suite=suite,
                     revoked=lambda one, issuer: one == leaf and revoked(one, issuer))  # fmt: skip


charger("chain-leaf-asked", "revocation is asked for the leaf alone", f"{TWENTY}#11",
        patches=[(pki.path, "validate", _of_leaf)])  # fmt: skip
charger("chain-leaf-asked-2", "in ISO 15118-2, revocation is asked for the leaf alone", f"{TWO}#21", reading=True,
        patches=[(pki.path, "validate", _of_leaf)])  # fmt: skip

charger("chain-never-soon", "a contract that expires soon is accepted without a word",
        "PF_SECC_ISO2_PaymentDetails_ExpiresSoon", "PF_SECC_ISO20_Authorization_PnC_ExpiresSoon", reading=True,
        patches=[(secc.contract, "expires_soon", lambda visit, leaf: False)])  # fmt: skip

charger("chain-always-soon", "every contract is said to expire soon", "PF_SECC_ISO20_Authorization_PnC",
        "TC_SECC_CMN_VTB_PaymentDetails_001", reading=True,
        patches=[(secc.contract, "expires_soon", lambda visit, leaf: True)])  # fmt: skip

FORMS = "PF_SECC_ISO2_ContractForms"
charger("emaid-literal", "the eMAID has to be letter by letter that of the certificate", f"{FORMS}#1", f"{FORMS}#3",
        patches=[(secc.contract, "plain_id", lambda text: text)])  # fmt: skip


def _counting_all(found: Any) -> Any:
    return list(found)


charger("usage-literal", "whatever differs from the usual profile is refused", f"{FORMS}#2",
        patches=[(pki.path, "fatal", _counting_all)])  # fmt: skip
