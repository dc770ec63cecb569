"""What a charger has for contract payment: roots, keys, receipts, and back ends that install contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

from v2g import signature
from v2g.credentials import Credential
from v2g.messages import iso2
from v2g.messages.iso20 import common, types
from v2g.messages.xmldsig import SignatureType
from v2g.session import Session

if TYPE_CHECKING:
    from pki.path import Revoked

BadSignature: TypeAlias = Literal["FAILED_SignatureError", "WARNING_GeneralPnCAuthorizationError"]

KEPT_RECEIPTS = 1000
"""Number of latest receipts that a charger keeps."""


class Asking(Protocol):
    """A visit, as far as a back end looks at it while it answers a vehicle's request.

    Attributes:
        session: its latest message received is the request.
        contracts: those of the charger.
        asked_signature: the Signature of the request.
    """

    @property
    def session(self) -> Session: ...

    @property
    def contracts(self) -> Contracts | None: ...

    @property
    def asked_signature(self) -> SignatureType | None: ...

    def now(self) -> float:
        """Wall clock, Unix seconds."""


class Signed(NamedTuple):
    """A response and the Signature for its header."""

    response: Any
    signature: SignatureType


class Backend(Protocol):
    """Where contract certificates come from."""

    async def install(self, visit: Asking, request: iso2.CertificateInstallationReq) -> Signed:
        """The contract for the vehicle of a provisioning certificate.

        Raises:
            Refusal: with the ResponseCode for the vehicle.
        """

    async def update(self, visit: Asking, request: iso2.CertificateUpdateReq) -> Signed:
        """The successor of a contract certificate; raises as :meth:`install`."""


@dataclass(frozen=True)
class Installation:
    """One contract being delivered.

    Attributes:
        emaid: eMAID of the contract.
        provider: chain of the provisioning service, DER, leaf first.
        data: the signed data.
        signature: signature of the provisioning service.
        remaining: number of further contracts for this vehicle.
    """

    emaid: str
    provider: tuple[bytes, ...]
    data: common.SignedInstallationDataType
    signature: SignatureType
    remaining: int


class Backend20(Protocol):
    """Where contract certificates of ISO 15118-20 come from."""

    async def install(
        self, visit: Asking, request: common.CertificateInstallationReq, done: Sequence[str]
    ) -> Installation:
        """The next contract for the vehicle of a provisioning certificate.

        Args:
            done: eMAIDs that it received in this session.

        Raises:
            Refusal: with the ResponseCode for the vehicle.
            OSError: the back end cannot be reached.
        """


@dataclass(frozen=True)
class Receipt:
    """A MeteringReceiptReq or MeteringConfirmationReq that was answered, or a record that none came.

    Attributes:
        time: wall clock, Unix seconds.
        emaid: eMAID of the contract.
        session_id: id of the session.
        meter: the reading that the vehicle acknowledged.
        signature: SignatureValue, or b"".
        exi: the request as received, to be passed on.
        problem: why it is not valid, or "".
    """

    time: float
    emaid: str
    session_id: bytes
    meter: iso2.MeterInfoType | types.MeterInfoType
    signature: bytes
    exi: bytes
    problem: str = ""

    @property
    def reading(self) -> int | None:
        """The register's reading, Wh; in ISO 15118-20 the energy charged in this session."""
        meter = self.meter
        return meter.MeterReading if isinstance(meter, iso2.MeterInfoType) else meter.ChargedEnergyReadingWh


@dataclass
class Contracts:
    """What a charger needs for contract payment.

    Attributes:
        roots: roots of mobility operators, and V2G roots that certify mobility operators, in DER.
        backend: installs and updates contract certificates; None: the service is not offered.
        backend20: installs contract certificates of ISO 15118-20; None: the service is not offered there.
        verdicts: ResponseCode for contracts that are not accepted, by eMAID; e.g. ``FAILED_ContractCanceled``.
        revoked: tells whether a certificate is revoked; None: revocation is not checked.
        warn_days: a contract that ends within this many days is answered OK_CertificateExpiresSoon [V2G2-690].
        external: whether external payment is offered too.
        receipt_every: charging time between two receipts, s; None: no receipts are requested.
        insists: whether an invalid receipt is refused [V2G2-481]; it is recorded in any case.
        tariff_key: credential of the mobility operator's sub-CA 2, which signs tariffs.
        tariff_keys20: the same for prices of ISO 15118-20, of each operator that the charger can sign for.
        grammar: grammar of SignedInfo for signing prices of ISO 15118-20; None: the usual one.
        providers: ProviderIDs that the charger can ask, as listed in ISO 15118-20; empty: it lists none, and asks any
            provider.
        bad_signature: ResponseCode for an AuthorizationReq of ISO 15118-20 with an invalid signature. Sources disagree:
            FAILED_SignatureError ends the session, a WARNING lets the vehicle try something else.
        receipts: the latest :data:`KEPT_RECEIPTS` receipts.
        on_receipt: is notified of each receipt.
    """

    roots: Sequence[bytes]
    backend: Backend | None = None
    backend20: Backend20 | None = None
    verdicts: Mapping[str, str] = field(default_factory=dict)
    revoked: Revoked | None = None
    warn_days: float = 21.0
    external: bool = True
    receipt_every: float | None = None
    insists: bool = True
    tariff_key: Credential | None = None
    tariff_keys20: Sequence[Credential] = ()
    grammar: signature.Grammar | None = None
    providers: Sequence[str] = ()
    bad_signature: BadSignature = "FAILED_SignatureError"
    receipts: list[Receipt] = field(default_factory=list)
    on_receipt: Callable[[Receipt], None] = lambda receipt: None


@dataclass
class Contract:
    """The contract of a visit, as PaymentDetailsReq or AuthorizationReq named it.

    Attributes:
        emaid: upper case, without hyphens.
        chain: DER, leaf first.
        challenge: GenChallenge sent.
        proven: whether the signed AuthorizationReq was valid.
    """

    emaid: str
    chain: tuple[bytes, ...]
    challenge: bytes
    proven: bool = False
