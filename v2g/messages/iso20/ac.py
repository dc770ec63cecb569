"""ISO 15118-20 AC messages. V2GTP payload type 0x8003."""

from typing import ClassVar

from exi.schema import (
    Head,
    Type,
    q,
)
from v2g.messages.base import Request, Response
from v2g.messages.iso20 import types

NAMESPACE = "urn:iso:std:iso:15118:-20:AC"


class _Type(Type, ns=NAMESPACE):
    xml_virtual: ClassVar[bool] = True


class AC_CPDReqEnergyTransferModeType(_Type):
    EVMaximumChargePower: types.RationalNumberType
    EVMaximumChargePower_L2: types.RationalNumberType | None = None
    EVMaximumChargePower_L3: types.RationalNumberType | None = None
    EVMinimumChargePower: types.RationalNumberType
    EVMinimumChargePower_L2: types.RationalNumberType | None = None
    EVMinimumChargePower_L3: types.RationalNumberType | None = None


class AC_CPDResEnergyTransferModeType(_Type):
    EVSEMaximumChargePower: types.RationalNumberType
    EVSEMaximumChargePower_L2: types.RationalNumberType | None = None
    EVSEMaximumChargePower_L3: types.RationalNumberType | None = None
    EVSEMinimumChargePower: types.RationalNumberType
    EVSEMinimumChargePower_L2: types.RationalNumberType | None = None
    EVSEMinimumChargePower_L3: types.RationalNumberType | None = None
    EVSENominalFrequency: types.RationalNumberType
    MaximumPowerAsymmetry: types.RationalNumberType | None = None
    EVSEPowerRampLimitation: types.RationalNumberType | None = None
    EVSEPresentActivePower: types.RationalNumberType | None = None
    EVSEPresentActivePower_L2: types.RationalNumberType | None = None
    EVSEPresentActivePower_L3: types.RationalNumberType | None = None


class AC_ChargeLoopReq(types.ChargeLoopReqType, Request["AC_ChargeLoopRes"], ns=NAMESPACE):
    CLReqControlMode: Head[types.CLReqControlModeType]


class AC_ChargeLoopRes(types.ChargeLoopResType, Response, ns=NAMESPACE):
    EVSETargetFrequency: types.RationalNumberType | None = None
    CLResControlMode: Head[types.CLResControlModeType]


class AC_ChargeParameterDiscoveryReq(
    types.ChargeParameterDiscoveryReqType, Request["AC_ChargeParameterDiscoveryRes"], ns=NAMESPACE
):
    AC_CPDReqEnergyTransferMode: Head[AC_CPDReqEnergyTransferModeType]


class AC_ChargeParameterDiscoveryRes(types.ChargeParameterDiscoveryResType, Response, ns=NAMESPACE):
    AC_CPDResEnergyTransferMode: Head[AC_CPDResEnergyTransferModeType]


class BPT_AC_CPDReqEnergyTransferModeType(AC_CPDReqEnergyTransferModeType):
    EVMaximumDischargePower: types.RationalNumberType
    EVMaximumDischargePower_L2: types.RationalNumberType | None = None
    EVMaximumDischargePower_L3: types.RationalNumberType | None = None
    EVMinimumDischargePower: types.RationalNumberType
    EVMinimumDischargePower_L2: types.RationalNumberType | None = None
    EVMinimumDischargePower_L3: types.RationalNumberType | None = None


class BPT_AC_CPDResEnergyTransferModeType(AC_CPDResEnergyTransferModeType):
    EVSEMaximumDischargePower: types.RationalNumberType
    EVSEMaximumDischargePower_L2: types.RationalNumberType | None = None
    EVSEMaximumDischargePower_L3: types.RationalNumberType | None = None
    EVSEMinimumDischargePower: types.RationalNumberType
    EVSEMinimumDischargePower_L2: types.RationalNumberType | None = None
    EVSEMinimumDischargePower_L3: types.RationalNumberType | None = None


class Dynamic_AC_CLReqControlModeType(types.Dynamic_CLReqControlModeType, ns=NAMESPACE):
    EVMaximumChargePower: types.RationalNumberType
    EVMaximumChargePower_L2: types.RationalNumberType | None = None
    EVMaximumChargePower_L3: types.RationalNumberType | None = None
    EVMinimumChargePower: types.RationalNumberType
    EVMinimumChargePower_L2: types.RationalNumberType | None = None
    EVMinimumChargePower_L3: types.RationalNumberType | None = None
    EVPresentActivePower: types.RationalNumberType
    EVPresentActivePower_L2: types.RationalNumberType | None = None
    EVPresentActivePower_L3: types.RationalNumberType | None = None
    EVPresentReactivePower: types.RationalNumberType
    EVPresentReactivePower_L2: types.RationalNumberType | None = None
    EVPresentReactivePower_L3: types.RationalNumberType | None = None


class BPT_Dynamic_AC_CLReqControlModeType(Dynamic_AC_CLReqControlModeType):
    EVMaximumDischargePower: types.RationalNumberType
    EVMaximumDischargePower_L2: types.RationalNumberType | None = None
    EVMaximumDischargePower_L3: types.RationalNumberType | None = None
    EVMinimumDischargePower: types.RationalNumberType
    EVMinimumDischargePower_L2: types.RationalNumberType | None = None
    EVMinimumDischargePower_L3: types.RationalNumberType | None = None
    EVMaximumV2XEnergyRequest: types.RationalNumberType | None = None
    EVMinimumV2XEnergyRequest: types.RationalNumberType | None = None


class Dynamic_AC_CLResControlModeType(types.Dynamic_CLResControlModeType, ns=NAMESPACE):
    EVSETargetActivePower: types.RationalNumberType
    EVSETargetActivePower_L2: types.RationalNumberType | None = None
    EVSETargetActivePower_L3: types.RationalNumberType | None = None
    EVSETargetReactivePower: types.RationalNumberType | None = None
    EVSETargetReactivePower_L2: types.RationalNumberType | None = None
    EVSETargetReactivePower_L3: types.RationalNumberType | None = None
    EVSEPresentActivePower: types.RationalNumberType | None = None
    EVSEPresentActivePower_L2: types.RationalNumberType | None = None
    EVSEPresentActivePower_L3: types.RationalNumberType | None = None


class BPT_Dynamic_AC_CLResControlModeType(Dynamic_AC_CLResControlModeType):
    """Empty."""


class Scheduled_AC_CLReqControlModeType(types.Scheduled_CLReqControlModeType, ns=NAMESPACE):
    EVMaximumChargePower: types.RationalNumberType | None = None
    EVMaximumChargePower_L2: types.RationalNumberType | None = None
    EVMaximumChargePower_L3: types.RationalNumberType | None = None
    EVMinimumChargePower: types.RationalNumberType | None = None
    EVMinimumChargePower_L2: types.RationalNumberType | None = None
    EVMinimumChargePower_L3: types.RationalNumberType | None = None
    EVPresentActivePower: types.RationalNumberType
    EVPresentActivePower_L2: types.RationalNumberType | None = None
    EVPresentActivePower_L3: types.RationalNumberType | None = None
    EVPresentReactivePower: types.RationalNumberType | None = None
    EVPresentReactivePower_L2: types.RationalNumberType | None = None
    EVPresentReactivePower_L3: types.RationalNumberType | None = None


class BPT_Scheduled_AC_CLReqControlModeType(Scheduled_AC_CLReqControlModeType):
    EVMaximumDischargePower: types.RationalNumberType | None = None
    EVMaximumDischargePower_L2: types.RationalNumberType | None = None
    EVMaximumDischargePower_L3: types.RationalNumberType | None = None
    EVMinimumDischargePower: types.RationalNumberType | None = None
    EVMinimumDischargePower_L2: types.RationalNumberType | None = None
    EVMinimumDischargePower_L3: types.RationalNumberType | None = None


class Scheduled_AC_CLResControlModeType(types.Scheduled_CLResControlModeType, ns=NAMESPACE):
    EVSETargetActivePower: types.RationalNumberType | None = None
    EVSETargetActivePower_L2: types.RationalNumberType | None = None
    EVSETargetActivePower_L3: types.RationalNumberType | None = None
    EVSETargetReactivePower: types.RationalNumberType | None = None
    EVSETargetReactivePower_L2: types.RationalNumberType | None = None
    EVSETargetReactivePower_L3: types.RationalNumberType | None = None
    EVSEPresentActivePower: types.RationalNumberType | None = None
    EVSEPresentActivePower_L2: types.RationalNumberType | None = None
    EVSEPresentActivePower_L3: types.RationalNumberType | None = None


class BPT_Scheduled_AC_CLResControlModeType(Scheduled_AC_CLResControlModeType):
    """Empty."""


ELEMENTS = (
    (q(NAMESPACE, "AC_CPDReqEnergyTransferMode"), AC_CPDReqEnergyTransferModeType, None),
    (q(NAMESPACE, "AC_CPDResEnergyTransferMode"), AC_CPDResEnergyTransferModeType, None),
    (q(NAMESPACE, "AC_ChargeLoopReq"), AC_ChargeLoopReq, None),
    (q(NAMESPACE, "AC_ChargeLoopRes"), AC_ChargeLoopRes, None),
    (q(NAMESPACE, "AC_ChargeParameterDiscoveryReq"), AC_ChargeParameterDiscoveryReq, None),
    (q(NAMESPACE, "AC_ChargeParameterDiscoveryRes"), AC_ChargeParameterDiscoveryRes, None),
    (
        q(NAMESPACE, "BPT_AC_CPDReqEnergyTransferMode"),
        BPT_AC_CPDReqEnergyTransferModeType,
        q(NAMESPACE, "AC_CPDReqEnergyTransferMode"),
    ),
    (
        q(NAMESPACE, "BPT_AC_CPDResEnergyTransferMode"),
        BPT_AC_CPDResEnergyTransferModeType,
        q(NAMESPACE, "AC_CPDResEnergyTransferMode"),
    ),
    (
        q(NAMESPACE, "BPT_Dynamic_AC_CLReqControlMode"),
        BPT_Dynamic_AC_CLReqControlModeType,
        q(NAMESPACE, "Dynamic_AC_CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "BPT_Dynamic_AC_CLResControlMode"),
        BPT_Dynamic_AC_CLResControlModeType,
        q(NAMESPACE, "Dynamic_AC_CLResControlMode"),
    ),
    (
        q(NAMESPACE, "BPT_Scheduled_AC_CLReqControlMode"),
        BPT_Scheduled_AC_CLReqControlModeType,
        q(NAMESPACE, "Scheduled_AC_CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "BPT_Scheduled_AC_CLResControlMode"),
        BPT_Scheduled_AC_CLResControlModeType,
        q(NAMESPACE, "Scheduled_AC_CLResControlMode"),
    ),
    (
        q(NAMESPACE, "Dynamic_AC_CLReqControlMode"),
        Dynamic_AC_CLReqControlModeType,
        q(types.NAMESPACE, "CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "Dynamic_AC_CLResControlMode"),
        Dynamic_AC_CLResControlModeType,
        q(types.NAMESPACE, "CLResControlMode"),
    ),
    (
        q(NAMESPACE, "Scheduled_AC_CLReqControlMode"),
        Scheduled_AC_CLReqControlModeType,
        q(types.NAMESPACE, "CLReqControlMode"),
    ),
    (
        q(NAMESPACE, "Scheduled_AC_CLResControlMode"),
        Scheduled_AC_CLResControlModeType,
        q(types.NAMESPACE, "CLResControlMode"),
    ),
)
"""Global elements: name, type, head of the substitution group it belongs to."""
