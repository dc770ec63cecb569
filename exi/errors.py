"""The codec's one error type: it says what was wrong, where, and what was expected."""


class ExiError(ValueError):
    """A stream or a message that the codec refuses.

    Attributes:
        what: what was found, one clause.
        expected: what would have been valid there, or "".
        path: field path from the root element, like ``V2G_Message/Body/CableCheckReq``, or "".
        bit: offset of the offending event in the stream, in bits from its first byte; None when there is no stream.
    """

    def __init__(self, what: str, *, expected: str = "", path: str = "", bit: int | None = None) -> None:
        self.what = what
        self.expected = expected
        self.path = path
        self.bit = bit
        place = f" at bit {bit}" if bit is not None else ""
        super().__init__(f"{path or 'stream'}{place}: {what}" + (f"; expected {expected}" if expected else ""))


class DecodeError(ExiError):
    """The bytes are not an EXI stream of this schema set.

    Attributes:
        missing: bits needed beyond the end of the stream; 0 if something else is wrong. A length that its facet forbids
        counts as something else.
    """

    def __init__(
        self, what: str, *, expected: str = "", path: str = "", bit: int | None = None, missing: int = 0
    ) -> None:
        super().__init__(what, expected=expected, path=path, bit=bit)
        self.missing = missing


class EncodeError(ExiError):
    """The message cannot be written: a facet is violated (strict), or the bits cannot carry it."""


class ValidationError(EncodeError):
    """A value violates its facets (percent 120, 9-byte EVCCID). In a received stream it is only noted, because the bits
    can carry it; strict encoding refuses it, lax encoding does not."""


class SchemaError(ExiError):
    """An XSD file or a message class that the codec cannot turn into a grammar."""
