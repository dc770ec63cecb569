"""Every message and type of every schema set, as typed classes under the standards' own names.

One module per namespace set: :mod:`.appproto`, :mod:`.din70121`, :mod:`.iso2`, :mod:`.xmldsig`, and ``iso20`` with
``common``, ``ac``, ``dc``, ``wpt``, ``acdp`` and the ``types`` they share. Use them module-qualified
(``iso2.PreChargeReq``). The classes carry all facets; grammar, validation, XML and JSON derive from them.

    from v2g.messages import iso2, schema
    exi.encode(schema("iso2"), iso2.V2G_Message(Header=..., Body=...))
"""

from functools import cache
from importlib import import_module

from exi.sets import Schema
from v2g.messages.dialects import dialects

# The parts of each set: the module of its own namespace(s), and those it imports.
_SETS = {
    "appproto": ("appproto",),
    "din70121": ("din70121", "xmldsig"),
    "iso2": ("iso2", "xmldsig"),
    "iso20-common": ("iso20.common", "iso20.types", "xmldsig"),
    "iso20-ac": ("iso20.ac", "iso20.types", "xmldsig"),
    "iso20-dc": ("iso20.dc", "iso20.types", "xmldsig"),
    "iso20-wpt": ("iso20.wpt", "iso20.types", "xmldsig"),
    "iso20-acdp": ("iso20.acdp", "iso20.types", "xmldsig"),
    "xmldsig": ("xmldsig",),
}

ROOTS = {
    "appproto": "urn:iso:15118:2:2010:AppProtocol",
    "din70121": "urn:din:70121:2012:MsgDef",
    "iso2": "urn:iso:15118:2:2013:MsgDef",
    "iso20-common": "urn:iso:std:iso:15118:-20:CommonMessages",
    "iso20-ac": "urn:iso:std:iso:15118:-20:AC",
    "iso20-dc": "urn:iso:std:iso:15118:-20:DC",
    "iso20-wpt": "urn:iso:std:iso:15118:-20:WPT",
    "iso20-acdp": "urn:iso:std:iso:15118:-20:ACDP",
    "xmldsig": "http://www.w3.org/2000/09/xmldsig#",
}
"""Target namespace of each set's root schema document, by which its XSD files are recognised."""

SETS = tuple(_SETS)
"""Names of the schema sets."""


@cache
def schema(name: str) -> Schema:
    """The schema set with a name in :data:`SETS`.

    Raises:
        KeyError: there is no such set.
    """
    modules = [import_module(f"v2g.messages.{module}") for module in _SETS[name]]
    elements = [element for module in modules for element in module.ELEMENTS]
    return Schema(name, modules, elements, dialects(name))
