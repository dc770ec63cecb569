"""Which rows of a judged recording prove the checks of the catalogue's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping

ANSWER = ("response-type", "session-id", "schema", "undecodable")
"""What each response of a charger is checked against, whatever its case checks."""

PROOFS: Mapping[str, tuple[str, ...]] = {
    "SESSIONID_NONZERO": ("session-id",),
    "SAP_SCHEMAID_OFFERED": ("schema-id", "missing-schema-id"),
    "SDP_ADDRESS": ("sdp", "sdp-port"),
    "DIN_SERVICE": ("contract-in-din", "schema"),
    "GENCHALLENGE_16B": ("challenge", "schema"),
    "SCHEDULE_VALID": ("schedule", "schedule-ids", "schedule-order", "schedule-durations", "pmax-negative"),
    "SCHEDULE_COVERS_24H": ("schedule-coverage",),
    "SCHEDULE_COVERS_DEPARTURE": ("schedule-coverage",),
    "SCHEDULE_MAX_ENTRIES": ("schedule-entries",),
    "EVSE_LIMITS_AC": ("limits", "unit", "impossible"),
    "EVSE_LIMITS_DC": ("limits", "unit", "impossible", "limits-apart"),
    "DC_PRESENT_VALUES": ("impossible", "unit", "schema"),
    "DC_PRESENT_VOLTAGE": ("impossible", "unit"),
    "RECEIPT_FALSE": ("receipt-external",),
    "CERT_RES_SIGNATURE": ("signature",),
    "AUTHORIZATION_SETUP_20": ("authorization-block", "installation-without-contracts"),
    "SERVICES_20": ("service-of-other-energy", "value-added-energy", "service-filter"),
    "PARAMETER_SETS_20": ("one-control-mode", "parameter-set-ids", "parameters", "service-detail-other"),
    "LIMITS_20": ("limits", "parameters-of-other-mode"),
    "SCHEDULES_20": (
        "schedule-ids", "schedule-coverage", "schedule-sign", "schedule-sign-back", "discharging-unidirectional",
        "needs-by-charger", "soc-needs",
    ),
    "PRICES_20": ("price-schedule",),
    "LOOP_20": ("loop-of-other-kind", "control-mode"),
    "METER_20": ("meter-missing",),
    "EV_SAP_LIST": ("offer-twice",),
    "EV_SESSION_ID": ("session-id",),
    "EV_REQUEST_CONTENT": ("schema", "undecodable", "limits"),
    "EV_TIMESTAMP": ("time-stamps",),
    "EV_SELECTS_OFFERED": ("payment-not-offered", "service-not-offered", "parameter-set-not-offered"),
    "EV_PARAMS_CONSISTENT": ("limits", "mode-not-offered"),
    "EV_PROFILE_WITHIN_PMAX": ("profile-above-pmax", "schedule-not-offered"),
    "EV_AUTH_BODY": ("authorization-external", "signature"),
    "EV_AUTH_SIGNATURE": ("signature",),
    "EV_GENCHALLENGE_ECHO": ("challenge",),
    "EV_RECEIPT_SIGNATURE": ("signature",),
    "EV_RECEIPT_ECHO": ("receipt",),
}  # fmt: skip
"""Check of the vocabulary -> the rows that a recording holds it against; all that it asks for is in them.

Left out is what is compared with a declaration (payment options, energy modes, departure), and what no rule judges.
"""

TRACES: Mapping[str, tuple[str, ...]] = {
    "every request is one the sequence table allows": ("order", "handshake-order"),
    "every request after SessionSetupRes carries its SessionID": ("session-id",),
}  # fmt: skip
"""The same of what is asked of a whole session."""
