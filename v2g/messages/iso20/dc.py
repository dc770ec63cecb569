"""ISO 15118-20 DC messages. V2GTP payload type 0x8004."""

from typing import ClassVar

from exi.schema import (
    Head,
    Type,
    q,
)
from v2g.messages.base import Request, Response
from v2g.messages.iso20 import types

NAMESPACE = "urn:iso:std:iso:15118:-20:DC"


class _Type(Type, ns=NAMESPACE):
    xml_virtual: ClassVar[bool] = True


class DC_CPDReqEnergyTransferModeType(_Type):
    EVMaximumChargePower: types.RationalNumberType
    EVMinimumChargePower: types.RationalNumberType
    EVMaximumChargeCurrent: types.RationalNumberType
    EVMinimumChargeCurrent: types.RationalNumberType
    EVMaximumVoltage: types.RationalNumberType
    EVMinimumVoltage: types.RationalNumberType
    TargetSOC: types.percentValueType | None = None


class BPT_DC_CPDReqEnergyTransferModeType(DC_CPDReqEnergyTransferModeType):
    EVMaximumDischargePower: types.RationalNumberType
    EVMinimumDischargePower: types.RationalNumberType
    EVMaximumDischargeCurrent: types.RationalNumberType
    EVMinimumDischargeCurrent: types.RationalNumberType


class DC_CPDResEnergyTransferModeType(_Type):
    EVSEMaximumChargePower: types.RationalNumberType
    EVSEMinimumChargePower: types.RationalNumberType
    EVSEMaximumChargeCurrent: types.RationalNumberType
    EVSEMinimumChargeCurrent: types.RationalNumberType
    EVSEMaximumVoltage: types.RationalNumberType
    EVSEMinimumVoltage: types.RationalNumberType
    EVSEPowerRampLimitation: types.RationalNumberType | None = None


class BPT_DC_CPDResEnergyTransferModeType(DC_CPDResEnergyTransferModeType):
    EVSEMaximumDischargePower: types.RationalNumberType
    EVSEMinimumDischargePower: types.RationalNumberType
    EVSEMaximumDischargeCurrent: types.RationalNumberType
    EVSEMinimumDischargeCurrent: types.RationalNumberType


class Dynamic_DC_CLReqControlModeType(types.Dynamic_CLReqControlModeType, ns=NAMESPACE):
    EVMaximumChargePower: types.RationalNumberType
    EVMinimumChargePower: types.RationalNumberType
    EVMaximumChargeCurrent: types.RationalNumberType
    EVMaximumVoltage: types.RationalNumberType
    EVMinimumVoltage: types.RationalNumberType


class BPT_Dynamic_DC_CLReqControlModeType(Dynamic_DC_CLReqControlModeType):
    EVMaximumDischargePower: types.RationalNumberType
    EVMinimumDischargePower: types.RationalNumberType
    EVMaximumDischargeCurrent: types.RationalNumberType
    EVMaximumV2XEnergyRequest: types.RationalNumberType | None = None
    EVMinimumV2XEnergyRequest: types.RationalNumberType | None = None


class Dynamic_DC_CLResControlModeType(types.Dynamic_CLResControlModeType, ns=NAMESPACE):
    EVSEMaximumChargePower: types.RationalNumberType
    EVSEMinimumChargePower: types.RationalNumberType
    EVSEMaximumChargeCurrent: types.RationalNumberType
    EVSEMaximumVoltage: types.RationalNumberType


class BPT_Dynamic_DC_CLResControlModeType(Dynamic_DC_CLResControlModeType):
    EVSEMaximumDischargePower: types.RationalNumberType
    EVSEMinimumDischargePower: types.RationalNumberType
    EVSEMaximumDischargeCurrent: types.RationalNumberType
    EVSEMinimumVoltage: types.RationalNumberType


class Scheduled_DC_CLReqControlModeType(types.Scheduled_CLReqControlModeType, ns=NAMESPACE):
    EVTargetCurrent: types.RationalNumberType
    EVTargetVoltage: types.RationalNumberType
    EVMaximumChargePower: types.RationalNumberType | None = None
    EVMinimumChargePower: types.RationalNumberType | None = None
    EVMaximumChargeCurrent: types.RationalNumberType | None = None
    EVMaximumVoltage: types.RationalNumberType | None = None
    EVMinimumVoltage: types.RationalNumberType | None = None


class BPT_Scheduled_DC_CLReqControlModeType(Scheduled_DC_CLReqControlModeType):
    EVMaximumDischargePower: types.RationalNumberType | None = None
    EVMinimumDischargePower: types.RationalNumberType | None = None
    EVMaximumDischargeCurrent: types.RationalNumberType | None = None


class Scheduled_DC_CLResControlModeType(types.Scheduled_CLResControlModeType, ns=NAMESPACE):
    EVSEMaximumChargePower: types.RationalNumberType | None = None
    EVSEMinimumChargePower: types.RationalNumberType | None = None
    EVSEMaximumChargeCurrent: types.RationalNumberType | None = None
    EVSEMaximumVoltage: types.RationalNumberType | None = None


class BPT_Scheduled_DC_CLResControlModeType(Scheduled_DC_CLResControlModeType):
    EVSEMaximumDischargePower: types.RationalNumberType | None = None
    EVSEMinimumDischargePower: types.RationalNumberType | None = None
    EVSEMaximumDischargeCurrent: types.RationalNumberType | None = None
    EVSEMinimumVoltage: types.RationalNumberType | None = None


class DC_CableCheckReq(types.V2GRequestType, Request["DC_CableCheckRes"], ns=NAMESPACE):
    """Empty."""


class DC_CableCheckRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEProcessing: types.processingType


class DC_ChargeLoopReq(types.ChargeLoopReqType, Request["DC_ChargeLoopRes"], ns=NAMESPACE):
    EVPresentVoltage: types.RationalNumberType
    CLReqControlMode: Head[types.CLReqControlModeType]


class DC_ChargeLoopRes(types.ChargeLoopResType, Response, ns=NAMESPACE):
    EVSEPresentCurrent: types.RationalNumberType
    EVSEPresentVoltage: types.RationalNumberType
    EVSEPowerLimitAchieved: bool
    EVSECurrentLimitAchieved: bool
    EVSEVoltageLimitAchieved: bool
    CLResControlMode: Head[types.CLResControlModeType]


class DC_ChargeParameterDiscoveryReq(
    types.ChargeParameterDiscoveryReqType, Request["DC_ChargeParameterDiscoveryRes"], ns=NAMESPACE
):
    DC_CPDReqEnergyTransferMode: Head[DC_CPDReqEnergyTransferModeType]


class DC_ChargeParameterDiscoveryRes(types.ChargeParameterDiscoveryResType, Response, ns=NAMESPACE):
    DC_CPDResEnergyTransferMode: Head[DC_CPDResEnergyTransferModeType]


class DC_PreChargeReq(types.V2GRequestType, Request["DC_PreChargeRes"], ns=NAMESPACE):
    EVProcessing: types.processingType
    EVPresentVoltage: types.RationalNumberType
    EVTargetVoltage: types.RationalNumberType


class DC_PreChargeRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEPresentVoltage: types.RationalNumberType


class DC_WeldingDetectionReq(types.V2GRequestType, Request["DC_WeldingDetectionRes"], ns=NAMESPACE):
    EVProcessing: types.processingType


class DC_WeldingDetectionRes(types.V2GResponseType, Response, ns=NAMESPACE):
    EVSEPresentVoltage: types.RationalNumberType


ELEMENTS = (
    (
        q(NAMESPACE, "BPT_DC_CPDReqEnergyTransferMode"),
        BPT_DC_CPDReqEnergyTransferModeType,
        q(NAMESPACE, "DC_CPDReqEnergyTransferMode"),
    ),
    (
        q(NAMESPACE, "BPT_DC_CPDResEnergyTransferMode"),
        BPT_DC_CPDResEnergyTransferModeType,
        q(NAMESPACE, "DC_CPDResEnergyTransferMode"),
    ),
    (
        q(NAMESPACE, "BPT_Dynamic_DC_CLReqControlMode"),
        BPT_Dynamic_DC_CLReqControlModeType,
        q(NAMESPACE, "Dynamic_DC_CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "BPT_Dynamic_DC_CLResControlMode"),
        BPT_Dynamic_DC_CLResControlModeType,
        q(NAMESPACE, "Dynamic_DC_CLResControlMode"),
    ),
    (
        q(NAMESPACE, "BPT_Scheduled_DC_CLReqControlMode"),
        BPT_Scheduled_DC_CLReqControlModeType,
        q(NAMESPACE, "Scheduled_DC_CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "BPT_Scheduled_DC_CLResControlMode"),
        BPT_Scheduled_DC_CLResControlModeType,
        q(NAMESPACE, "Scheduled_DC_CLResControlMode"),
    ),
    (q(NAMESPACE, "DC_CPDReqEnergyTransferMode"), DC_CPDReqEnergyTransferModeType, None),
    (q(NAMESPACE, "DC_CPDResEnergyTransferMode"), DC_CPDResEnergyTransferModeType, None),
    (q(NAMESPACE, "DC_CableCheckReq"), DC_CableCheckReq, None),
    (q(NAMESPACE, "DC_CableCheckRes"), DC_CableCheckRes, None),
    (q(NAMESPACE, "DC_ChargeLoopReq"), DC_ChargeLoopReq, None),
    (q(NAMESPACE, "DC_ChargeLoopRes"), DC_ChargeLoopRes, None),
    (q(NAMESPACE, "DC_ChargeParameterDiscoveryReq"), DC_ChargeParameterDiscoveryReq, None),
    (q(NAMESPACE, "DC_ChargeParameterDiscoveryRes"), DC_ChargeParameterDiscoveryRes, None),
    (q(NAMESPACE, "DC_PreChargeReq"), DC_PreChargeReq, None),
    (q(NAMESPACE, "DC_PreChargeRes"), DC_PreChargeRes, None),
    (q(NAMESPACE, "DC_WeldingDetectionReq"), DC_WeldingDetectionReq, None),
    (q(NAMESPACE, "DC_WeldingDetectionRes"), DC_WeldingDetectionRes, None),
    (
        q(NAMESPACE, "Dynamic_DC_CLReqControlMode"),
        Dynamic_DC_CLReqControlModeType,
        q(types.NAMESPACE, "CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "Dynamic_DC_CLResControlMode"),
        Dynamic_DC_CLResControlModeType,
        q(types.NAMESPACE, "CLResControlMode"),
    ),
    (
        q(NAMESPACE, "Scheduled_DC_CLReqControlMode"),
        Scheduled_DC_CLReqControlModeType,
        q(types.NAMESPACE, "CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "Scheduled_DC_CLResControlMode"),
        Scheduled_DC_CLResControlModeType,
        q(types.NAMESPACE, "CLResControlMode"),
    ),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
