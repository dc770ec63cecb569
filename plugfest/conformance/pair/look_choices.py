"""Looks at what was chosen: protocol, TLS, and how it is paid."""

from __future__ import annotations

from collections.abc import Mapping

from plugfest.conformance.cause import Cause
from plugfest.conformance.pair.frame import Frame, Look, Miss, furthest, seen
from plugfest.conformance.pair.prepare import WORDS
from plugfest.conformance.verdict import Inconclusive
from plugfest.traces.talks import Talk, code_of
from v2g.messages import appproto
from v2g.protocols import ISO20, PROTOCOLS, meant


def _offered(talk: Talk) -> list[str]:
    """Protocols that the vehicle offered, preferred first."""
    for entry in talk.entries:
        if isinstance(entry.body, appproto.supportedAppProtocolReq):
            ranked = sorted(entry.body.AppProtocol, key=lambda offer: offer.Priority)
            found = [meant(offer, PROTOCOLS.values()) for offer in ranked]
            return list(dict.fromkeys(one[0].name for one in found if one is not None))
    return []


def _as_prepared(frame: Frame, talk: Talk) -> None:
    wanted = [WORDS[word].name for word in frame.scenario.prepared.get("vehicle_offers", ())]
    offered = _offered(talk)
    if wanted and offered and offered != wanted:
        raise Inconclusive(
            f"the vehicle offers {', '.join(offered)}, and not {', '.join(wanted)}", cause=Cause.NOT_DECLARED
        )


def speaks(frame: Frame) -> Miss | None:
    seen(frame)
    found = [talk for talk in frame.talks() if talk.entries]
    if not found:
        return Miss(Cause.NOT_CONNECTED, "no session started", stalled=True)
    _as_prepared(frame, found[-1])
    spoken = found[-1].protocol
    if spoken == WORDS[frame.value].name:
        return None
    return Miss(Cause.WRONG_MESSAGE, f"{found[-1].title} was spoken", side="secc" if spoken else "", stalled=not spoken)


def refuses(frame: Frame) -> Miss | None:
    return _REFUSED[frame.value](frame)


def _refuses_protocol(frame: Frame) -> Miss | None:
    seen(frame)
    answers = frame.responses("supportedAppProtocolRes")
    if not answers:
        if not frame.talks():  # over TLS, or without a connection: nothing was agreed on either
            raise Inconclusive("no handshake was seen", cause=Cause.POINTLESS)
        return Miss(Cause.NO_ANSWER, "supportedAppProtocolReq was not answered", side="secc")
    _as_prepared(frame, frame.talks()[-1])
    if (code := code_of(answers[-1])) != "Failed_NoNegotiation":
        return Miss(Cause.ACCEPTED, f"supportedAppProtocolRes {code}", side="secc")
    more = [entry for entry in frame.talks()[-1].main if entry.index > answers[-1].index]
    if more:
        return Miss(Cause.WENT_ON, f"{more[0].name} after the refusal", side="evcc")
    return None


_FATAL = b"\x02"
"""Level of a TLS alert that breaks the connection off; the others close it cleanly."""


def _refuses_tls(frame: Frame) -> Miss | None:
    if frame.port.empty:
        raise Inconclusive("nothing was recorded", cause=Cause.NOT_RECORDED)
    if (entry := next(iter(frame.port.messages(frame.since, frame.end)), None)) is not None:
        return Miss(Cause.CERTIFICATE_ACCEPTED, f"the handshake was completed: {entry.name}", side="evcc")
    alerts = [one for one in frame.port.recording.layer("tls") if one.name == "alert" and one.data[:1] == _FATAL]
    if any(entry.sender == "evcc" for entry in alerts):
        return None
    if frame.port.encrypted:
        raise Inconclusive("whether the handshake was completed is encrypted", cause=Cause.ENCRYPTED)
    if any(entry.sender == "secc" for entry in alerts):
        return Miss(Cause.TLS_FAILED, "the charger broke the handshake off", side="secc")
    raise Inconclusive("no TLS handshake was seen", cause=Cause.POINTLESS)


def _choices(frame: Frame) -> list[str]:
    """What the vehicle chose to pay by."""
    return [
        str(getattr(entry.body, field))
        for entry in frame.port.messages(frame.since, frame.end)
        for field in ("SelectedPaymentOption", "SelectedAuthorizationService")
        if hasattr(entry.body, field)
    ]


def _refused_in(*names: str) -> Look:
    def look(frame: Frame) -> Miss | None:
        seen(frame)
        found = [entry for name in names for entry in frame.responses(name)]
        if any(code_of(entry).startswith(("FAILED", "WARNING")) for entry in found):
            return None
        chosen = _choices(frame)
        if not found or (chosen and not chosen[-1].endswith(_PAID["contract"])):
            raise Inconclusive(f"the vehicle did not try it; {furthest(frame)}", cause=Cause.POINTLESS)
        return Miss(Cause.CONTRACT_ACCEPTED, f"{found[-1].name} {code_of(found[-1])}", side="secc")

    return look


_REFUSED: Mapping[str, Look] = {
    "protocol": _refuses_protocol,
    "tls": _refuses_tls,
    "contract": _refused_in("PaymentDetailsRes", "AuthorizationRes"),
    "installation": _refused_in("CertificateInstallationRes"),
}


def stays_without(frame: Frame) -> Miss | None:
    seen(frame)
    installed = frame.responses("CertificateInstallationRes")
    if not installed:
        return Miss(Cause.NO_REQUEST, f"no CertificateInstallationRes; {furthest(frame)}", stalled=True)
    used = [entry for entry in frame.responses("PaymentDetailsReq") if entry.index > installed[0].index]
    if used:
        return Miss(Cause.CERTIFICATE_ACCEPTED, "PaymentDetailsReq with the contract that came", side="evcc")
    return None


_PAID = {"contract": ("Contract", "PnC"), "external": ("ExternalPayment", "EIM")}


def pays(frame: Frame) -> Miss | None:
    seen(frame)
    chosen = _choices(frame)
    if not chosen:
        return Miss(Cause.NO_REQUEST, furthest(frame), stalled=True)
    if any(word.endswith(_PAID[frame.value]) for word in chosen):
        return None
    return Miss(Cause.WRONG_FIELD, f"the vehicle chose {chosen[-1]}", side="evcc")


def offers(frame: Frame) -> Miss | None:
    seen(frame)
    lists = ("PaymentOptionList", "PaymentOptions", "AuthorizationServices")
    found = [
        entry
        for entry in frame.port.messages(frame.since, frame.end)
        if any(hasattr(entry.body, name) for name in lists)
    ]
    if not found:
        return Miss(Cause.NO_ANSWER, furthest(frame), stalled=True)
    if any(word in repr(found[-1].body) for word in _PAID[frame.value]):
        return None
    return Miss(Cause.WRONG_FIELD, f"{found[-1].name} does not offer it", side="secc")


def names(frame: Frame) -> Miss | None:
    seen(frame)
    found = frame.responses("PaymentDetailsReq")
    if not found and any(talk.protocol == ISO20.name for talk in frame.talks()):
        raise Inconclusive("in ISO 15118-20 the certificate alone names it", cause=Cause.POINTLESS)
    if not found:
        return Miss(Cause.NO_REQUEST, f"no PaymentDetailsReq; {furthest(frame)}", stalled=True)
    name = str(getattr(found[0].body, "eMAID", ""))
    if 14 <= len(name.replace("-", "")) <= 15:
        return None
    return Miss(Cause.WRONG_FIELD, f"eMAID of {len(name)} characters", side="evcc")


def stapled(frame: Frame) -> Miss | None:
    seen(frame)
    tls = frame.port.recording.layer("tls")
    names = {entry.name for entry in tls}
    if names & {"staple", "CertificateStatus"}:
        return None
    if "Certificate" in names:
        return Miss(Cause.NO_ANSWER, "no OCSP response came with the certificate", side="secc")
    raise Inconclusive("the certificates are encrypted", cause=Cause.ENCRYPTED)
