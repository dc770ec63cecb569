"""Faults that are alike for every message: it is refused, or never sent."""

from __future__ import annotations

from typing import Any

from faults.fault import Adjust, answering, charger, refusing, sending, vehicle
from slac import frames

REFUSED = {
    "iso2": {
        "SessionSetupReq": "TC_SECC_CMN_VTB_SessionSetup_001",
        "ServiceDiscoveryReq": "TC_SECC_CMN_VTB_ServiceDiscovery_001",
        "ServiceDetailReq": "PF_SECC_ISO2_ServiceDetail_Twice",
        "PaymentServiceSelectionReq": "TC_SECC_CMN_VTB_PaymentServiceSelection_001",
        "PaymentDetailsReq": "PF_SECC_ISO2_PaymentDetails_ExpiresSoon",
        "CertificateInstallationReq": "TC_SECC_CMN_VTB_CertificateInstallation_001",
        "CertificateUpdateReq": "TC_SECC_CMN_VTB_CertificateUpdate_001",
        "AuthorizationReq": "TC_SECC_CMN_VTB_Authorization_001",
        "ChargeParameterDiscoveryReq": "TC_SECC_AC_VTB_ChargeParameterDiscovery_001",
        "CableCheckReq": "TC_SECC_DC_VTB_CableCheck_001",
        "PreChargeReq": "TC_SECC_DC_VTB_PreCharge_001",
        "PowerDeliveryReq": "TC_SECC_AC_VTB_PowerDelivery_001",
        "CurrentDemandReq": "TC_SECC_DC_VTB_CurrentDemand_001",
        "ChargingStatusReq": "TC_SECC_AC_VTB_ChargingStatus_002",
        "MeteringReceiptReq": "TC_SECC_AC_VTB_MeteringReceipt_001",
        "WeldingDetectionReq": "TC_SECC_DC_VTB_WeldingDetection_001",
        "SessionStopReq": "TC_SECC_AC_VTB_SessionStop_001",
    },
    "din70121": {
        "SessionSetupReq": "PF_SECC_DIN_SessionSetup_OK",
        "ServiceDiscoveryReq": "PF_SECC_DIN_ServiceDiscovery_OK",
        "ServicePaymentSelectionReq": "PF_SECC_DIN_ServicePaymentSelection_OK",
        "ContractAuthenticationReq": "PF_SECC_DIN_ContractAuthentication_OK",
        "ChargeParameterDiscoveryReq": "PF_SECC_DIN_ChargeParameterDiscovery_OK",
        "CableCheckReq": "PF_SECC_DIN_CableCheck_OK",
        "PreChargeReq": "PF_SECC_DIN_PreCharge_OK",
        "PowerDeliveryReq": "PF_SECC_DIN_PowerDelivery_OK",
        "CurrentDemandReq": "PF_SECC_DIN_CurrentDemand_OK",
        "WeldingDetectionReq": "PF_SECC_DIN_WeldingDetection_OK",
        "SessionStopReq": "PF_SECC_DIN_SessionStop_OK",
    },
}
"""Requests by protocol that a charger refuses with FAILED, and the case that sees it."""

UNSENT = {
    "iso2": {
        "ServiceDiscoveryReq": "TC_EVCC_CMN_VTB_ServiceDiscovery_001",
        "ChargeParameterDiscoveryReq": "TC_EVCC_CMN_VTB_ChargeParameterDiscovery_001",
        "PowerDeliveryReq": "TC_EVCC_AC_VTB_PowerDelivery_001",
        "WeldingDetectionReq": "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_001@iso15118-2",
        "SessionStopReq": "PF_EVCC_ISO2_SessionStop_Pause",
    },
    "din70121": {
        "SessionSetupReq": "PF_EVCC_DIN_SessionSetup_Request",
        "ServiceDiscoveryReq": "PF_EVCC_DIN_ServiceDiscovery_Request",
        "ServicePaymentSelectionReq": "PF_EVCC_DIN_ServicePaymentSelection_Request",
        "ContractAuthenticationReq": "PF_EVCC_DIN_ContractAuthentication_Request",
        "ChargeParameterDiscoveryReq": "PF_EVCC_DIN_ChargeParameterDiscovery_Request",
        "CableCheckReq": "PF_EVCC_DIN_CableCheck_Request",
        "PreChargeReq": "PF_EVCC_DIN_PreCharge_Request",
        "PowerDeliveryReq": "PF_EVCC_DIN_PowerDelivery_Request",
        "CurrentDemandReq": "PF_EVCC_DIN_CurrentDemand_Request",
        "SessionStopReq": "PF_EVCC_DIN_SessionStop",
    },
}
"""Requests by protocol that a vehicle never sends, and the case that sees it; in DIN, ours then ends without welding
detection, as any may."""


UNSENT_IN_SLAC = {
    "secc": {
        "CM_SLAC_PARM_CNF": "TC_SECC_CMN_VTB_CmSlacParm_001",
        "CM_ATTEN_CHAR_IND": "TC_SECC_CMN_VTB_AttenuationCharacterization_001",
        "CM_VALIDATE_CNF": "TC_SECC_CMN_VTB_CmValidate_001",
        "CM_SLAC_MATCH_CNF": "TC_SECC_CMN_VTB_CmSlacMatch_001",
        "CM_AMP_MAP_REQ": "TC_SECC_CMN_VTB_CmAmpMap_002",
        "CM_AMP_MAP_CNF": "TC_SECC_CMN_VTB_CmAmpMap_001",
    },
    "evcc": {
        "CM_SLAC_PARM_REQ": "TC_EVCC_CMN_VTB_CmSlacParm_001",
        "CM_START_ATTEN_CHAR_IND": "TC_EVCC_CMN_VTB_AttenuationCharacterization_001",
        "CM_MNBC_SOUND_IND": "TC_EVCC_CMN_VTB_AttenuationCharacterization_001",
        "CM_ATTEN_CHAR_RSP": "TC_EVCC_CMN_VTB_AttenuationCharacterization_001",
        "CM_VALIDATE_REQ": "TC_EVCC_CMN_VTB_CmValidate_001",
        "CM_SLAC_MATCH_REQ": "TC_EVCC_CMN_VTB_CmSlacMatch_001",
        "CM_AMP_MAP_REQ": "TC_EVCC_CMN_VTB_CmAmpMap_002",
        "CM_AMP_MAP_CNF": "TC_EVCC_CMN_VTB_CmAmpMap_001",
    },
}
"""Management messages by role that are never sent, and the case that sees it."""


def never_sent(name: str, module: str) -> Adjust:
    """The message is held back."""
    return sending(name, lambda message: None, module)


def _refuse(*_: Any) -> Any:
    refusing("FAILED")()


for _module, _table in REFUSED.items():
    for _name, _case in _table.items():
        charger(
            f"refuses-{_module}-{_name}",
            f"{_name} is refused ({_module})",
            _case,
            adjust=answering(_name, _refuse, _module),
        )

for _module, _table in UNSENT.items():
    for _name, _case in _table.items():
        vehicle(
            f"silent-{_module}-{_name}", f"{_name} is never sent ({_module})", _case, adjust=never_sent(_name, _module)
        )

for _role, _table in UNSENT_IN_SLAC.items():
    for _name, _case in _table.items():
        (charger if _role == "secc" else vehicle)(
            f"silent-{_role}-{_name}",
            f"{_name} is never sent",
            _case,
            adjust=lambda system, name=_name: system.rewrite.update({getattr(frames, name): lambda frame: None}),
        )
