"""ISO 15118-20 ACDP (pantograph) messages. V2GTP payload type 0x8005."""

from typing import ClassVar, Literal

from exi.schema import (
    Type,
    q,
    short,
)
from v2g.messages.base import Request, Response
from v2g.messages.iso20 import types

NAMESPACE = "urn:iso:std:iso:15118:-20:ACDP"

cpStatusType = Literal["StateA", "StateB", "StateC", "StateD", "StateE"]
electricalChargingDeviceStatusType = Literal["State_A", "State_B", "State_C", "State_D"]
errorCodeType = Literal[
    "OK_NoEVError",
    "FAILED",
    "FAILED_EmergencyEvent",
    "FAILED_Breaker",
    "FAILED_RESSTemperatureInhibit",
    "FAILED_RESS",
    "FAILED_ChargingCurrentDifferential",
    "FAILED_ChargingVoltageOutOfRange",
    "FAILED_Reserved1",
    "FAILED_Reserved2",
]
isolationStatusType = Literal["Invalid", "Safe", "Warning", "Fault"]
mechanicalChargingDeviceStatusType = Literal["Home", "Moving", "EndPosition"]


class _Type(Type, ns=NAMESPACE):
    xml_virtual: ClassVar[bool] = True


class ACDP_ConnectReq(types.V2GRequestType, Request["ACDP_ConnectRes"], ns=NAMESPACE):
    EVElectricalChargingDeviceStatus: electricalChargingDeviceStatusType


class ACDP_ConnectRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType
    EVSEElectricalChargingDeviceStatus: electricalChargingDeviceStatusType
    EVSEMechanicalChargingDeviceStatus: mechanicalChargingDeviceStatusType


class EVTechnicalStatusType(_Type):
    EVReadyToCharge: bool
    EVImmobilizationRequest: bool
    EVImmobilized: bool | None = None
    EVWLANStrength: types.RationalNumberType | None = None
    EVCPStatus: cpStatusType | None = None
    EVSOC: types.percentValueType | None = None
    EVErrorCode: errorCodeType | None = None
    EVTimeout: bool | None = None


class ACDP_SystemStatusReq(types.V2GRequestType, Request["ACDP_SystemStatusRes"], ns=NAMESPACE):
    EVTechnicalStatus: EVTechnicalStatusType


class ACDP_SystemStatusRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEMechanicalChargingDeviceStatus: mechanicalChargingDeviceStatusType
    EVSEReadyToCharge: bool
    EVSEIsolationStatus: isolationStatusType
    EVSEDisabled: bool
    EVSEUtilityInterruptEvent: bool
    EVSEEmergencyShutdown: bool
    EVSEMalfunction: bool
    EVInChargePosition: bool
    EVAssociationStatus: bool


class ACDP_VehiclePositioningReq(types.V2GRequestType, Request["ACDP_VehiclePositioningRes"], ns=NAMESPACE):
    EVMobilityStatus: bool
    EVPositioningSupport: bool


class ACDP_VehiclePositioningRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType
    EVSEPositioningSupport: bool
    EVRelativeXDeviation: short
    EVRelativeYDeviation: short
    ContactWindowXc: short
    ContactWindowYc: short
    EVInChargePosition: bool


class ACDP_DisconnectReq(ACDP_ConnectReq, Request["ACDP_DisconnectRes"]):
    """The schema gives it the type of ACDP_ConnectReq."""


class ACDP_DisconnectRes(ACDP_ConnectRes, Response):
    """The schema gives it the type of ACDP_ConnectRes."""


ELEMENTS = (
    (q(NAMESPACE, "ACDP_ConnectReq"), ACDP_ConnectReq, None),
    (q(NAMESPACE, "ACDP_ConnectRes"), ACDP_ConnectRes, None),
    (q(NAMESPACE, "ACDP_DisconnectReq"), ACDP_DisconnectReq, None),
    (q(NAMESPACE, "ACDP_DisconnectRes"), ACDP_DisconnectRes, None),
    (q(NAMESPACE, "ACDP_SystemStatusReq"), ACDP_SystemStatusReq, None),
    (q(NAMESPACE, "ACDP_SystemStatusRes"), ACDP_SystemStatusRes, None),
    (q(NAMESPACE, "ACDP_VehiclePositioningReq"), ACDP_VehiclePositioningReq, None),
    (q(NAMESPACE, "ACDP_VehiclePositioningRes"), ACDP_VehiclePositioningRes, None),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
