"""``plugfest exi``: decode, encode and explain single messages, or filter lines of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_HELP = """\
INPUT is hex in any spelling (also a dump with offsets), base64 or XML text, the name of a file that holds such text or
binary EXI, or - for lines on standard input: one input per line, one line of output for each, "error: ..." for one
that fails. V2GTP headers are taken off and their payload types used; where a header does not fit what is behind it,
it says so. Several frames in a row, and the packet that carried one, are read too.

protocols: appproto din70121 iso2 iso20-common iso20-ac iso20-dc iso20-wpt iso20-acdp; with -fragment behind the name
(and xmldsig-fragment) the fragment grammar of the set, which signatures use. The names of other commands do too: din,
iso15118-2, iso20 (any of its sets). Without --protocol the most plausible is taken, and what else it could be is said.
"""


def add(commands: Any) -> None:
    top = commands.add_parser("exi", help="decode, encode or explain EXI messages")
    kinds = top.add_subparsers(metavar="decode|encode|explain", required=True)
    for name, text in (
        ("decode", "EXI to XML (or JSON)"),
        ("encode", "XML (or JSON) to EXI, in hex"),
        ("explain", "EXI event by event, with bit offsets"),
    ):
        parser = kinds.add_parser(
            name, help=text, description=text, epilog=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("input", nargs="?", metavar="INPUT", help="message, file, or - for lines (default)")
        parser.add_argument("--protocol", metavar="P", help="schema set; guessed where not given")
        parser.add_argument("--xsd", metavar="DIR", type=Path, help="take the grammar from the XSD files in DIR")
        parser.add_argument("--dialect", metavar="D", help="standard, cbv2g, cbv2g-reads, josev or exificient")
        if name != "explain":
            parser.add_argument("--json", action="store_true", help="JSON instead of XML")
        if name == "encode":
            parser.add_argument("--lax", action="store_true", help="do not check values against the schema's facets")
            parser.add_argument("--v2gtp", action="store_true", help="prepend the V2GTP header")
        parser.set_defaults(run=f"plugfest.tasks.exi:{name}")
