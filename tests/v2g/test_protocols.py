"""supportedAppProtocol: the charger's choice, over tables of real and odd offers."""

import pytest

import exi
from v2g import timing
from v2g.errors import SetupError
from v2g.messages import appproto, schema
from v2g.protocols import DIN, ISO2, offer, select

TESLA = "urn:tesla:din:2018:MsgDef"
OK, MINOR, NONE = (
    "OK_SuccessfulNegotiation", "OK_SuccessfulNegotiationWithMinorDeviation", "Failed_NoNegotiation",
)  # fmt: skip


def entry(namespace: str, schema_id: int, priority: int, version: tuple[int, int] = (2, 0)) -> appproto.AppProtocolType:
    return appproto.AppProtocolType(
        ProtocolNamespace=namespace,
        VersionNumberMajor=version[0],
        VersionNumberMinor=version[1],
        SchemaID=schema_id,
        Priority=priority,
    )


@pytest.mark.parametrize(
    ("offers", "code", "schema_id", "protocol"),
    [
        ([entry(DIN.namespace, 1, 1), entry(ISO2.namespace, 0, 2)], OK, 1, DIN),
        ([entry(DIN.namespace, 1, 2), entry(ISO2.namespace, 0, 1)], OK, 0, ISO2),
        ([entry(TESLA, 2, 1, (0, 7)), entry(DIN.namespace, 1, 2)], OK, 1, DIN),
        ([entry(ISO2.namespace, 7, 1, (2, 1))], MINOR, 7, ISO2),
        ([entry(ISO2.namespace, 7, 1, (1, 0))], NONE, None, None),
        ([entry("urn:iso:15118:2:2010:MsgDef", 7, 1, (1, 0))], NONE, None, None),
        ([entry(ISO2.namespace, 5, 20), entry(DIN.namespace, 5, 19)], OK, 5, DIN),
        ([entry(TESLA, 2, 1)], NONE, None, None),
    ],
)
def test_lowest_priority_number_that_both_speak_wins(
    offers: list[appproto.AppProtocolType], code: str, schema_id: int | None, protocol: object
) -> None:
    selection = select(appproto.supportedAppProtocolReq(AppProtocol=offers), [DIN, ISO2])
    assert (selection.response.ResponseCode, selection.response.SchemaID) == (code, schema_id)
    assert selection.protocol is protocol


def test_unsupported_protocols_are_not_chosen_and_named() -> None:
    selection = select(offer([ISO2, DIN]), [DIN])
    assert selection.protocol is DIN
    assert selection.unknown == (ISO2.namespace,)


def test_the_offer_of_din_alone_has_the_bytes_of_a_real_vehicle() -> None:
    """A Hyundai Ioniq offers just that."""
    octets = exi.encode(schema("appproto"), offer([DIN]))
    assert octets.hex() == "8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040040"


def test_timers_can_be_changed_by_name_and_unknown_names_are_refused() -> None:
    changed = timing.ISO2.replace({"V2G_SECC_Sequence_Timeout": 5, "V2G_EVCC_Msg_Timeout.CableCheckReq": 9})
    assert changed.V2G_SECC_Sequence_Timeout == 5
    assert changed.message_timeout("CableCheckReq") == 9
    assert changed.message_timeout("CurrentDemandReq") == 0.25
    assert timing.ISO2.message_timeout("CableCheckReq") == 2
    for wrong in ("V2G_Nonsense", "V2G_EVCC_Msg_Timeout", "V2G_SECC_Sequence_Timeout.CableCheckReq"):
        with pytest.raises(SetupError, match="unknown timer"):
            timing.ISO2.replace({wrong: 1})
