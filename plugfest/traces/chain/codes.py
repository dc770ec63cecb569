"""What a refusal most likely means, by its ResponseCode."""

from __future__ import annotations

MEANINGS = {
    "FAILED_SequenceError": "the charger expected another request",
    "FAILED_ServiceIDInvalid": "the service requested is not one of those offered",
    "FAILED_UnknownSession": "the charger does not know the session id",
    "FAILED_ServiceSelectionInvalid": "the selected services do not match the offer",
    "FAILED_PaymentSelectionInvalid": "the selected payment option is not offered",
    "FAILED_CertificateExpired": "a certificate has expired",
    "FAILED_SignatureError": "a signature is invalid",
    "FAILED_NoCertificateAvailable": "the charger's backend has no contract certificate for this vehicle",
    "FAILED_CertChainError": "the charger cannot trace the contract's certificates to a root that it trusts",
    "FAILED_ChallengeInvalid": "GenChallenge did not come back as it was sent",
    "FAILED_ContractCanceled": "the contract was cancelled",
    "FAILED_WrongChargeParameter": "the vehicle's charge parameters are not compatible with the charger",
    "FAILED_PowerDeliveryNotApplied": "the charger cannot switch its output",
    "FAILED_TariffSelectionInvalid": "the charger does not know the chosen schedule",
    "FAILED_ChargingProfileInvalid": "the charging profile exceeds the schedule's limits",
    "FAILED_MeteringSignatureNotValid": "the signature of the metering receipt is invalid",
    "FAILED_NoChargeServiceSelected": "the charge service was not selected",
    "FAILED_WrongEnergyTransferMode": "the charger does not offer the energy transfer mode requested",
    "FAILED_WrongEnergyTransferType": "the charger does not offer the energy transfer type requested",
    "FAILED_ContactorError": "the charger's contactor does not follow its command",
    "FAILED_CertificateNotAllowedAtThisEVSE": "this contract may not be used at this charger",
    "FAILED_CertificateRevoked": "a certificate was revoked",
    "FAILED_ChargingSystemIncompatible": "charger and vehicle are not compatible",
    "FAILED_EVSEPresentVoltageToLow": "the charger's voltage is too low",
    "FAILED_NoEnergyTransferServiceSelected": "no energy transfer service was selected",
    "FAILED_NoServiceRenegotiationSupported": "the charger does not change services within a session",
    "FAILED_PauseNotAllowed": "the power profile does not allow a pause now, and the charger did not ask for one",
    "FAILED_ScheduleSelectionInvalid": "the charger does not know the chosen schedule",
    "FAILED_EVPowerProfileInvalid": "the power profile exceeds the schedule's limits",
    "FAILED_EVPowerProfileViolation": "the vehicle did not follow its power profile",
    "FAILED_PowerToleranceNotConfirmed": "the vehicle did not agree to keep the tolerance of its schedule",
    "FAILED_ScheduleRenegotiation": "no new schedule was agreed on",
    "FAILED_AssociationError": "another vehicle is associated with this charger",
    "WARNING_AuthorizationSelectionInvalid": "the selected authorization is not offered",
    "WARNING_EIMAuthorizationFailure": "the customer was not authorized",
    "WARNING_GeneralPnCAuthorizationError": "the contract was not authorized",
    "WARNING_CertificateExpired": "a certificate has expired",
    "WARNING_CertificateNotYetValid": "a certificate is not valid yet",
    "WARNING_CertificateRevoked": "a certificate was revoked",
    "WARNING_CertificateValidationError": "the charger cannot trace the contract's certificates to a trusted root",
    "WARNING_ChallengeInvalid": "GenChallenge did not come back as it was sent",
    "WARNING_eMSPUnknown": "the charger does not know the contract's provider",
    "WARNING_NoCertificateAvailable": "the charger's backend gave no contract certificate in time",
    "WARNING_NoContractMatchingPCIDFound": "the charger's backend has no contract for this vehicle",
    "FAILED": "the charger gives no reason",
}


def meaning(code: str) -> str:
    """A refusal in words; "" if the code is self-explanatory or unknown."""
    return MEANINGS.get(code, "")
