"""A Wireshark profile for our recordings: columns, filters and colours based on the comments on packets.

A comment begins with the name of the decoded message and has its fields below (:mod:`.writer`, :mod:`.annotate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Filter(NamedTuple):
    """A display filter.

    Attributes:
        name: for its button, colour rule and list entry.
        shows: the filter.
        colour: background of matching packets, 0 to 255 each; None: they keep theirs.
    """

    name: str
    shows: str
    colour: tuple[int, int, int] | None = None


FILTERS = (
    Filter("Refusals", 'frame.comment contains "ResponseCode: FAILED"', (255, 178, 178)),
    Filter("Warnings", 'frame.comment contains "ResponseCode: WARNING"', (255, 224, 160)),
    Filter("Tolerances and errors", 'frame.comment contains "tolerance: " or frame.comment contains "error: "',
           (255, 240, 180)),
    Filter("TCP ends", "tcp.flags.reset == 1 or tcp.flags.fin == 1", (225, 225, 225)),
    Filter("From the vehicle", 'frame.comment matches "^[A-Za-z0-9_]+Req"', (214, 232, 255)),
    Filter("From the charger", 'frame.comment matches "^[A-Za-z0-9_]+Res"', (216, 245, 220)),
    Filter("SLAC", "eth.type == 0x88e1", (236, 224, 248)),
    Filter("SDP", "udp.port == 15118", (248, 236, 216)),
    Filter("Charge loop", 'frame.comment matches "^(CurrentDemand|ChargingStatus|AC_ChargeLoop|DC_ChargeLoop)"'),
    Filter("Without the loop", 'frame.comment and not frame.comment matches'
           ' "^(CurrentDemand|ChargingStatus|AC_ChargeLoop|DC_ChargeLoop)"'),
)  # fmt: skip
"""In order of precedence: the first filter that fits a packet sets its colour."""

COLUMNS = (
    ("No.", "%m"), ("Time", "%t"), ("From", "%uhs"), ("To", "%uhd"), ("Protocol", "%p"), ("Length", "%L"),
    ("Message", "%Cus:frame.comment:0:R"), ("Info", "%i"),
)  # fmt: skip
"""Title and format of each column; the message is the packet's comment."""


def files() -> Mapping[str, str]:
    """The files of the profile's directory, by name."""
    columns = ",\n".join(f'\t"{title}", "{form}"' for title, form in COLUMNS)
    colours = [f"@{one.name}@{one.shows}@{_rgb(one.colour)}[0,0,0]" for one in FILTERS if one.colour is not None]
    return {
        "preferences": f"gui.column.format: \n{columns}\n",
        "colorfilters": "# plugfest\n" + "\n".join(colours) + "\n",
        "dfilters": "".join(f'"{one.name}" {one.shows}\n' for one in FILTERS),
        "dfilter_buttons": "".join(f'"TRUE","{one.name}","{_quoted(one.shows)}",""\n' for one in FILTERS),
    }


def _rgb(colour: tuple[int, int, int]) -> str:
    return f"[{','.join(str(part * 257) for part in colour)}]"


def _quoted(text: str) -> str:
    """A value in Wireshark's tables: quotes and backslashes as hexadecimal."""
    return text.replace("\\", "\\x5c").replace('"', "\\x22")
