"""ISO 15118-20 CommonMessages: session, authorization, services, schedules. V2GTP payload type 0x8002."""

from typing import Annotated, ClassVar, Literal

from exi.schema import (
    ID,
    AtMostOneOf,
    Attr,
    Binary,
    Integer,
    OneOf,
    String,
    Type,
    byte,
    int32,
    occurs,
    q,
    short,
    unsignedByte,
    unsignedInt,
    unsignedLong,
    unsignedShort,
)
from v2g.messages.base import Request, Response
from v2g.messages.iso20 import types

NAMESPACE = "urn:iso:std:iso:15118:-20:CommonMessages"

authorizationType = Literal["EIM", "PnC"]
certificateType = Annotated[bytes, Binary("base64", max_length=1600)]
channelSelectionType = Literal["Charge", "Discharge"]
chargeProgressType = Literal["Start", "Stop", "Standby", "ScheduleRenegotiation"]
chargingSessionType = Literal["Pause", "Terminate", "ServiceRenegotiation"]
currencyType = Annotated[str, String(max_length=3)]
dhPublicKeyType = Annotated[bytes, Binary("base64", min_length=133, max_length=133)]
ecdhCurveType = Literal["SECP521", "X448"]
evCheckInStatusType = Literal["CheckIn", "Processing", "Completed"]
evCheckOutStatusType = Literal["CheckOut", "Processing", "Completed"]
evseCheckOutStatusType = Literal["Scheduled", "Completed"]
genChallengeType = Annotated[bytes, Binary("base64", min_length=16, max_length=16)]
languageType = Annotated[str, String(max_length=3)]
maxSupportingPointsScheduleTupleType = Annotated[int, Integer(12, 1024)]
parkingMethodType = Literal["AutoParking", "MVGuideManual", "Manual"]
powerToleranceAcceptanceType = Literal["PowerToleranceNotConfirmed", "PowerToleranceConfirmed"]
secp521_EncryptedPrivateKeyType = Annotated[bytes, Binary("base64", min_length=94, max_length=94)]
serviceIDType = unsignedShort
tpm_EncryptedPrivateKeyType = Annotated[bytes, Binary("base64", min_length=206, max_length=206)]
x448_EncryptedPrivateKeyType = Annotated[bytes, Binary("base64", min_length=84, max_length=84)]


class _Type(Type, ns=NAMESPACE):
    xml_virtual: ClassVar[bool] = True


class AdditionalServiceType(_Type):
    ServiceName: types.nameType
    ServiceFee: types.RationalNumberType


class AdditionalServiceListType(_Type):
    AdditionalService: Annotated[list[AdditionalServiceType], occurs(1, 5)]


class OverstayRuleType(_Type):
    OverstayRuleDescription: types.descriptionType | None = None
    StartTime: unsignedInt
    OverstayFee: types.RationalNumberType
    OverstayFeePeriod: unsignedInt


class OverstayRuleListType(_Type):
    OverstayTimeThreshold: unsignedInt | None = None
    OverstayPowerThreshold: types.RationalNumberType | None = None
    OverstayRule: Annotated[list[OverstayRuleType], occurs(1, 5)]


class PriceRuleType(_Type):
    EnergyFee: types.RationalNumberType
    ParkingFee: types.RationalNumberType | None = None
    ParkingFeePeriod: unsignedInt | None = None
    CarbonDioxideEmission: unsignedShort | None = None
    RenewableGenerationPercentage: unsignedByte | None = None
    PowerRangeStart: types.RationalNumberType


class PriceRuleStackType(_Type):
    Duration: unsignedInt
    PriceRule: Annotated[list[PriceRuleType], occurs(1, 8)]


class PriceRuleStackListType(_Type):
    PriceRuleStack: Annotated[list[PriceRuleStackType], occurs(1, 1024)]


class PriceScheduleType(_Type):
    TimeAnchor: unsignedLong
    PriceScheduleID: types.numericIDType
    PriceScheduleDescription: types.descriptionType | None = None


class TaxRuleType(_Type):
    TaxRuleID: types.numericIDType
    TaxRuleName: types.nameType | None = None
    TaxRate: types.RationalNumberType
    TaxIncludedInPrice: bool | None = None
    AppliesToEnergyFee: bool
    AppliesToParkingFee: bool
    AppliesToOverstayFee: bool
    AppliesMinimumMaximumCost: bool


class TaxRuleListType(_Type):
    TaxRule: Annotated[list[TaxRuleType], occurs(1, 10)]


class AbsolutePriceScheduleType(PriceScheduleType):
    Id: Attr[ID | None] = None
    Currency: currencyType
    Language: languageType
    PriceAlgorithm: types.identifierType
    MinimumCost: types.RationalNumberType | None = None
    MaximumCost: types.RationalNumberType | None = None
    TaxRules: TaxRuleListType | None = None
    PriceRuleStacks: PriceRuleStackListType
    OverstayRules: OverstayRuleListType | None = None
    AdditionalSelectedServices: AdditionalServiceListType | None = None


class EIM_AReqAuthorizationModeType(_Type):
    """Empty."""


class SubCertificatesType(_Type):
    Certificate: Annotated[list[certificateType], occurs(1, 3)]


class ContractCertificateChainType(_Type):
    Certificate: certificateType
    SubCertificates: SubCertificatesType


class PnC_AReqAuthorizationModeType(_Type):
    Id: Attr[ID]
    GenChallenge: genChallengeType
    ContractCertificateChain: ContractCertificateChainType


class AuthorizationReq(types.V2GRequestType, Request["AuthorizationRes"], ns=NAMESPACE):
    SelectedAuthorizationService: authorizationType
    EIM_AReqAuthorizationMode: OneOf[EIM_AReqAuthorizationModeType] = None
    PnC_AReqAuthorizationMode: OneOf[PnC_AReqAuthorizationModeType] = None


class AuthorizationRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType


class AuthorizationSetupReq(types.V2GRequestType, Request["AuthorizationSetupRes"], ns=NAMESPACE):
    """Empty."""


class EIM_ASResAuthorizationModeType(_Type):
    """Empty."""


class SupportedProvidersListType(_Type):
    ProviderID: Annotated[list[types.nameType], occurs(1, 128)]


class PnC_ASResAuthorizationModeType(_Type):
    GenChallenge: genChallengeType
    SupportedProviders: SupportedProvidersListType | None = None


class AuthorizationSetupRes(types.V2GResponseType, Response, ns=NAMESPACE):
    AuthorizationServices: Annotated[list[authorizationType], occurs(1, 2)]
    CertificateInstallationService: bool
    EIM_ASResAuthorizationMode: OneOf[EIM_ASResAuthorizationModeType] = None
    PnC_ASResAuthorizationMode: OneOf[PnC_ASResAuthorizationModeType] = None


class CertificateChainType(_Type):
    Certificate: certificateType
    SubCertificates: SubCertificatesType | None = None


class EMAIDListType(_Type):
    EMAID: Annotated[list[types.identifierType], occurs(1, 8)]


class SignedCertificateChainType(_Type):
    Id: Attr[ID]
    Certificate: certificateType
    SubCertificates: SubCertificatesType | None = None


class CertificateInstallationReq(types.V2GRequestType, Request["CertificateInstallationRes"], ns=NAMESPACE):
    OEMProvisioningCertificateChain: SignedCertificateChainType
    ListOfRootCertificateIDs: types.ListOfRootCertificateIDsType
    MaximumContractCertificateChains: unsignedByte
    PrioritizedEMAIDs: EMAIDListType | None = None


class SignedInstallationDataType(_Type):
    Id: Attr[ID]
    ContractCertificateChain: ContractCertificateChainType
    ECDHCurve: ecdhCurveType
    DHPublicKey: dhPublicKeyType
    SECP521_EncryptedPrivateKey: OneOf[secp521_EncryptedPrivateKeyType] = None
    X448_EncryptedPrivateKey: OneOf[x448_EncryptedPrivateKeyType] = None
    TPM_EncryptedPrivateKey: OneOf[tpm_EncryptedPrivateKeyType] = None


class CertificateInstallationRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType
    CPSCertificateChain: CertificateChainType
    SignedInstallationData: SignedInstallationDataType
    RemainingContractCertificateChains: unsignedByte


class PowerScheduleEntryType(_Type):
    Duration: unsignedInt
    Power: types.RationalNumberType
    Power_L2: types.RationalNumberType | None = None
    Power_L3: types.RationalNumberType | None = None


class PowerScheduleEntryListType(_Type):
    PowerScheduleEntry: Annotated[list[PowerScheduleEntryType], occurs(1, 1024)]


class PowerScheduleType(_Type):
    TimeAnchor: unsignedLong
    AvailableEnergy: types.RationalNumberType | None = None
    PowerTolerance: types.RationalNumberType | None = None
    PowerScheduleEntries: PowerScheduleEntryListType


class PriceLevelScheduleEntryType(_Type):
    Duration: unsignedInt
    PriceLevel: unsignedByte


class PriceLevelScheduleEntryListType(_Type):
    PriceLevelScheduleEntry: Annotated[list[PriceLevelScheduleEntryType], occurs(1, 1024)]


class PriceLevelScheduleType(PriceScheduleType):
    Id: Attr[ID | None] = None
    NumberOfPriceLevels: unsignedByte
    PriceLevelScheduleEntries: PriceLevelScheduleEntryListType


class ChargingScheduleType(_Type):
    PowerSchedule: PowerScheduleType
    AbsolutePriceSchedule: AtMostOneOf[AbsolutePriceScheduleType] = None
    PriceLevelSchedule: AtMostOneOf[PriceLevelScheduleType] = None


class Dynamic_EVPPTControlModeType(_Type):
    """Empty."""


class Dynamic_SEReqControlModeType(_Type):
    DepartureTime: unsignedInt
    MinimumSOC: types.percentValueType | None = None
    TargetSOC: types.percentValueType | None = None
    EVTargetEnergyRequest: types.RationalNumberType
    EVMaximumEnergyRequest: types.RationalNumberType
    EVMinimumEnergyRequest: types.RationalNumberType
    EVMaximumV2XEnergyRequest: types.RationalNumberType | None = None
    EVMinimumV2XEnergyRequest: types.RationalNumberType | None = None


class Dynamic_SEResControlModeType(_Type):
    DepartureTime: unsignedInt | None = None
    MinimumSOC: types.percentValueType | None = None
    TargetSOC: types.percentValueType | None = None
    AbsolutePriceSchedule: AtMostOneOf[AbsolutePriceScheduleType] = None
    PriceLevelSchedule: AtMostOneOf[PriceLevelScheduleType] = None


class Dynamic_SMDTControlModeType(_Type):
    """Empty."""


class EVPriceRuleType(_Type):
    EnergyFee: types.RationalNumberType
    PowerRangeStart: types.RationalNumberType


class EVPriceRuleStackType(_Type):
    Duration: unsignedInt
    EVPriceRule: Annotated[list[EVPriceRuleType], occurs(1, 8)]


class EVPriceRuleStackListType(_Type):
    EVPriceRuleStack: Annotated[list[EVPriceRuleStackType], occurs(1, 1024)]


class EVAbsolutePriceScheduleType(_Type):
    TimeAnchor: unsignedLong
    Currency: currencyType
    PriceAlgorithm: types.identifierType
    EVPriceRuleStacks: EVPriceRuleStackListType


class EVPowerScheduleEntryType(_Type):
    Duration: unsignedInt
    Power: types.RationalNumberType


class EVPowerScheduleEntryListType(_Type):
    EVPowerScheduleEntry: Annotated[list[EVPowerScheduleEntryType], occurs(1, 1024)]


class EVPowerScheduleType(_Type):
    TimeAnchor: unsignedLong
    EVPowerScheduleEntries: EVPowerScheduleEntryListType


class EVEnergyOfferType(_Type):
    EVPowerSchedule: EVPowerScheduleType
    EVAbsolutePriceSchedule: EVAbsolutePriceScheduleType


class EVPowerProfileEntryListType(_Type):
    EVPowerProfileEntry: Annotated[list[PowerScheduleEntryType], occurs(1, 2048)]


class Scheduled_EVPPTControlModeType(_Type):
    SelectedScheduleTupleID: types.numericIDType
    PowerToleranceAcceptance: powerToleranceAcceptanceType | None = None


class EVPowerProfileType(_Type):
    TimeAnchor: unsignedLong
    Dynamic_EVPPTControlMode: OneOf[Dynamic_EVPPTControlModeType] = None
    Scheduled_EVPPTControlMode: OneOf[Scheduled_EVPPTControlModeType] = None
    EVPowerProfileEntries: EVPowerProfileEntryListType


class Scheduled_SMDTControlModeType(_Type):
    SelectedScheduleTupleID: types.numericIDType


class SignedMeteringDataType(_Type):
    Id: Attr[ID]
    SessionID: types.sessionIDType
    MeterInfo: types.MeterInfoType
    Receipt: types.ReceiptType | None = None
    Dynamic_SMDTControlMode: OneOf[Dynamic_SMDTControlModeType] = None
    Scheduled_SMDTControlMode: OneOf[Scheduled_SMDTControlModeType] = None


class MeteringConfirmationReq(types.V2GRequestType, Request["MeteringConfirmationRes"], ns=NAMESPACE):
    SignedMeteringData: SignedMeteringDataType


class MeteringConfirmationRes(types.V2GResponseType, Response, ns=NAMESPACE):
    """Empty."""


class ParameterType(_Type):
    Name: Attr[types.nameType]
    boolValue: OneOf[bool] = None
    byteValue: OneOf[byte] = None
    shortValue: OneOf[short] = None
    intValue: OneOf[int32] = None
    rationalNumber: OneOf[types.RationalNumberType] = None
    finiteString: OneOf[types.nameType] = None


class ParameterSetType(_Type):
    ParameterSetID: serviceIDType
    Parameter: Annotated[list[ParameterType], occurs(1, 32)]


class PowerDeliveryReq(types.V2GRequestType, Request["PowerDeliveryRes"], ns=NAMESPACE):
    EVProcessing: types.processingType
    ChargeProgress: chargeProgressType
    EVPowerProfile: EVPowerProfileType | None = None
    BPT_ChannelSelection: channelSelectionType | None = None


class PowerDeliveryRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEStatus: types.EVSEStatusType | None = None


class Scheduled_SEReqControlModeType(_Type):
    DepartureTime: unsignedInt | None = None
    EVTargetEnergyRequest: types.RationalNumberType | None = None
    EVMaximumEnergyRequest: types.RationalNumberType | None = None
    EVMinimumEnergyRequest: types.RationalNumberType | None = None
    EVEnergyOffer: EVEnergyOfferType | None = None


class ScheduleExchangeReq(types.V2GRequestType, Request["ScheduleExchangeRes"], ns=NAMESPACE):
    MaximumSupportingPoints: maxSupportingPointsScheduleTupleType
    Dynamic_SEReqControlMode: OneOf[Dynamic_SEReqControlModeType] = None
    Scheduled_SEReqControlMode: OneOf[Scheduled_SEReqControlModeType] = None


class ScheduleTupleType(_Type):
    ScheduleTupleID: types.numericIDType
    ChargingSchedule: ChargingScheduleType
    DischargingSchedule: ChargingScheduleType | None = None


class Scheduled_SEResControlModeType(_Type):
    ScheduleTuple: Annotated[list[ScheduleTupleType], occurs(1, 3)]


class ScheduleExchangeRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType
    GoToPause: bool | None = None
    Dynamic_SEResControlMode: OneOf[Dynamic_SEResControlModeType] = None
    Scheduled_SEResControlMode: OneOf[Scheduled_SEResControlModeType] = None


class SelectedServiceType(_Type):
    ServiceID: serviceIDType
    ParameterSetID: serviceIDType


class SelectedServiceListType(_Type):
    SelectedService: Annotated[list[SelectedServiceType], occurs(1, 16)]


class ServiceDetailReq(types.V2GRequestType, Request["ServiceDetailRes"], ns=NAMESPACE):
    ServiceID: serviceIDType


class ServiceParameterListType(_Type):
    ParameterSet: Annotated[list[ParameterSetType], occurs(1, 32)]


class ServiceDetailRes(types.V2GResponseType, Response, ns=NAMESPACE):
    ServiceID: serviceIDType
    ServiceParameterList: ServiceParameterListType


class ServiceIDListType(_Type):
    ServiceID: Annotated[list[serviceIDType], occurs(1, 16)]


class ServiceDiscoveryReq(types.V2GRequestType, Request["ServiceDiscoveryRes"], ns=NAMESPACE):
    SupportedServiceIDs: ServiceIDListType | None = None


class ServiceType(_Type):
    ServiceID: serviceIDType
    FreeService: bool


class ServiceListType(_Type):
    Service: Annotated[list[ServiceType], occurs(1, 8)]


class ServiceDiscoveryRes(types.V2GResponseType, Response, ns=NAMESPACE):
    ServiceRenegotiationSupported: bool
    EnergyTransferServiceList: ServiceListType
    VASList: ServiceListType | None = None


class ServiceSelectionReq(types.V2GRequestType, Request["ServiceSelectionRes"], ns=NAMESPACE):
    SelectedEnergyTransferService: SelectedServiceType
    SelectedVASList: SelectedServiceListType | None = None


class ServiceSelectionRes(types.V2GResponseType, Response, ns=NAMESPACE):
    """Empty."""


class SessionSetupReq(types.V2GRequestType, Request["SessionSetupRes"], ns=NAMESPACE):
    EVCCID: types.identifierType


class SessionSetupRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEID: types.identifierType


class SessionStopReq(types.V2GRequestType, Request["SessionStopRes"], ns=NAMESPACE):
    ChargingSession: chargingSessionType
    EVTerminationCode: types.nameType | None = None
    EVTerminationExplanation: types.descriptionType | None = None


class SessionStopRes(types.V2GResponseType, Response, ns=NAMESPACE):
    """Empty."""


class TargetPositionType(_Type):
    TargetOffsetX: unsignedShort
    TargetOffsetY: unsignedShort


class VehicleCheckInReq(types.V2GRequestType, Request["VehicleCheckInRes"], ns=NAMESPACE):
    EVCheckInStatus: evCheckInStatusType
    ParkingMethod: parkingMethodType
    VehicleFrame: short | None = None
    DeviceOffset: short | None = None
    VehicleTravel: short | None = None


class VehicleCheckInRes(types.V2GResponseType, Response, ns=NAMESPACE):
    ParkingSpace: short | None = None
    DeviceLocation: short | None = None
    TargetDistance: short | None = None


class VehicleCheckOutReq(types.V2GRequestType, Request["VehicleCheckOutRes"], ns=NAMESPACE):
    EVCheckOutStatus: evCheckOutStatusType
    CheckOutTime: unsignedLong


class VehicleCheckOutRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSECheckOutStatus: evseCheckOutStatusType


ELEMENTS = (
    (q(NAMESPACE, "AuthorizationReq"), AuthorizationReq, None),
    (q(NAMESPACE, "AuthorizationRes"), AuthorizationRes, None),
    (q(NAMESPACE, "AuthorizationSetupReq"), AuthorizationSetupReq, None),
    (q(NAMESPACE, "AuthorizationSetupRes"), AuthorizationSetupRes, None),
    (q(NAMESPACE, "CertificateInstallationReq"), CertificateInstallationReq, None),
    (q(NAMESPACE, "CertificateInstallationRes"), CertificateInstallationRes, None),
    (q(NAMESPACE, "MeteringConfirmationReq"), MeteringConfirmationReq, None),
    (q(NAMESPACE, "MeteringConfirmationRes"), MeteringConfirmationRes, None),
    (q(NAMESPACE, "PowerDeliveryReq"), PowerDeliveryReq, None),
    (q(NAMESPACE, "PowerDeliveryRes"), PowerDeliveryRes, None),
    (q(NAMESPACE, "ScheduleExchangeReq"), ScheduleExchangeReq, None),
    (q(NAMESPACE, "ScheduleExchangeRes"), ScheduleExchangeRes, None),
    (q(NAMESPACE, "ServiceDetailReq"), ServiceDetailReq, None),
    (q(NAMESPACE, "ServiceDetailRes"), ServiceDetailRes, None),
    (q(NAMESPACE, "ServiceDiscoveryReq"), ServiceDiscoveryReq, None),
    (q(NAMESPACE, "ServiceDiscoveryRes"), ServiceDiscoveryRes, None),
    (q(NAMESPACE, "ServiceSelectionReq"), ServiceSelectionReq, None),
    (q(NAMESPACE, "ServiceSelectionRes"), ServiceSelectionRes, None),
    (q(NAMESPACE, "SessionSetupReq"), SessionSetupReq, None),
    (q(NAMESPACE, "SessionSetupRes"), SessionSetupRes, None),
    (q(NAMESPACE, "SessionStopReq"), SessionStopReq, None),
    (q(NAMESPACE, "SessionStopRes"), SessionStopRes, None),
    (q(NAMESPACE, "SignedInstallationData"), SignedInstallationDataType, None),
    (q(NAMESPACE, "SignedMeteringData"), SignedMeteringDataType, None),
    (q(NAMESPACE, "VehicleCheckInReq"), VehicleCheckInReq, None),
    (q(NAMESPACE, "VehicleCheckInRes"), VehicleCheckInRes, None),
    (q(NAMESPACE, "VehicleCheckOutReq"), VehicleCheckOutReq, None),
    (q(NAMESPACE, "VehicleCheckOutRes"), VehicleCheckOutRes, None),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
