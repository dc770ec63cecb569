"""What options are unless told otherwise: one source for what the help says and what the tasks do.

Light, since each command's parser loads it.
"""

from __future__ import annotations

ATTENUATION = 20.0
"""dB: mean attenuation of a simulated cable, in a demo, a lab and on a power line of its own."""
READY_AFTER = 1.0
"""s that a charger's program gets to start in a lab."""
