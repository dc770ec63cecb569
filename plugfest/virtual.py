"""The virtual loop, as the bench knows it; see :mod:`conformance.virtual`."""

from conformance.virtual import DeadlockError, VirtualLoop, run

__all__ = ["DeadlockError", "VirtualLoop", "run"]
