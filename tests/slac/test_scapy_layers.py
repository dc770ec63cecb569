"""Our messages as scapy layers, in a process of their own: importing scapy's layers changes scapy's tables."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from captures import SHARED

_BUILD = """
import sys
import scapy.contrib.homeplugav  # scapy's own, which ours replace
from scapy.layers.l2 import Ether
from slac import frames
from slac.scapy_layers import CM_ATTEN_CHAR_IND, CM_SLAC_PARM_REQ, LAYERS, VS_SW_VER_CNF, VS_SW_VER_REQ, HomePlug

mac = bytes.fromhex("020000000001")
for kind in frames.kinds():
    assert LAYERS[kind.__name__]
packet = Ether(src="02:00:00:00:00:01") / HomePlug() / CM_SLAC_PARM_REQ(run_id="01:02:03:04:05:06:07:08")
assert bytes(packet) == frames.build(frames.Frame(frames.BROADCAST, mac, frames.CM_SLAC_PARM_REQ(bytes(range(1, 9)))))
packet = Ether(src=mac, dst=mac) / HomePlug() / CM_ATTEN_CHAR_IND(aag=bytes(58), num_sounds=9)
message = frames.parse(bytes(packet)).message
assert message.num_sounds == 9 and message.aag == bytes(58)
assert Ether(bytes(packet))[CM_ATTEN_CHAR_IND].aag == bytes(58)
asked = Ether(src=mac, dst="00:b0:52:00:00:01") / HomePlug() / VS_SW_VER_REQ()
answer = Ether(bytes(Ether(src=mac, dst=mac) / HomePlug() / VS_SW_VER_CNF(version_bytes=b"MAC-QCA7005\\0")))
assert frames.parse(bytes(answer)).message.version == "MAC-QCA7005"
assert answer.answers(asked) and not asked.answers(answer) and answer.hashret() == asked.hashret()
assert "CM_SLAC_PARM.REQ" in (Ether(src=mac) / HomePlug() / CM_SLAC_PARM_REQ()).summary()
Ether(bytes(packet)[:40])  # cut short: Raw, no exception
assert "scapy.all" not in sys.modules
"""

_RECORDED = """
import sys
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from slac import frames
from slac.scapy_layers import HomePlug

for line in sys.stdin:
    data = bytes.fromhex(line)
    packet = Ether(data)
    layer = packet
    while layer:
        layer.raw_packet_cache = None  # what was read must not simply be given back
        layer = layer.payload
    assert bytes(packet) == data, line
    known = not isinstance(frames.parse(data).message, frames.Unknown)
    assert HomePlug in packet and (not known or Raw not in packet), line
"""


def _python(code: str, given: str = "") -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code],
        input=given, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_packets_are_built_dissected_and_paired() -> None:
    """The same bytes as ours, header and padding filled in; answers belong to their requests."""
    _python(_BUILD)


def test_recorded_frames_are_the_same_after_dissecting_and_building() -> None:
    """Every recorded frame is dissected into its message and rebuilt byte for byte."""
    path = SHARED / "vectors" / "slac.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    _python(_RECORDED, "\n".join(json.loads(line)["hex"] for line in path.read_text().splitlines()))
