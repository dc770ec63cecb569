"""ISO 15118-20 WPT (wireless) messages. V2GTP payload type 0x8006."""

from typing import Annotated, ClassVar, Literal

from exi.schema import (
    Binary,
    OneOf,
    String,
    Type,
    occurs,
    q,
    short,
    unsignedByte,
    unsignedShort,
)
from v2g.messages.base import Request, Response
from v2g.messages.iso20 import types

NAMESPACE = "urn:iso:std:iso:15118:-20:WPT"

WPT_AlignmentCheckMethodType = Literal["PowerCheck", "LPE", "Proprietary"]
WPT_DataContainerType = Annotated[bytes, Binary("base64", max_length=256)]
WPT_EVPCChargeDiagnosticsType = Literal[
    "EVPCNoIssue",
    "EVPCTempOverheatDetected",
    "EVPCPowerTransferAnomalyDetected",
    "EVPCAnomalyDetected",
]
WPT_EVResultType = Literal["EVResultUnknown", "EVResultSuccess", "EVResultFailed"]
WPT_FinePositioningMethodType = Literal["Manual", "LF_TxEV", "LF_TxPrimaryDevice", "LPE", "Proprietary"]
WPT_PairingMethodType = Literal[
    "External confirmation",
    "LPE",
    "LF_TxEV",
    "LF_TxPrimaryDevice",
    "Optical",
    "Proprietary",
]
WPT_PowerClassType = Literal["MF-WPT1", "MF-WPT2", "MF-WPT3", "MF-WPT4"]
WPT_SPCChargeDiagnosticsType = Literal[
    "SPCNoIssue",
    "SPCFODDetected",
    "SPCLOPDetected",
    "SPCTempOverheatDetected",
    "SPCPowerTransferAnomalyDetected",
    "SPCAnomalyDetected",
]
bssidType = Annotated[str, String(max_length=12)]
ipaddressType = Annotated[str, String(max_length=39)]


class _Type(Type, ns=NAMESPACE):
    xml_virtual: ClassVar[bool] = True


class AlternativeSECCType(_Type):
    SSID: types.identifierType | None = None
    BSSID: bssidType | None = None
    IPAddress: ipaddressType | None = None
    Port: unsignedShort | None = None


class AlternativeSECCListType(_Type):
    AlternativeSECC: Annotated[list[AlternativeSECCType], occurs(1, 8)]


class WPT_AlignmentCheckMethodListType(_Type):
    WPT_AlignmentCheckMethod: Annotated[list[WPT_AlignmentCheckMethodType], occurs(1, 8)]


class WPT_AlignmentCheckReq(types.V2GRequestType, Request["WPT_AlignmentCheckRes"], ns=NAMESPACE):
    EVProcessing: types.processingType
    TargetCoilCurrent: types.RationalNumberType | None = None
    EVResultCode: WPT_EVResultType
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


class WPT_AlignmentCheckRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType
    PowerTransmitted: types.RationalNumberType | None = None
    SupplyDeviceCurrent: types.RationalNumberType | None = None
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


class WPT_EVPCPowerControlParameterType(_Type):
    EVPCCoilCurrentRequest: types.RationalNumberType
    EVPCCoilCurrentInformation: types.RationalNumberType
    EVPCCurrentOutputInformation: types.RationalNumberType
    EVPCVoltageOutputInformation: types.RationalNumberType


class WPT_ChargeLoopReq(types.ChargeLoopReqType, Request["WPT_ChargeLoopRes"], ns=NAMESPACE):
    EVPCPowerRequest: types.RationalNumberType
    EVPCPowerOutput: types.RationalNumberType
    EVPCChargeDiagnostics: WPT_EVPCChargeDiagnosticsType
    EVPCOperatingFrequency: types.RationalNumberType | None = None
    EVPCPowerControlParameter: WPT_EVPCPowerControlParameterType | None = None
    ManufacturerSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


class WPT_SPCPowerControlParameterType(_Type):
    SPCPrimaryDeviceCoilCurrentInformation: types.RationalNumberType


class WPT_ChargeLoopRes(types.ChargeLoopResType, Response, ns=NAMESPACE):
    EVPCPowerRequest: types.RationalNumberType
    SDPowerInput: types.RationalNumberType | None = None
    SPCMaxOutputPowerLimit: types.RationalNumberType
    SPCMinOutputPowerLimit: types.RationalNumberType
    SPCChargeDiagnostics: WPT_SPCChargeDiagnosticsType
    SPCOperatingFrequency: types.RationalNumberType | None = None
    SPCPowerControlParameter: WPT_SPCPowerControlParameterType | None = None
    ManufacturerSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


class WPT_ChargeParameterDiscoveryReq(
    types.ChargeParameterDiscoveryReqType, Request["WPT_ChargeParameterDiscoveryRes"], ns=NAMESPACE
):
    EVPCMaxReceivablePower: types.RationalNumberType
    SDMaxGroundClearence: unsignedShort
    SDMinGroundClearence: unsignedShort
    EVPCNaturalFrequency: types.RationalNumberType
    EVPCDeviceLocalControl: bool
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


class WPT_ChargeParameterDiscoveryRes(types.ChargeParameterDiscoveryResType, Response, ns=NAMESPACE):
    PDInputPowerClass: WPT_PowerClassType
    SDMinOutputPower: types.RationalNumberType
    SDMaxOutputPower: types.RationalNumberType
    SDMaxGroundClearanceSupport: unsignedShort
    SDMinGroundClearanceSupport: unsignedShort
    PDMinCoilCurrent: types.RationalNumberType
    PDMaxCoilCurrent: types.RationalNumberType
    SDManufacturerSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


class WPT_CoordinateXYZType(_Type):
    Coord_X: short
    Coord_Y: short
    Coord_Z: short


class WPT_FinePositioningMethodListType(_Type):
    WPT_FinePositioningMethod: Annotated[list[WPT_FinePositioningMethodType], occurs(1, 8)]


class WPT_LF_RxRSSIType(_Type):
    TxIdentifier: types.numericIDType
    RSSI: types.RationalNumberType


class WPT_LF_RxRSSIListType(_Type):
    RSSIDataList: WPT_LF_RxRSSIType


class WPT_LF_RxDataType(_Type):
    RxIdentifier: types.numericIDType
    RSSIData: WPT_LF_RxRSSIListType


class WPT_LF_RxDataListType(_Type):
    WPT_LF_RxDataList: WPT_LF_RxDataType


class WPT_LF_TxDataType(_Type):
    TxIdentifier: types.numericIDType
    EIRP: types.RationalNumberType


class WPT_LF_TxDataListType(_Type):
    WPT_LF_TxDataList: WPT_LF_TxDataType


class WPT_LF_DataPackageType(_Type):
    PackageIndex: unsignedByte
    LF_TxData: OneOf[WPT_LF_TxDataListType] = None
    LF_RxData: OneOf[WPT_LF_RxDataListType] = None


class WPT_LF_DataPackageListType(_Type):
    NumPackages: unsignedByte
    WPT_LF_DataPackage: WPT_LF_DataPackageType


class WPT_FinePositioningReq(types.V2GRequestType, Request["WPT_FinePositioningRes"], ns=NAMESPACE):
    EVProcessing: types.processingType
    EVResultCode: WPT_EVResultType
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []
    WPT_LF_DataPackageList: WPT_LF_DataPackageListType | None = None


class WPT_FinePositioningRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []
    WPT_LF_DataPackageList: WPT_LF_DataPackageListType | None = None


class WPT_TxRxSpecDataType(_Type):
    TxRxIdentifier: types.numericIDType
    TxRxPosition: WPT_CoordinateXYZType
    TxRxOrientation: WPT_CoordinateXYZType


class WPT_LF_ReceiverDataType(_Type):
    NumberOfReceivers: unsignedByte
    RxSpecData: Annotated[list[WPT_TxRxSpecDataType], occurs(2, 255)]


class WPT_TxRxPulseOrderType(_Type):
    IndexNumber: unsignedShort
    TxRxIdentifier: types.numericIDType


class WPT_TxRxPackageSpecDataType(_Type):
    PulseSequenceOrder: Annotated[list[WPT_TxRxPulseOrderType], occurs(2, 255)]
    PulseSeparationTime: unsignedShort
    PulseDuration: unsignedShort
    PackageSeparationTime: unsignedShort


class WPT_LF_TransmitterDataType(_Type):
    NumberOfTransmitters: unsignedByte
    SignalFrequency: types.RationalNumberType
    TxSpecData: Annotated[list[WPT_TxRxSpecDataType], occurs(2, 255)]
    TxPackageSpecData: WPT_TxRxPackageSpecDataType | None = None


class WPT_LF_SystemSetupDataType(_Type):
    LF_TransmitterSetupData: OneOf[WPT_LF_TransmitterDataType] = None
    LF_ReceiverSetupData: OneOf[WPT_LF_ReceiverDataType] = None


class WPT_PairingMethodListType(_Type):
    WPT_PairingMethod: Annotated[list[WPT_PairingMethodType], occurs(1, 8)]


class WPT_FinePositioningSetupReq(types.V2GRequestType, Request["WPT_FinePositioningSetupRes"], ns=NAMESPACE):
    EVProcessing: types.processingType
    EVDeviceFinePositioningMethodList: WPT_FinePositioningMethodListType
    EVDevicePairingMethodList: WPT_PairingMethodListType
    EVDeviceAlignmentCheckMethodList: WPT_AlignmentCheckMethodListType
    NaturalOffset: unsignedShort
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []
    LF_SystemSetupData: WPT_LF_SystemSetupDataType | None = None


class WPT_FinePositioningSetupRes(types.V2GResponseType, Response, ns=NAMESPACE):
    PrimaryDeviceFinePositioningMethodList: WPT_FinePositioningMethodListType
    PrimaryDevicePairingMethodList: WPT_PairingMethodListType
    PrimaryDeviceAlignmentCheckMethodList: WPT_AlignmentCheckMethodListType
    NaturalOffset: unsignedShort
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []
    LF_SystemSetupData: WPT_LF_SystemSetupDataType | None = None


class WPT_PairingReq(types.V2GRequestType, Request["WPT_PairingRes"], ns=NAMESPACE):
    EVProcessing: types.processingType
    ObservedIDCode: types.numericIDType | None = None
    EVResultCode: WPT_EVResultType
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


class WPT_PairingRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType
    ObservedIDCode: types.numericIDType | None = None
    AlternativeSECCList: AlternativeSECCListType | None = None
    VendorSpecificDataContainer: Annotated[list[WPT_DataContainerType], occurs(0, 16)] = []


ELEMENTS = (
    (q(NAMESPACE, "WPT_AlignmentCheckReq"), WPT_AlignmentCheckReq, None),
    (q(NAMESPACE, "WPT_AlignmentCheckRes"), WPT_AlignmentCheckRes, None),
    (q(NAMESPACE, "WPT_ChargeLoopReq"), WPT_ChargeLoopReq, None),
    (q(NAMESPACE, "WPT_ChargeLoopRes"), WPT_ChargeLoopRes, None),
    (q(NAMESPACE, "WPT_ChargeParameterDiscoveryReq"), WPT_ChargeParameterDiscoveryReq, None),
    (q(NAMESPACE, "WPT_ChargeParameterDiscoveryRes"), WPT_ChargeParameterDiscoveryRes, None),
    (q(NAMESPACE, "WPT_FinePositioningReq"), WPT_FinePositioningReq, None),
    (q(NAMESPACE, "WPT_FinePositioningRes"), WPT_FinePositioningRes, None),
    (q(NAMESPACE, "WPT_FinePositioningSetupReq"), WPT_FinePositioningSetupReq, None),
    (q(NAMESPACE, "WPT_FinePositioningSetupRes"), WPT_FinePositioningSetupRes, None),
    (q(NAMESPACE, "WPT_PairingReq"), WPT_PairingReq, None),
    (q(NAMESPACE, "WPT_PairingRes"), WPT_PairingRes, None),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
