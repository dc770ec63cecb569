"""The key of a charger's network, renewed for each vehicle."""

from __future__ import annotations

import random

from slac.keys import new_nmk, nid_of
from slac.modem import Modem


class Key:
    """A key and who was given it.

    Attributes:
        nmk, nid: key and network id for the next vehicle.
        given: MAC and RunID of the vehicle that was given it, until it is replaced; None: nobody was.
        given_at: loop time at which that happened, s.
    """

    def __init__(self, modem: Modem, fixed: bytes | None, rng: random.Random) -> None:
        """With ``fixed``, it is always this key."""
        self.nmk = self.nid = b""
        self.given: tuple[bytes, bytes] | None = None
        self.given_at = 0.0
        self._modem, self._fixed, self._rng = modem, fixed, rng
        self._set = False

    @property
    def fresh(self) -> bool:
        """Whether the modem has it and nobody was given it."""
        return self._set and self.given is None

    def give(self, mac: bytes, run_id: bytes, now: float) -> None:
        """Notes that a vehicle gets it."""
        self.given, self.given_at = (mac, run_id), now

    async def renew(self) -> None:
        """Sets a new key, waits until the modem is back, and reads it back.

        Raises:
            ModemError: the modem does not answer, is not back within ``modem_settle``, or did not accept the key.
        """
        self.nmk = self._fixed or new_nmk(self._rng)
        self.nid = nid_of(self.nmk)
        self.given, self._set = None, False
        await self._modem.take_key(self.nid, self.nmk)
        self._set = True
