"""DIN SPEC 70121: every message and type of the 2012 namespaces, fields in schema order.

ServiceDetail, PaymentDetails, ChargingStatus, MeteringReceipt, CertificateInstallation and CertificateUpdate are in the
schema but not used by the specification. V2GTP payload type 0x8001.
"""

from typing import Annotated, ClassVar, Literal

from exi.schema import (
    IDREF,
    Attr,
    Binary,
    Head,
    Integer,
    OneOf,
    Ref,
    String,
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
    unsignedShort,
)
from v2g.messages import xmldsig
from v2g.messages.base import Request, Response

MSG_DEF = "urn:din:70121:2012:MsgDef"
MSG_HEADER = "urn:din:70121:2012:MsgHeader"
MSG_BODY = "urn:din:70121:2012:MsgBody"
MSG_DATATYPES = "urn:din:70121:2012:MsgDataTypes"

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
EVRequestedEnergyTransferType = Literal[
    "AC_single_phase_core",
    "AC_three_phase_core",
    "DC_core",
    "DC_extended",
    "DC_combo_core",
    "DC_unique",
]
EVSENotificationType = Literal["None", "StopCharging", "ReNegotiation"]
EVSEProcessingType = Literal["Finished", "Ongoing"]
EVSESupportedEnergyTransferType = Literal[
    "AC_single_phase_core",
    "AC_three_phase_core",
    "DC_core",
    "DC_extended",
    "DC_combo_core",
    "DC_dual",
    "AC_core1p_DC_extended",
    "AC_single_DC_core",
    "AC_single_phase_three_phase_core_DC_extended",
    "AC_core3p_DC_extended",
]
PMaxType = short
SAIDType = short
certificateType = Annotated[bytes, Binary("base64", max_length=1200)]
contractIDType = Annotated[str, String(max_length=24)]
costKindType = Literal["relativePricePercentage", "RenewableGenerationPercentage", "CarbonDioxideEmission"]
dHParamsType = Annotated[bytes, Binary("base64", max_length=256)]
evccIDType = Annotated[bytes, Binary("hex", max_length=8)]
evseIDType = Annotated[bytes, Binary("hex", max_length=32)]
faultCodeType = Literal["ParsingError", "NoTLSRootCertificatAvailable", "UnknownError"]
faultMsgType = Annotated[str, String(max_length=64)]
genChallengeType = string
isolationLevelType = Literal["Invalid", "Valid", "Warning", "Fault"]
meterIDType = Annotated[str, String(max_length=32)]
meterStatusType = short
paymentOptionType = Literal["Contract", "ExternalPayment"]
percentValueType = Annotated[int, Integer(0, 100)]
privateKeyType = Annotated[bytes, Binary("base64", max_length=128)]
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
    "FAILED_EVSEPresentVoltageToLow",
    "FAILED_MeteringSignatureNotValid",
    "FAILED_WrongEnergyTransferType",
]
rootCertificateIDType = Annotated[str, String(max_length=40)]
serviceCategoryType = Literal["EVCharging", "Internet", "ContractCertificate", "OtherCustom"]
serviceIDType = unsignedShort
serviceNameType = Annotated[str, String(max_length=32)]
serviceScopeType = Annotated[str, String(max_length=32)]
sessionIDType = Annotated[bytes, Binary("hex", max_length=8)]
sigMeterReadingType = Annotated[bytes, Binary("base64", max_length=32)]
tariffDescriptionType = Annotated[str, String(max_length=32)]
unitMultiplierType = Annotated[int, Integer(-3, 3)]
unitSymbolType = Literal["h", "m", "s", "A", "Ah", "V", "VA", "W", "W/s", "Wh"]
valueType = Literal["bool", "byte", "short", "int", "physicalValue", "string"]


class _Def(Type, ns=MSG_DEF, attribute_form=False):
    xml_virtual: ClassVar[bool] = True


class _Header(Type, ns=MSG_HEADER, attribute_form=False):
    xml_virtual: ClassVar[bool] = True


class _DataType(Type, ns=MSG_DATATYPES, attribute_form=False):
    xml_virtual: ClassVar[bool] = True


class BodyBaseType(_Def):
    """Abstract: only its substitutes occur."""


class EVStatusType(_DataType):
    """Abstract: only its substitutes occur."""


class DC_EVStatusType(EVStatusType):
    EVReady: bool
    EVCabinConditioning: bool | None = None
    EVRESSConditioning: bool | None = None
    EVErrorCode: DC_EVErrorCodeType
    EVRESSSOC: percentValueType


class CableCheckReq(BodyBaseType, Request["CableCheckRes"], ns=MSG_BODY):
    DC_EVStatus: DC_EVStatusType


class EVSEStatusType(_DataType):
    """Abstract: only its substitutes occur."""


class DC_EVSEStatusType(EVSEStatusType):
    EVSEIsolationStatus: isolationLevelType | None = None
    EVSEStatusCode: DC_EVSEStatusCodeType
    NotificationMaxDelay: unsignedInt
    EVSENotification: EVSENotificationType


class CableCheckRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEProcessing: EVSEProcessingType


class ListOfRootCertificateIDsType(_DataType):
    RootCertificateID: Annotated[list[rootCertificateIDType], occurs(1)]


class CertificateInstallationReq(BodyBaseType, Request["CertificateInstallationRes"], ns=MSG_BODY):
    Id: Attr[IDREF | None] = None
    OEMProvisioningCert: certificateType
    ListOfRootCertificateIDs: ListOfRootCertificateIDsType
    DHParams: dHParamsType


class SubCertificatesType(_DataType):
    Certificate: Annotated[list[certificateType], occurs(1)]


class CertificateChainType(_DataType):
    Certificate: certificateType
    SubCertificates: SubCertificatesType | None = None


class CertificateInstallationRes(BodyBaseType, Response, ns=MSG_BODY):
    Id: Attr[IDREF]
    ResponseCode: responseCodeType
    ContractSignatureCertChain: CertificateChainType
    ContractSignatureEncryptedPrivateKey: privateKeyType
    DHParams: dHParamsType
    ContractID: contractIDType


class CertificateUpdateReq(BodyBaseType, Request["CertificateUpdateRes"], ns=MSG_BODY):
    Id: Attr[IDREF | None] = None
    ContractSignatureCertChain: CertificateChainType
    ContractID: contractIDType
    ListOfRootCertificateIDs: ListOfRootCertificateIDsType
    DHParams: dHParamsType


class CertificateUpdateRes(BodyBaseType, Response, ns=MSG_BODY):
    Id: Attr[IDREF]
    ResponseCode: responseCodeType
    ContractSignatureCertChain: CertificateChainType
    ContractSignatureEncryptedPrivateKey: privateKeyType
    DHParams: dHParamsType
    ContractID: contractIDType
    RetryCounter: short


class EVChargeParameterType(_DataType):
    """Abstract: only its substitutes occur."""


class ChargeParameterDiscoveryReq(BodyBaseType, Request["ChargeParameterDiscoveryRes"], ns=MSG_BODY):
    EVRequestedEnergyTransferType: EVRequestedEnergyTransferType
    EVChargeParameter: Head[EVChargeParameterType]


class EVSEChargeParameterType(_DataType):
    """Abstract: only its substitutes occur."""


class SASchedulesType(_DataType):
    """Abstract: only its substitutes occur."""


class ChargeParameterDiscoveryRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    EVSEProcessing: EVSEProcessingType
    SASchedules: Head[SASchedulesType]
    EVSEChargeParameter: Head[EVSEChargeParameterType]


class ChargingStatusReq(BodyBaseType, Request["ChargingStatusRes"], ns=MSG_BODY):
    """Empty."""


class AC_EVSEStatusType(EVSEStatusType):
    PowerSwitchClosed: bool
    RCD: bool
    NotificationMaxDelay: unsignedInt
    EVSENotification: EVSENotificationType


class PhysicalValueType(_DataType):
    Multiplier: unitMultiplierType
    Unit: unitSymbolType | None = None
    Value: short


class MeterInfoType(_DataType):
    MeterID: meterIDType
    MeterReading: PhysicalValueType | None = None
    SigMeterReading: sigMeterReadingType | None = None
    MeterStatus: meterStatusType | None = None
    TMeter: long | None = None


class ChargingStatusRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    EVSEID: evseIDType
    SAScheduleTupleID: SAIDType
    EVSEMaxCurrent: PhysicalValueType | None = None
    MeterInfo: MeterInfoType | None = None
    ReceiptRequired: bool
    AC_EVSEStatus: AC_EVSEStatusType


class ContractAuthenticationReq(BodyBaseType, Request["ContractAuthenticationRes"], ns=MSG_BODY):
    Id: Attr[IDREF | None] = None
    GenChallenge: genChallengeType | None = None


class ContractAuthenticationRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    EVSEProcessing: EVSEProcessingType


class CurrentDemandReq(BodyBaseType, Request["CurrentDemandRes"], ns=MSG_BODY):
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


class CurrentDemandRes(BodyBaseType, Response, ns=MSG_BODY):
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


class MeteringReceiptReq(BodyBaseType, Request["MeteringReceiptRes"], ns=MSG_BODY):
    Id: Attr[IDREF | None] = None
    SessionID: sessionIDType
    SAScheduleTupleID: SAIDType | None = None
    MeterInfo: MeterInfoType


class MeteringReceiptRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    AC_EVSEStatus: AC_EVSEStatusType


class PaymentDetailsReq(BodyBaseType, Request["PaymentDetailsRes"], ns=MSG_BODY):
    ContractID: contractIDType
    ContractSignatureCertChain: CertificateChainType


class PaymentDetailsRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    GenChallenge: genChallengeType
    DateTimeNow: long


class ProfileEntryType(_DataType):
    ChargingProfileEntryStart: unsignedInt
    ChargingProfileEntryMaxPower: PMaxType


class ChargingProfileType(_DataType):
    SAScheduleTupleID: SAIDType
    ProfileEntry: Annotated[list[ProfileEntryType], occurs(1)]


class EVPowerDeliveryParameterType(_DataType):
    """Abstract: only its substitutes occur."""


class PowerDeliveryReq(BodyBaseType, Request["PowerDeliveryRes"], ns=MSG_BODY):
    ReadyToChargeState: bool
    ChargingProfile: ChargingProfileType | None = None
    EVPowerDeliveryParameter: Head[EVPowerDeliveryParameterType | None] = None


class PowerDeliveryRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    EVSEStatus: Head[EVSEStatusType]


class PreChargeReq(BodyBaseType, Request["PreChargeRes"], ns=MSG_BODY):
    DC_EVStatus: DC_EVStatusType
    EVTargetVoltage: PhysicalValueType
    EVTargetCurrent: PhysicalValueType


class PreChargeRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEPresentVoltage: PhysicalValueType


class ServiceDetailReq(BodyBaseType, Request["ServiceDetailRes"], ns=MSG_BODY):
    ServiceID: serviceIDType


class ParameterType(_DataType):
    Name: Attr[string]
    ValueType: Attr[valueType]
    boolValue: OneOf[bool] = None
    byteValue: OneOf[byte] = None
    shortValue: OneOf[short] = None
    intValue: OneOf[int32] = None
    physicalValue: OneOf[PhysicalValueType] = None
    stringValue: OneOf[string] = None


class ParameterSetType(_DataType):
    ParameterSetID: short
    Parameter: Annotated[list[ParameterType], occurs(1)]


class ServiceParameterListType(_DataType):
    ParameterSet: Annotated[list[ParameterSetType], occurs(1)]


class ServiceDetailRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    ServiceID: serviceIDType
    ServiceParameterList: ServiceParameterListType | None = None


class ServiceDiscoveryReq(BodyBaseType, Request["ServiceDiscoveryRes"], ns=MSG_BODY):
    ServiceScope: serviceScopeType | None = None
    ServiceCategory: serviceCategoryType | None = None


class PaymentOptionsType(_DataType):
    PaymentOption: Annotated[list[paymentOptionType], occurs(1)]


class ServiceTagType(_DataType):
    ServiceID: serviceIDType
    ServiceName: serviceNameType | None = None
    ServiceCategory: serviceCategoryType
    ServiceScope: serviceScopeType | None = None


class ServiceType(_DataType):
    ServiceTag: ServiceTagType
    FreeService: bool


class ServiceChargeType(ServiceType):
    EnergyTransferType: EVSESupportedEnergyTransferType


class ServiceTagListType(_DataType):
    Service: Annotated[list[ServiceType], occurs(1)]


class ServiceDiscoveryRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    PaymentOptions: PaymentOptionsType
    ChargeService: ServiceChargeType
    ServiceList: ServiceTagListType | None = None


class SelectedServiceType(_DataType):
    ServiceID: serviceIDType
    ParameterSetID: short | None = None


class SelectedServiceListType(_DataType):
    SelectedService: Annotated[list[SelectedServiceType], occurs(1)]


class ServicePaymentSelectionReq(BodyBaseType, Request["ServicePaymentSelectionRes"], ns=MSG_BODY):
    SelectedPaymentOption: paymentOptionType
    SelectedServiceList: SelectedServiceListType


class ServicePaymentSelectionRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType


class SessionSetupReq(BodyBaseType, Request["SessionSetupRes"], ns=MSG_BODY):
    EVCCID: evccIDType


class SessionSetupRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    EVSEID: evseIDType
    DateTimeNow: long | None = None


class SessionStopRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType


class SessionStopReq(BodyBaseType, Request["SessionStopRes"], ns=MSG_BODY):
    """Empty."""


class WeldingDetectionReq(BodyBaseType, Request["WeldingDetectionRes"], ns=MSG_BODY):
    DC_EVStatus: DC_EVStatusType


class WeldingDetectionRes(BodyBaseType, Response, ns=MSG_BODY):
    ResponseCode: responseCodeType
    DC_EVSEStatus: DC_EVSEStatusType
    EVSEPresentVoltage: PhysicalValueType


class AC_EVChargeParameterType(EVChargeParameterType):
    DepartureTime: unsignedInt
    EAmount: PhysicalValueType
    EVMaxVoltage: PhysicalValueType
    EVMaxCurrent: PhysicalValueType
    EVMinCurrent: PhysicalValueType


class AC_EVSEChargeParameterType(EVSEChargeParameterType):
    AC_EVSEStatus: AC_EVSEStatusType
    EVSEMaxVoltage: PhysicalValueType
    EVSEMaxCurrent: PhysicalValueType
    EVSEMinCurrent: PhysicalValueType


class CostType(_DataType):
    costKind: costKindType
    amount: unsignedInt
    amountMultiplier: unitMultiplierType | None = None


class ConsumptionCostType(_DataType):
    startValue: unsignedInt
    Cost: Annotated[list[CostType], occurs(0)] = []


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
    EVSEMaximumPowerLimit: PhysicalValueType | None = None
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
    PMax: PMaxType


class PMaxScheduleType(_DataType):
    PMaxScheduleID: SAIDType
    PMaxScheduleEntry: Annotated[list[PMaxScheduleEntryType], occurs(1)]


class RelativeTimeIntervalType(IntervalType):
    start: unsignedInt
    duration: unsignedInt | None = None


class SalesTariffEntryType(EntryType):
    EPriceLevel: unsignedByte
    ConsumptionCost: Annotated[list[ConsumptionCostType], occurs(0)] = []


class SalesTariffType(_DataType):
    Id: Attr[IDREF]
    SalesTariffID: SAIDType
    SalesTariffDescription: tariffDescriptionType | None = None
    NumEPriceLevels: unsignedByte
    SalesTariffEntry: Annotated[list[SalesTariffEntryType], occurs(1)]


class SAScheduleTupleType(_DataType):
    SAScheduleTupleID: SAIDType
    PMaxSchedule: PMaxScheduleType
    SalesTariff: SalesTariffType | None = None


class SAScheduleListType(SASchedulesType):
    SAScheduleTuple: Annotated[list[SAScheduleTupleType], occurs(1)]


class BodyType(_Def):
    BodyElement: Head[BodyBaseType | None] = None


class MessageHeaderType(_Header):
    SessionID: sessionIDType
    Notification: NotificationType | None = None
    Signature: Ref[xmldsig.SignatureType | None] = None


class V2G_Message(_Def):
    Header: MessageHeaderType
    Body: BodyType


ELEMENTS = (
    *((q(MSG_BODY, m.__name__), m, q(MSG_DEF, "BodyElement")) for m in BodyBaseType.__subclasses__()),
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
    (q(MSG_DATATYPES, "ServiceCharge"), ServiceChargeType, None),
    (q(MSG_DATATYPES, "TimeInterval"), IntervalType, None),
    (q(MSG_DEF, "BodyElement"), BodyBaseType, None),
    (q(MSG_DEF, "V2G_Message"), V2G_Message, None),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
