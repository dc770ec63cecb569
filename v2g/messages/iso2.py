"""ISO 15118-2: every message and type of the 2013 namespaces, fields in schema order. V2GTP payload type 0x8001."""

from typing import Annotated, ClassVar, Literal

from exi.schema import (
    ID,
    Attr,
    Binary,
    Head,
    Integer,
    OneOf,
    Ref,
    String,
    Text,
    Type,
    byte,
    int32,
    long,
    occurs,
    q,
    short,
    string,
    unsignedByte,
    unsignedInt,
    unsignedLong,
    unsignedShort,
)
from v2g.messages import xmldsig
from v2g.messages.base import Request, Response

MSG_DEF = "urn:iso:15118:2:2013:MsgDef"
MSG_HEADER = "urn:iso:15118:2:2013:MsgHeader"
MSG_BODY = "urn:iso:15118:2:2013:MsgBody"
MSG_DATATYPES = "urn:iso:15118:2:2013:MsgDataTypes"

DC_EVErrorCodeType = Literal[
    "NO_ERROR",
    "FAILED_RESSTemperatureInhibit",
    "FAILED_EVShiftPosition",
    "FAILED_ChargerConnectorLockFault",
    "FAILED_EVRESSMalfunction",
    "FAILED_ChargingCurrentdifferential",
    "FAILED_ChargingVoltageOutOfRange",
    "Reserved_A",
    "Reserved_B",
    "Reserved_C",
    "FAILED_ChargingSystemIncompatibility",
    "NoData",
]
DC_EVSEStatusCodeType = Literal[
    "EVSE_NotReady",
    "EVSE_Ready",
    "EVSE_Shutdown",
    "EVSE_UtilityInterruptEvent",
    "EVSE_IsolationMonitoringActive",
    "EVSE_EmergencyShutdown",
    "EVSE_Malfunction",
    "Reserved_8",
    "Reserved_9",
    "Reserved_A",
    "Reserved_B",
    "Reserved_C",
]
EVSENotificationType = Literal["None", "StopCharging", "ReNegotiation"]
EVSEProcessingType = Literal["Finished", "Ongoing", "Ongoing_WaitingForCustomerInteraction"]
EnergyTransferModeType = Literal[
    "AC_single_phase_core",
    "AC_three_phase_core",
    "DC_core",
    "DC_extended",
    "DC_combo_core",
    "DC_unique",
]
SAIDType = Annotated[int, Integer(1, 255)]
certificateType = Annotated[bytes, Binary("base64", max_length=800)]
chargeProgressType = Literal["Start", "Stop", "Renegotiate"]
chargingSessionType = Literal["Terminate", "Pause"]
costKindType = Literal["relativePricePercentage", "RenewableGenerationPercentage", "CarbonDioxideEmission"]
dHpublickeyType = Annotated[bytes, Binary("base64", max_length=65)]
eMAIDType = Annotated[str, String(min_length=14, max_length=15)]
evccIDType = Annotated[bytes, Binary("hex", max_length=6)]
evseIDType = Annotated[str, String(min_length=7, max_length=37)]
faultCodeType = Literal["ParsingError", "NoTLSRootCertificatAvailable", "UnknownError"]
faultMsgType = Annotated[str, String(max_length=64)]
genChallengeType = Annotated[bytes, Binary("base64", min_length=16, max_length=16)]
isolationLevelType = Literal["Invalid", "Valid", "Warning", "Fault", "No_IMD"]
maxNumPhasesType = Annotated[int, Integer(1, 3)]
meterIDType = Annotated[str, String(max_length=32)]
meterStatusType = short
paymentOptionType = Literal["Contract", "ExternalPayment"]
percentValueType = Annotated[int, Integer(0, 100)]
privateKeyType = Annotated[bytes, Binary("base64", max_length=48)]
responseCodeType = Literal[
    "OK",
    "OK_NewSessionEstablished",
    "OK_OldSessionJoined",
    "OK_CertificateExpiresSoon",
    "FAILED",
    "FAILED_SequenceError",
    "FAILED_ServiceIDInvalid",
    "FAILED_UnknownSession",
    "FAILED_ServiceSelectionInvalid",
    "FAILED_PaymentSelectionInvalid",
    "FAILED_CertificateExpired",
    "FAILED_SignatureError",
    "FAILED_NoCertificateAvailable",
    "FAILED_CertChainError",
    "FAILED_ChallengeInvalid",
    "FAILED_ContractCanceled",
    "FAILED_WrongChargeParameter",
    "FAILED_PowerDeliveryNotApplied",
    "FAILED_TariffSelectionInvalid",
    "FAILED_ChargingProfileInvalid",
    "FAILED_MeteringSignatureNotValid",
    "FAILED_NoChargeServiceSelected",
    "FAILED_WrongEnergyTransferMode",
    "FAILED_ContactorError",
    "FAILED_CertificateNotAllowedAtThisEVSE",
    "FAILED_CertificateRevoked",
]
serviceCategoryType = Literal["EVCharging", "Internet", "ContractCertificate", "OtherCustom"]
serviceIDType = unsignedShort
serviceNameType = Annotated[str, String(max_length=32)]
serviceScopeType = Annotated[str, String(max_length=64)]
sessionIDType = Annotated[bytes, Binary("hex", max_length=8)]
sigMeterReadingType = Annotated[bytes, Binary("base64", max_length=64)]
tariffDescriptionType = Annotated[str, String(max_length=32)]
unitMultiplierType = Annotated[int, Integer(-3, 3)]
unitSymbolType = Literal["h", "m", "s", "A", "V", "W", "Wh"]
valueType = Literal["bool", "byte", "short", "int", "physicalValue", "string"]


class _Def(Type, ns=MSG_DEF):
    xml_virtual: ClassVar[bool] = True


class _Header(Type, ns=MSG_HEADER):
    xml_virtual: ClassVar[bool] = True


class _Body(Type, ns=MSG_BODY):
    xml_virtual: ClassVar[bool] = True


class _DataType(Type, ns=MSG_DATATYPES):
    xml_virtual: ClassVar[bool] = True


class BodyBaseType(_Body):
    """Abstract: only its substitutes occur."""


class AuthorizationReq(BodyBaseType, Request["AuthorizationRes"]):
    Id: Attr[ID | None] = None
    GenChallenge: genChallengeType | None = None


class AuthorizationRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    EVSEProcessing: EVSEProcessingType


class BodyType(_Body):
    BodyElement: Head[BodyBaseType | None] = None


class EVStatusType(_DataType):
    """Abstract: only its substitutes occur."""


class DC_EVStatusType(EVStatusType):
    EVReady: bool
    EVErrorCode: DC_EVErrorCodeType
    EVRESSSOC: percentValueType


class CableCheckReq(BodyBaseType, Request["CableCheckRes"]):
    DC_EVStatus: DC_EVStatusType


class EVSEStatusType(_DataType):
    NotificationMaxDelay: unsignedShort
    EVSENotification: EVSENotificationType


class DC_EVSEStatusType(EVSEStatusType):
    EVSEIsolationStatus: isolationLevelType | None = None
    EVSEStatusCode: DC_EVSEStatusCodeType


class CableCheckRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEProcessing: EVSEProcessingType


class ListOfRootCertificateIDsType(_DataType):
    RootCertificateID: Annotated[list[xmldsig.X509IssuerSerialType], occurs(1, 20)]


class CertificateInstallationReq(BodyBaseType, Request["CertificateInstallationRes"]):
    Id: Attr[ID]
    OEMProvisioningCert: certificateType
    ListOfRootCertificateIDs: ListOfRootCertificateIDsType


class SubCertificatesType(_DataType):
    Certificate: Annotated[list[certificateType], occurs(1, 4)]


class CertificateChainType(_DataType):
    Id: Attr[ID | None] = None
    Certificate: certificateType
    SubCertificates: SubCertificatesType | None = None


class ContractSignatureEncryptedPrivateKeyType(_DataType):
    Id: Attr[ID]
    value: Text[privateKeyType]


class DiffieHellmanPublickeyType(_DataType):
    Id: Attr[ID]
    value: Text[dHpublickeyType]


class EMAIDType(_DataType):
    Id: Attr[ID]
    value: Text[eMAIDType]


class CertificateInstallationRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    SAProvisioningCertificateChain: CertificateChainType
    ContractSignatureCertChain: CertificateChainType
    ContractSignatureEncryptedPrivateKey: ContractSignatureEncryptedPrivateKeyType
    DHpublickey: DiffieHellmanPublickeyType
    eMAID: EMAIDType


class CertificateUpdateReq(BodyBaseType, Request["CertificateUpdateRes"]):
    Id: Attr[ID]
    ContractSignatureCertChain: CertificateChainType
    eMAID: eMAIDType
    ListOfRootCertificateIDs: ListOfRootCertificateIDsType


class CertificateUpdateRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    SAProvisioningCertificateChain: CertificateChainType
    ContractSignatureCertChain: CertificateChainType
    ContractSignatureEncryptedPrivateKey: ContractSignatureEncryptedPrivateKeyType
    DHpublickey: DiffieHellmanPublickeyType
    eMAID: EMAIDType
    RetryCounter: short | None = None


class EVChargeParameterType(_DataType):
    DepartureTime: unsignedInt | None = None


class ChargeParameterDiscoveryReq(BodyBaseType, Request["ChargeParameterDiscoveryRes"]):
    MaxEntriesSAScheduleTuple: unsignedShort | None = None
    RequestedEnergyTransferMode: EnergyTransferModeType
    EVChargeParameter: Head[EVChargeParameterType]


class EVSEChargeParameterType(_DataType):
    """Abstract: only its substitutes occur."""


class SASchedulesType(_DataType):
    """Abstract: only its substitutes occur."""


class ChargeParameterDiscoveryRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    EVSEProcessing: EVSEProcessingType
    SASchedules: Head[SASchedulesType | None] = None
    EVSEChargeParameter: Head[EVSEChargeParameterType]


class ChargingStatusReq(BodyBaseType, Request["ChargingStatusRes"]):
    """Empty."""


class AC_EVSEStatusType(EVSEStatusType):
    RCD: bool


class MeterInfoType(_DataType):
    MeterID: meterIDType
    MeterReading: unsignedLong | None = None
    SigMeterReading: sigMeterReadingType | None = None
    MeterStatus: meterStatusType | None = None
    TMeter: long | None = None


class PhysicalValueType(_DataType):
    Multiplier: unitMultiplierType
    Unit: unitSymbolType
    Value: short


class ChargingStatusRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    EVSEID: evseIDType
    SAScheduleTupleID: SAIDType
    EVSEMaxCurrent: PhysicalValueType | None = None
    MeterInfo: MeterInfoType | None = None
    ReceiptRequired: bool | None = None
    AC_EVSEStatus: AC_EVSEStatusType


class CurrentDemandReq(BodyBaseType, Request["CurrentDemandRes"]):
    DC_EVStatus: DC_EVStatusType
    EVTargetCurrent: PhysicalValueType
    EVMaximumVoltageLimit: PhysicalValueType | None = None
    EVMaximumCurrentLimit: PhysicalValueType | None = None
    EVMaximumPowerLimit: PhysicalValueType | None = None
    BulkChargingComplete: bool | None = None
    ChargingComplete: bool
    RemainingTimeToFullSoC: PhysicalValueType | None = None
    RemainingTimeToBulkSoC: PhysicalValueType | None = None
    EVTargetVoltage: PhysicalValueType


class CurrentDemandRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEPresentVoltage: PhysicalValueType
    EVSEPresentCurrent: PhysicalValueType
    EVSECurrentLimitAchieved: bool
    EVSEVoltageLimitAchieved: bool
    EVSEPowerLimitAchieved: bool
    EVSEMaximumVoltageLimit: PhysicalValueType | None = None
    EVSEMaximumCurrentLimit: PhysicalValueType | None = None
    EVSEMaximumPowerLimit: PhysicalValueType | None = None
    EVSEID: evseIDType
    SAScheduleTupleID: SAIDType
    MeterInfo: MeterInfoType | None = None
    ReceiptRequired: bool | None = None


class MeteringReceiptReq(BodyBaseType, Request["MeteringReceiptRes"]):
    Id: Attr[ID | None] = None
    SessionID: sessionIDType
    SAScheduleTupleID: SAIDType | None = None
    MeterInfo: MeterInfoType


class MeteringReceiptRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    EVSEStatus: Head[EVSEStatusType]


class PaymentDetailsReq(BodyBaseType, Request["PaymentDetailsRes"]):
    eMAID: eMAIDType
    ContractSignatureCertChain: CertificateChainType


class PaymentDetailsRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    GenChallenge: genChallengeType
    EVSETimeStamp: long


class SelectedServiceType(_DataType):
    ServiceID: serviceIDType
    ParameterSetID: short | None = None


class SelectedServiceListType(_DataType):
    SelectedService: Annotated[list[SelectedServiceType], occurs(1, 16)]


class PaymentServiceSelectionReq(BodyBaseType, Request["PaymentServiceSelectionRes"]):
    SelectedPaymentOption: paymentOptionType
    SelectedServiceList: SelectedServiceListType


class PaymentServiceSelectionRes(BodyBaseType, Response):
    ResponseCode: responseCodeType


class ProfileEntryType(_DataType):
    ChargingProfileEntryStart: unsignedInt
    ChargingProfileEntryMaxPower: PhysicalValueType
    ChargingProfileEntryMaxNumberOfPhasesInUse: maxNumPhasesType | None = None


class ChargingProfileType(_DataType):
    ProfileEntry: Annotated[list[ProfileEntryType], occurs(1, 24)]


class EVPowerDeliveryParameterType(_DataType):
    """Abstract: only its substitutes occur."""


class PowerDeliveryReq(BodyBaseType, Request["PowerDeliveryRes"]):
    ChargeProgress: chargeProgressType
    SAScheduleTupleID: SAIDType
    ChargingProfile: ChargingProfileType | None = None
    EVPowerDeliveryParameter: Head[EVPowerDeliveryParameterType | None] = None


class PowerDeliveryRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    EVSEStatus: Head[EVSEStatusType]


class PreChargeReq(BodyBaseType, Request["PreChargeRes"]):
    DC_EVStatus: DC_EVStatusType
    EVTargetVoltage: PhysicalValueType
    EVTargetCurrent: PhysicalValueType


class PreChargeRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEPresentVoltage: PhysicalValueType


class ServiceDetailReq(BodyBaseType, Request["ServiceDetailRes"]):
    ServiceID: serviceIDType


class ParameterType(_DataType):
    Name: Attr[string]
    boolValue: OneOf[bool] = None
    byteValue: OneOf[byte] = None
    shortValue: OneOf[short] = None
    intValue: OneOf[int32] = None
    physicalValue: OneOf[PhysicalValueType] = None
    stringValue: OneOf[string] = None


class ParameterSetType(_DataType):
    ParameterSetID: short
    Parameter: Annotated[list[ParameterType], occurs(1, 16)]


class ServiceParameterListType(_DataType):
    ParameterSet: Annotated[list[ParameterSetType], occurs(1, 255)]


class ServiceDetailRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    ServiceID: serviceIDType
    ServiceParameterList: ServiceParameterListType | None = None


class ServiceDiscoveryReq(BodyBaseType, Request["ServiceDiscoveryRes"]):
    ServiceScope: serviceScopeType | None = None
    ServiceCategory: serviceCategoryType | None = None


class ServiceType(_DataType):
    ServiceID: serviceIDType
    ServiceName: serviceNameType | None = None
    ServiceCategory: serviceCategoryType
    ServiceScope: serviceScopeType | None = None
    FreeService: bool


class SupportedEnergyTransferModeType(_DataType):
    EnergyTransferMode: Annotated[list[EnergyTransferModeType], occurs(1, 6)]


class ChargeServiceType(ServiceType):
    SupportedEnergyTransferMode: SupportedEnergyTransferModeType


class PaymentOptionListType(_DataType):
    PaymentOption: Annotated[list[paymentOptionType], occurs(1, 2)]


class ServiceListType(_DataType):
    Service: Annotated[list[ServiceType], occurs(1, 8)]


class ServiceDiscoveryRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    PaymentOptionList: PaymentOptionListType
    ChargeService: ChargeServiceType
    ServiceList: ServiceListType | None = None


class SessionSetupReq(BodyBaseType, Request["SessionSetupRes"]):
    EVCCID: evccIDType


class SessionSetupRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    EVSEID: evseIDType
    EVSETimeStamp: long | None = None


class SessionStopReq(BodyBaseType, Request["SessionStopRes"]):
    ChargingSession: chargingSessionType


class SessionStopRes(BodyBaseType, Response):
    ResponseCode: responseCodeType


class WeldingDetectionReq(BodyBaseType, Request["WeldingDetectionRes"]):
    DC_EVStatus: DC_EVStatusType


class WeldingDetectionRes(BodyBaseType, Response):
    ResponseCode: responseCodeType
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEPresentVoltage: PhysicalValueType


class AC_EVChargeParameterType(EVChargeParameterType):
    EAmount: PhysicalValueType
    EVMaxVoltage: PhysicalValueType
    EVMaxCurrent: PhysicalValueType
    EVMinCurrent: PhysicalValueType


class AC_EVSEChargeParameterType(EVSEChargeParameterType):
    AC_EVSEStatus: AC_EVSEStatusType
    EVSENominalVoltage: PhysicalValueType
    EVSEMaxCurrent: PhysicalValueType


class CostType(_DataType):
    costKind: costKindType
    amount: unsignedInt
    amountMultiplier: unitMultiplierType | None = None


class ConsumptionCostType(_DataType):
    startValue: PhysicalValueType
    Cost: Annotated[list[CostType], occurs(1, 3)]


class DC_EVChargeParameterType(EVChargeParameterType):
    DC_EVStatus: DC_EVStatusType
    EVMaximumCurrentLimit: PhysicalValueType
    EVMaximumPowerLimit: PhysicalValueType | None = None
    EVMaximumVoltageLimit: PhysicalValueType
    EVEnergyCapacity: PhysicalValueType | None = None
    EVEnergyRequest: PhysicalValueType | None = None
    FullSOC: percentValueType | None = None
    BulkSOC: percentValueType | None = None


class DC_EVPowerDeliveryParameterType(EVPowerDeliveryParameterType):
    DC_EVStatus: DC_EVStatusType
    BulkChargingComplete: bool | None = None
    ChargingComplete: bool


class DC_EVSEChargeParameterType(EVSEChargeParameterType):
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEMaximumCurrentLimit: PhysicalValueType
    EVSEMaximumPowerLimit: PhysicalValueType
    EVSEMaximumVoltageLimit: PhysicalValueType
    EVSEMinimumCurrentLimit: PhysicalValueType
    EVSEMinimumVoltageLimit: PhysicalValueType
    EVSECurrentRegulationTolerance: PhysicalValueType | None = None
    EVSEPeakCurrentRipple: PhysicalValueType
    EVSEEnergyToBeDelivered: PhysicalValueType | None = None


class IntervalType(_DataType):
    """Abstract: only its substitutes occur."""


class EntryType(_DataType):
    TimeInterval: Head[IntervalType]


class NotificationType(_DataType):
    FaultCode: faultCodeType
    FaultMsg: faultMsgType | None = None


class PMaxScheduleEntryType(EntryType):
    PMax: PhysicalValueType


class PMaxScheduleType(_DataType):
    PMaxScheduleEntry: Annotated[list[PMaxScheduleEntryType], occurs(1, 1024)]


class RelativeTimeIntervalType(IntervalType):
    start: Annotated[int, Integer(0, 16777214)]
    duration: Annotated[int, Integer(0, 86400)] | None = None


class SalesTariffEntryType(EntryType):
    EPriceLevel: unsignedByte | None = None
    ConsumptionCost: Annotated[list[ConsumptionCostType], occurs(0, 3)] = []


class SalesTariffType(_DataType):
    Id: Attr[ID | None] = None
    SalesTariffID: SAIDType
    SalesTariffDescription: tariffDescriptionType | None = None
    NumEPriceLevels: unsignedByte | None = None
    SalesTariffEntry: Annotated[list[SalesTariffEntryType], occurs(1, 1024)]


class SAScheduleTupleType(_DataType):
    SAScheduleTupleID: SAIDType
    PMaxSchedule: PMaxScheduleType
    SalesTariff: SalesTariffType | None = None


class SAScheduleListType(SASchedulesType):
    SAScheduleTuple: Annotated[list[SAScheduleTupleType], occurs(1, 3)]


class MessageHeaderType(_Header):
    SessionID: sessionIDType
    Notification: NotificationType | None = None
    Signature: Ref[xmldsig.SignatureType | None] = None


class V2G_Message(_Def):
    Header: MessageHeaderType
    Body: BodyType


ELEMENTS = (
    *((q(MSG_BODY, m.__name__), m, q(MSG_BODY, "BodyElement")) for m in BodyBaseType.__subclasses__()),
    (q(MSG_BODY, "BodyElement"), BodyBaseType, None),
    (q(MSG_DATATYPES, "AC_EVChargeParameter"), AC_EVChargeParameterType, q(MSG_DATATYPES, "EVChargeParameter")),
    (q(MSG_DATATYPES, "AC_EVSEChargeParameter"), AC_EVSEChargeParameterType, q(MSG_DATATYPES, "EVSEChargeParameter")),
    (q(MSG_DATATYPES, "AC_EVSEStatus"), AC_EVSEStatusType, q(MSG_DATATYPES, "EVSEStatus")),
    (q(MSG_DATATYPES, "DC_EVChargeParameter"), DC_EVChargeParameterType, q(MSG_DATATYPES, "EVChargeParameter")),
    (
        q(MSG_DATATYPES, "DC_EVPowerDeliveryParameter"),
        DC_EVPowerDeliveryParameterType,
        q(MSG_DATATYPES, "EVPowerDeliveryParameter"),
    ),
    (q(MSG_DATATYPES, "DC_EVSEChargeParameter"), DC_EVSEChargeParameterType, q(MSG_DATATYPES, "EVSEChargeParameter")),
    (q(MSG_DATATYPES, "DC_EVSEStatus"), DC_EVSEStatusType, q(MSG_DATATYPES, "EVSEStatus")),
    (q(MSG_DATATYPES, "DC_EVStatus"), DC_EVStatusType, q(MSG_DATATYPES, "EVStatus")),
    (q(MSG_DATATYPES, "EVChargeParameter"), EVChargeParameterType, None),
    (q(MSG_DATATYPES, "EVPowerDeliveryParameter"), EVPowerDeliveryParameterType, None),
    (q(MSG_DATATYPES, "EVSEChargeParameter"), EVSEChargeParameterType, None),
    (q(MSG_DATATYPES, "EVSEStatus"), EVSEStatusType, None),
    (q(MSG_DATATYPES, "EVStatus"), EVStatusType, None),
    (q(MSG_DATATYPES, "Entry"), EntryType, None),
    (q(MSG_DATATYPES, "PMaxScheduleEntry"), PMaxScheduleEntryType, q(MSG_DATATYPES, "Entry")),
    (q(MSG_DATATYPES, "RelativeTimeInterval"), RelativeTimeIntervalType, q(MSG_DATATYPES, "TimeInterval")),
    (q(MSG_DATATYPES, "SAScheduleList"), SAScheduleListType, q(MSG_DATATYPES, "SASchedules")),
    (q(MSG_DATATYPES, "SASchedules"), SASchedulesType, None),
    (q(MSG_DATATYPES, "SalesTariffEntry"), SalesTariffEntryType, q(MSG_DATATYPES, "Entry")),
    (q(MSG_DATATYPES, "TimeInterval"), IntervalType, None),
    (q(MSG_DEF, "V2G_Message"), V2G_Message, None),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
