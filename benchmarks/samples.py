"""Messages that benchmarks send and encode: the charge loop of each generation, and the longest ones."""

from __future__ import annotations

from typing import Any

from v2g.messages import din70121, iso2
from v2g.messages.base import Request
from v2g.messages.iso20 import common, dc, types
from v2g.physical import rational
from v2g.protocols import DIN, ISO2, ISO20, Protocol

SESSION_ID = bytes.fromhex("9d7799360d2d747c")


def _value(value: int, unit: iso2.unitSymbolType, multiplier: int = 0) -> iso2.PhysicalValueType:
    return iso2.PhysicalValueType(Multiplier=multiplier, Unit=unit, Value=value)


DEMAND = iso2.CurrentDemandReq(
    DC_EVStatus=iso2.DC_EVStatusType(EVReady=True, EVErrorCode="NO_ERROR", EVRESSSOC=42),
    EVTargetCurrent=_value(1250, "A", -1),
    EVMaximumVoltageLimit=_value(4200, "V", -1),
    ChargingComplete=False,
    EVTargetVoltage=_value(3976, "V", -1),
)
SUPPLY = iso2.CurrentDemandRes(
    ResponseCode="OK",
    DC_EVSEStatus=iso2.DC_EVSEStatusType(
        NotificationMaxDelay=0, EVSENotification="None", EVSEIsolationStatus="Valid", EVSEStatusCode="EVSE_Ready"
    ),
    EVSEPresentVoltage=_value(3971, "V", -1),
    EVSEPresentCurrent=_value(1249, "A", -1),
    EVSECurrentLimitAchieved=False,
    EVSEVoltageLimitAchieved=False,
    EVSEPowerLimitAchieved=False,
    EVSEMaximumVoltageLimit=_value(920, "V"),
    EVSEMaximumCurrentLimit=_value(350, "A"),
    EVSEMaximumPowerLimit=_value(15000, "W", 1),
    EVSEID="DE*PLF*E00001",
    SAScheduleTupleID=1,
)

LOOP_REQ = dc.DC_ChargeLoopReq(
    DisplayParameters=types.DisplayParametersType(PresentSOC=42, TargetSOC=80, ChargingComplete=False),
    MeterInfoRequested=True,
    EVPresentVoltage=rational(397.6, -1),
    CLReqControlMode=dc.Scheduled_DC_CLReqControlModeType(
        EVTargetEnergyRequest=rational(22800.0),
        EVMaximumEnergyRequest=rational(34800.0),
        EVMinimumEnergyRequest=rational(0.0),
        EVTargetCurrent=rational(125.0, -1),
        EVTargetVoltage=rational(403.2, -1),
    ),
)
LOOP_RES = dc.DC_ChargeLoopRes(
    ResponseCode="OK",
    MeterInfo=types.MeterInfoType(MeterID="PLUGFEST-1", ChargedEnergyReadingWh=1234, MeterTimestamp=1764000000),
    EVSEPresentCurrent=rational(124.9, -1),
    EVSEPresentVoltage=rational(397.1, -1),
    EVSEPowerLimitAchieved=False,
    EVSECurrentLimitAchieved=False,
    EVSEVoltageLimitAchieved=False,
    CLResControlMode=dc.Scheduled_DC_CLResControlModeType(
        EVSEMaximumChargePower=rational(150000.0),
        EVSEMinimumChargePower=rational(0.0),
        EVSEMaximumChargeCurrent=rational(350.0, -1),
        EVSEMaximumVoltage=rational(920.0, -1),
    ),
)

LOOPS: dict[Protocol, tuple[Request[Any], Any]] = {ISO2: (DEMAND, SUPPLY), ISO20: (LOOP_REQ, LOOP_RES)}
"""Request and response of the DC charge loop."""


def _installed_iso2() -> iso2.CertificateInstallationRes:
    certificate = bytes(range(1, 251)) * 3

    def chain(identifier: str | None) -> iso2.CertificateChainType:
        below = iso2.SubCertificatesType(Certificate=[certificate, certificate])
        return iso2.CertificateChainType(Id=identifier, Certificate=certificate, SubCertificates=below)

    return iso2.CertificateInstallationRes(
        ResponseCode="OK",
        SAProvisioningCertificateChain=chain(None),
        ContractSignatureCertChain=chain("id1"),
        ContractSignatureEncryptedPrivateKey=iso2.ContractSignatureEncryptedPrivateKeyType(Id="id2", value=bytes(48)),
        DHpublickey=iso2.DiffieHellmanPublickeyType(Id="id3", value=bytes(65)),
        eMAID=iso2.EMAIDType(Id="id4", value="DEABCC123456789"),
    )


def _installed_iso20() -> common.CertificateInstallationRes:
    certificate = bytes(range(1, 251)) * 4
    below = common.SubCertificatesType(Certificate=[certificate, certificate])
    contract = common.ContractCertificateChainType(Certificate=certificate, SubCertificates=below)
    return common.CertificateInstallationRes(
        ResponseCode="OK",
        EVSEProcessing="Finished",
        CPSCertificateChain=common.CertificateChainType(Certificate=certificate, SubCertificates=below),
        SignedInstallationData=common.SignedInstallationDataType(
            Id="id1",
            ContractCertificateChain=contract,
            ECDHCurve="SECP521",
            DHPublicKey=bytes(133),
            SECP521_EncryptedPrivateKey=bytes(94),
        ),
        RemainingContractCertificateChains=0,
    )


def messages() -> list[tuple[str, Protocol, Any]]:
    """Title, protocol, message: what is encoded and decoded."""
    demand = din70121.CurrentDemandReq(
        DC_EVStatus=din70121.DC_EVStatusType(EVReady=True, EVErrorCode="NO_ERROR", EVRESSSOC=42),
        EVTargetVoltage=din70121.PhysicalValueType(Multiplier=-1, Unit="V", Value=3976),
        EVTargetCurrent=din70121.PhysicalValueType(Multiplier=-1, Unit="A", Value=1250),
        ChargingComplete=False,
    )
    return [
        ("iso2  SessionSetupReq", ISO2, iso2.SessionSetupReq(EVCCID=bytes.fromhex("02a1b2c3d4e5"))),
        ("iso2  CurrentDemandReq", ISO2, DEMAND),
        ("iso2  CurrentDemandRes", ISO2, SUPPLY),
        ("din   CurrentDemandReq", DIN, demand),
        ("iso20 DC_ChargeLoopReq", ISO20, LOOP_REQ),
        ("iso20 DC_ChargeLoopRes", ISO20, LOOP_RES),
        ("iso2  CertificateInstallationRes", ISO2, _installed_iso2()),
        ("iso20 CertificateInstallationRes", ISO20, _installed_iso20()),
    ]
