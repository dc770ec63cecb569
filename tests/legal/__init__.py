"""Legal variants of our own roles, as data: no run may fail with one, or be inconclusive.

`variant` says what a variant is and has the common ways to be different; the other modules are the variants, by role.
They stand beside the seeded faults: those show that the runs see something, these that they blame nobody for nothing.
"""

from legal import charger, iso20, slac, vehicle
from legal.variant import VARIANTS, Variant

__all__ = ["VARIANTS", "Variant", "charger", "iso20", "slac", "vehicle"]
