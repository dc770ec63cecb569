"""What a session shows of what a campaign declares: energy, payment, TLS, control mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugfest.conformance.catalogue import Case
from plugfest.conformance.catalogue.pics import Pics, conditions, holds
from plugfest.traces.talks import Talk
from v2g.rules.facts import Facts
from v2g.rules.table import hear

CONTRACT = ("Contract", "PnC")


def told(talk: Talk) -> Mapping[str, Any]:
    """PICS and PIXIT by name, as far as a connection tells them."""
    facts = Facts(secure=talk.secure)
    tls = "tls" if talk.secure else "none"
    known: dict[str, Any] = {"PIXIT_SECC_CMN_TLS": talk.secure, "PIXIT_EVCC_CMN_TLS": tls}
    for entry in talk.main:
        body = entry.body
        if body is None:
            continue
        signed, session_id = entry.signature is not None, entry.session_id
        list(hear(facts, body, protocol=entry.schema, now=entry.time, session_id=session_id, signed=signed))
        option = getattr(body, "SelectedPaymentOption", None) or getattr(body, "SelectedAuthorizationService", None)
        if option is not None:
            known["PICS_CMN_CMN_IdentificationMode"] = "pnC" if str(option) in CONTRACT else "eIM"
        if entry.name == "ChargeParameterDiscoveryReq":
            parameter = getattr(body, "EVChargeParameter", None) or getattr(body, "DC_EVChargeParameter", None)
            known["PICS_SECC_CMN_DepartureTime"] = getattr(parameter, "DepartureTime", None) is not None
            known["PICS_SECC_CMN_MaxEntriesSAScheduleTuple"] = (
                getattr(body, "MaxEntriesSAScheduleTuple", None) is not None
            )
        if entry.name.startswith("WeldingDetection"):
            known["PICS_SECC_DC_WeldingDetection"] = True
    if talk.mode:
        known["PICS_CMN_CMN_ChargingMode"] = "aC" if talk.ac else "dC"
    own = facts.iso20
    if own.chosen is not None and own.service is not None:
        known["PICS_CMN_ISO20_ControlMode"] = "dynamic" if own.chosen.dynamic else "scheduled"
        known["PICS_CMN_ISO20_BPT"] = own.service.bidirectional
        known["PICS_CMN_ISO20_MCS"] = own.service.title.startswith("MCS")
    return known


def differs(case: Case, known: Mapping[str, Any]) -> str:
    """Why a case is not about such a session, or ""; what a session does not tell has to be declared."""
    pics = Pics(dict(known))
    for condition in conditions(case):
        name = condition.split()[1 if condition.startswith("not ") else 0]
        if condition.endswith("== unknown"):
            continue
        if name not in known:
            return f"needs a tester: {name} has to be declared"
        if not holds(condition, pics):
            return f"applies to other sessions: {condition}"
    return ""
