"""ISO 15118-20 CommonTypes: what the five message sets share."""

from typing import Annotated, ClassVar, Literal

import msgspec

from exi.schema import (
    Binary,
    Integer,
    Ref,
    String,
    Type,
    byte,
    occurs,
    q,
    short,
    unsignedInt,
    unsignedLong,
    unsignedShort,
)
from v2g.messages import xmldsig

NAMESPACE = "urn:iso:std:iso:15118:-20:CommonTypes"

descriptionType = Annotated[str, String(max_length=160)]
evseNotificationType = Literal[
    "Pause",
    "ExitStandby",
    "Terminate",
    "ScheduleRenegotiation",
    "ServiceRenegotiation",
    "MeteringConfirmation",
]
identifierType = Annotated[str, String(max_length=255)]
meterIDType = Annotated[str, String(max_length=32)]
meterSignatureType = Annotated[bytes, Binary("base64", max_length=64)]
nameType = Annotated[str, String(max_length=80)]
numericIDType = Annotated[int, Integer(1, 4294967295)]
percentValueType = Annotated[int, Integer(0, 100)]
processingType = Literal["Finished", "Ongoing", "Ongoing_WaitingForCustomerInteraction"]
responseCodeType = Literal[
    "OK",
    "OK_CertificateExpiresSoon",
    "OK_NewSessionEstablished",
    "OK_OldSessionJoined",
    "OK_PowerToleranceConfirmed",
    "WARNING_AuthorizationSelectionInvalid",
    "WARNING_CertificateExpired",
    "WARNING_CertificateNotYetValid",
    "WARNING_CertificateRevoked",
    "WARNING_CertificateValidationError",
    "WARNING_ChallengeInvalid",
    "WARNING_EIMAuthorizationFailure",
    "WARNING_eMSPUnknown",
    "WARNING_EVPowerProfileViolation",
    "WARNING_GeneralPnCAuthorizationError",
    "WARNING_NoCertificateAvailable",
    "WARNING_NoContractMatchingPCIDFound",
    "WARNING_PowerToleranceNotConfirmed",
    "WARNING_ScheduleRenegotiationFailed",
    "WARNING_StandbyNotAllowed",
    "WARNING_WPT",
    "FAILED",
    "FAILED_AssociationError",
    "FAILED_ContactorError",
    "FAILED_EVPowerProfileInvalid",
    "FAILED_EVPowerProfileViolation",
    "FAILED_MeteringSignatureNotValid",
    "FAILED_NoEnergyTransferServiceSelected",
    "FAILED_NoServiceRenegotiationSupported",
    "FAILED_PauseNotAllowed",
    "FAILED_PowerDeliveryNotApplied",
    "FAILED_PowerToleranceNotConfirmed",
    "FAILED_ScheduleRenegotiation",
    "FAILED_ScheduleSelectionInvalid",
    "FAILED_SequenceError",
    "FAILED_ServiceIDInvalid",
    "FAILED_ServiceSelectionInvalid",
    "FAILED_SignatureError",
    "FAILED_UnknownSession",
    "FAILED_WrongChargeParameter",
]
sessionIDType = Annotated[bytes, Binary("hex", min_length=8, max_length=8)]


class _Type(Type, ns=NAMESPACE):
    xml_virtual: ClassVar[bool] = True


class CLReqControlModeType(_Type):
    """Abstract: only its substitutes occur."""


class CLResControlModeType(_Type):
    """Abstract: only its substitutes occur."""


class RationalNumberType(_Type):
    Exponent: byte
    Value: short


class DisplayParametersType(_Type):
    PresentSOC: percentValueType | None = None
    MinimumSOC: percentValueType | None = None
    TargetSOC: percentValueType | None = None
    MaximumSOC: percentValueType | None = None
    RemainingTimeToMinimumSOC: unsignedInt | None = None
    RemainingTimeToTargetSOC: unsignedInt | None = None
    RemainingTimeToMaximumSOC: unsignedInt | None = None
    ChargingComplete: bool | None = None
    BatteryEnergyCapacity: RationalNumberType | None = None
    InletHot: bool | None = None


class MessageHeaderType(_Type):
    SessionID: sessionIDType
    TimeStamp: unsignedLong
    Signature: Ref[xmldsig.SignatureType | None] = None


def _unstamped() -> MessageHeaderType:
    """The header of a message that is not sent yet: the session fills it in."""
    return MessageHeaderType(SessionID=bytes(8), TimeStamp=0)


class V2GMessageType(_Type):
    Header: MessageHeaderType = msgspec.field(default_factory=_unstamped)


class V2GRequestType(V2GMessageType):
    """Abstract: only its substitutes occur."""


class ChargeLoopReqType(V2GRequestType):
    DisplayParameters: DisplayParametersType | None = None
    MeterInfoRequested: bool


class EVSEStatusType(_Type):
    NotificationMaxDelay: unsignedShort
    EVSENotification: evseNotificationType


class MeterInfoType(_Type):
    MeterID: meterIDType
    ChargedEnergyReadingWh: unsignedLong
    BPT_DischargedEnergyReadingWh: unsignedLong | None = None
    CapacitiveEnergyReadingVARh: unsignedLong | None = None
    BPT_InductiveEnergyReadingVARh: unsignedLong | None = None
    MeterSignature: meterSignatureType | None = None
    MeterStatus: short | None = None
    MeterTimestamp: unsignedLong | None = None


class DetailedCostType(_Type):
    Amount: RationalNumberType
    CostPerUnit: RationalNumberType


class DetailedTaxType(_Type):
    TaxRuleID: numericIDType
    Amount: RationalNumberType


class ReceiptType(_Type):
    TimeAnchor: unsignedLong
    EnergyCosts: DetailedCostType | None = None
    OccupancyCosts: DetailedCostType | None = None
    AdditionalServicesCosts: DetailedCostType | None = None
    OverstayCosts: DetailedCostType | None = None
    TaxCosts: Annotated[list[DetailedTaxType], occurs(0, 10)] = []


class V2GResponseType(V2GMessageType):
    ResponseCode: responseCodeType


class ChargeLoopResType(V2GResponseType):
    EVSEStatus: EVSEStatusType | None = None
    MeterInfo: MeterInfoType | None = None
    Receipt: ReceiptType | None = None


class ChargeParameterDiscoveryReqType(V2GRequestType):
    """Abstract: only its substitutes occur."""


class ChargeParameterDiscoveryResType(V2GResponseType):
    """Abstract: only its substitutes occur."""


class Dynamic_CLReqControlModeType(CLReqControlModeType):
    DepartureTime: unsignedInt | None = None
    EVTargetEnergyRequest: RationalNumberType
    EVMaximumEnergyRequest: RationalNumberType
    EVMinimumEnergyRequest: RationalNumberType


class Dynamic_CLResControlModeType(CLResControlModeType):
    DepartureTime: unsignedInt | None = None
    MinimumSOC: percentValueType | None = None
    TargetSOC: percentValueType | None = None
    AckMaxDelay: unsignedShort | None = None


class ListOfRootCertificateIDsType(_Type):
    RootCertificateID: Annotated[list[xmldsig.X509IssuerSerialType], occurs(1, 20)]


class Scheduled_CLReqControlModeType(CLReqControlModeType):
    EVTargetEnergyRequest: RationalNumberType | None = None
    EVMaximumEnergyRequest: RationalNumberType | None = None
    EVMinimumEnergyRequest: RationalNumberType | None = None


class Scheduled_CLResControlModeType(CLResControlModeType):
    """Abstract: only its substitutes occur."""


ELEMENTS = (
    (q(NAMESPACE, "CLReqControlMode"), CLReqControlModeType, None),
    (q(NAMESPACE, "CLResControlMode"), CLResControlModeType, None),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
