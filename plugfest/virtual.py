"""The virtual loop, as the bench knows it; see :mod:`plugfest.conformance.virtual`."""

from plugfest.conformance.virtual import DeadlockError, VirtualLoop, run

__all__ = ["DeadlockError", "VirtualLoop", "run"]
