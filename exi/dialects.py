"""Deviations from the EXI specification that codecs in the field have agreed with themselves on.

The default writes the standard's reading. A decoder that fails with it tries the others and says which it met.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a codec family deviates.

    Attributes:
        name: what users call it.
        long_end: local names of list elements after whose last allowed occurrence the codec still offers one more
            (so that the end costs the longer code).
        empty: "length" writes an empty value with length zero, "omitted" as undeclared end-element.
        typed_fragments: fragments of elements whose name has several types use the element's own grammar.
        swapped_roots: pairs of local names of root elements whose event codes are exchanged.
    """

    name: str
    long_end: frozenset[str] = frozenset()
    empty: Literal["length", "omitted"] = "length"
    typed_fragments: bool = False
    swapped_roots: tuple[tuple[str, str], ...] = ()

    def stays_open(self, element: str) -> bool:
        """True if a list of this element never counts as full."""
        return element in self.long_end


STANDARD = Dialect("standard")
