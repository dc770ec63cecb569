"""Faults in what a vehicle shows to identify itself: certificates, roots, services, its EVCCID."""

from __future__ import annotations

from typing import Any

import msgspec

from faults.fault import deep, sending, vehicle
from faults.vehicle_more import both
from plugfest.conformance.fields import replaced
from v2g.messages import iso2

SHORT = ("PF_EVCC_ISO2_PowerFlow#2", "PF_EVCC_DIN_PowerFlow#2")
INSTALLS, UPDATES = "PF_EVCC_ISO2_CertificateInstallation_Res#1", "PF_EVCC_ISO2_CertificateUpdate_LateResponse#1"


def _subs(keep: slice) -> Any:
    def change(message: Any) -> Any:
        chain = message.ContractSignatureCertChain
        kept = iso2.SubCertificatesType(Certificate=chain.SubCertificates.Certificate[keep])
        return msgspec.structs.replace(
            message, ContractSignatureCertChain=msgspec.structs.replace(chain, SubCertificates=kept)
        )

    return change


def _other_root(message: Any) -> Any:
    for one in message.ListOfRootCertificateIDs.RootCertificateID:
        one.X509SerialNumber = 1
    return message


def _without_set(message: Any) -> Any:
    for service in message.SelectedServiceList.SelectedService:
        service.ParameterSetID = None
    return message


def _charging_alone(message: Any) -> Any:
    del message.SelectedServiceList.SelectedService[1:]
    return message


vehicle("ev-chain-first", "sub-CA 1 is missing in the contract's chain", "PF_EVCC_ISO2_Receipt",
        adjust=sending("PaymentDetailsReq", _subs(slice(0, 1))))  # fmt: skip
vehicle("ev-chain-last", "sub-CA 2 is missing in the contract's chain", "PF_EVCC_ISO2_Receipt",
        adjust=sending("PaymentDetailsReq", _subs(slice(1, 2))))  # fmt: skip
vehicle("ev-roots-other", "the vehicle lists a root that it has not", INSTALLS,
        adjust=sending("CertificateInstallationReq", _other_root))  # fmt: skip
vehicle("ev-roots-other-update", "the same for an update", UPDATES,
        adjust=sending("CertificateUpdateReq", _other_root))  # fmt: skip
vehicle("ev-service-unselected", "a contract is installed without the service selected", INSTALLS, reading=True,
        adjust=sending("PaymentServiceSelectionReq", _charging_alone))  # fmt: skip
vehicle("ev-set-unselected", "the certificate service is selected without a parameter set", INSTALLS, reading=True,
        adjust=sending("PaymentServiceSelectionReq", _without_set))  # fmt: skip
vehicle("ev-no-entries", "MaxEntriesSAScheduleTuple is 0", SHORT[0],
        adjust=sending("ChargeParameterDiscoveryReq", deep("MaxEntriesSAScheduleTuple", 0)))  # fmt: skip
vehicle("ev-group-address", "the EVCCID is an address of a group", *SHORT, reading=True,
        adjust=both("SessionSetupReq", lambda message, classes: replaced(
            message, "EVCCID", bytes.fromhex("010203040506"))))  # fmt: skip
for _name, _message, _field, _value in (
    ("scope", "ServiceDiscoveryReq", "ServiceScope", "x"),
    ("category", "ServiceDiscoveryReq", "ServiceCategory", "Internet"),
    ("challenge", "ContractAuthenticationReq", "GenChallenge", "AAAA"),
):
    vehicle(f"ev-din-{_name}", f"DIN: {_message} has a {_field} that is not used", SHORT[1],
            adjust=sending(_message, deep(_field, _value), "din70121"))  # fmt: skip
