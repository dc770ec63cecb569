"""Characters that XML 1.0 cannot spell: they are escaped, marked, read back alike, and stop no command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exi
from plugfest.cli import main
from v2g.messages import appproto, iso2, schema

characters = st.text(
    st.characters(exclude_categories=("Cs",)) | st.sampled_from("\0\1\x1b\x7f\\u\ufffe\uffff\r\n\t"), max_size=20
)
Capture = pytest.CaptureFixture[str]


@given(characters)
def test_any_text_goes_through_xml_and_back(text: str) -> None:
    """In elements, beside attributes, with backslashes, and where it looks like an escape."""
    own = schema("iso2")
    fault = iso2.NotificationType(FaultCode="UnknownError", FaultMsg=text)
    header = iso2.MessageHeaderType(SessionID=bytes(8), Notification=fault)
    message = iso2.V2G_Message(Header=header, Body=iso2.BodyType())
    assert exi.from_xml(own, exi.to_xml(own, message)) == message


@given(characters.map(lambda text: re.sub(r"[ \t\r\n]", "", text)))
def test_attributes_go_through_xml_and_back(text: str) -> None:
    own = schema("iso2")
    message = iso2.AuthorizationReq(Id=text, GenChallenge=bytes(16))
    assert exi.from_xml(own, exi.to_xml(own, message)).Id == text


def test_the_mark_names_where_the_escapes_are() -> None:
    own = schema("iso2")
    message = iso2.AuthorizationReq(Id="a\1b\\", GenChallenge=bytes(16))
    assert r'Id="a\u0001b\\"' in exi.to_xml(own, message)
    assert 'in="Id"' in exi.to_xml(own, message)
    assert "escaped" not in exi.to_xml(own, iso2.AuthorizationReq(Id=r"a\u0001", GenChallenge=bytes(16)))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace whose second message holds ESC and U+0001, between two others."""
    own = schema("appproto")
    offer = appproto.AppProtocolType(
        ProtocolNamespace="urn:\x1b[31m\1x", VersionNumberMajor=2, VersionNumberMinor=0, SchemaID=1, Priority=1
    )
    strange = exi.encode(own, appproto.supportedAppProtocolReq(AppProtocol=[offer])).hex()
    lines = [{"plugfest": "trace", "version": 1, "epoch": 0.0, "role": "secc"}]
    for time, octets in enumerate(("80400040", strange, "80400040")):
        lines.append({"t": float(time), "layer": "message", "name": "x", "dir": "rx" if time == 1 else "tx",
                      "schema": "appproto", "hex": octets})  # fmt: skip
    path = tmp_path / "strange.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_every_command_that_makes_xml_goes_on(trace: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "out.xml"
    assert main(["trace", "export", str(trace), "-o", str(target)]) == 0
    made = target.read_text()
    assert made.count("supportedAppProtocolRes ") == 4
    assert r"urn:\u001b[31m\u0001x" in made
    assert main(["trace", "decode", "--xml", str(trace)]) == 0
    said = capsys.readouterr().out
    assert r"urn:\u001b[31m\u0001x" in said
    assert "\x1b" not in said
    junit, report = tmp_path / "junit.xml", tmp_path / "report.html"
    assert main(["trace", "check", str(trace), "--junit", str(junit)]) == 1
    assert main(["report", str(trace), "-o", str(report), "--junit", str(junit)]) == 0
    for path in (junit, report, target):
        assert "\x1b" not in path.read_text()
        assert "\1" not in path.read_text()


@pytest.mark.parametrize(
    "octets",
    ["809802312ee1b0f47109c411e020446d6cc9286d6cccc5b5211531313cc40000", "8098004011e0002804080c1014181c2012b35de740"],
)
def test_messages_with_control_characters_are_decoded_and_encoded_back(octets: str, capsys: Capture) -> None:
    assert main(["exi", "decode", octets]) == 0
    made = capsys.readouterr().out.strip()
    assert "escaped" in made
    assert main(["exi", "encode", "--lax", made]) == 0
    assert capsys.readouterr().out.strip() == octets
