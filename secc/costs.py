"""Cost of a session so far, by absolute prices (1-Power): energy, parking, overstay, additional services, taxes.

Pure: it is given the time and the meter's registers, and knows no messages. Energy from the vehicle is credited at the
fee of its own tariff. Fees of a period are due at its beginning. Overstay begins when the power has stayed below a
threshold for a certain time; both are 0 if the tariff does not set them. MinimumCost and MaximumCost bound the total.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from v2g.prices import Tariff


@dataclass
class Bill:
    """Running costs, in the currency of the tariff.

    Attributes:
        tariff, back: prices for charging and for discharging; None: unknown, or not computable.
        began: loop time at which the tariffs begin, s.
        charged, returned: energy priced so far, kWh.
        energy, parking, overstay: costs so far; credits are subtracted from energy.
    """

    tariff: Tariff | None = None
    back: Tariff | None = None
    began: float = 0.0
    charged: float = 0.0
    returned: float = 0.0
    energy: float = 0.0
    parking: float = 0.0
    overstay: float = 0.0
    _last: tuple[float, float] | None = None
    _next_parking: float = -math.inf
    _below_since: float | None = None
    _next_overstay: float = -math.inf

    def agree(self, tariff: Tariff | None, back: Tariff | None, began: float) -> None:
        """Sets the prices from now on and keeps the costs so far. Prices that cannot be computed count as unknown."""
        self.tariff = tariff if tariff is not None and tariff.known else None
        self.back = back if back is not None and back.known else None
        self.began = began

    @property
    def known(self) -> bool:
        """Whether prices are known."""
        return self.tariff is not None or self.back is not None

    def read(self, now: float, watts: float, charged_wh: float, returned_wh: float) -> None:
        """Prices the energy metered since the last call, by the present power."""
        second = now - self.began
        if self._last is not None:
            charged, returned = (charged_wh - self._last[0]) / 1000.0, (returned_wh - self._last[1]) / 1000.0
            self.charged, self.returned = self.charged + charged, self.returned + returned
            if self.tariff is not None:
                self.energy += charged * self.tariff.rule(second, watts).fee
            if self.back is not None:
                self.energy -= returned * self.back.rule(second, watts).fee
        self._last = charged_wh, returned_wh
        if self.tariff is not None:
            self._park(self.tariff, second, watts, now)
            self._stay(self.tariff, watts, now)

    def _park(self, tariff: Tariff, second: float, watts: float, now: float) -> None:
        rule = tariff.rule(second, watts)
        if rule.parking is not None and now >= self._next_parking:
            self.parking += rule.parking
            self._next_parking = now + (rule.parking_period or math.inf)

    def _stay(self, tariff: Tariff, watts: float, now: float) -> None:
        over = tariff.overstay
        if over is None or abs(watts) > (over.below or 0.0):
            self._below_since, self._next_overstay = None, -math.inf
            return
        if self._below_since is None:
            self._below_since = now
        seconds = now - self._below_since - (over.after or 0)
        due = [rule for rule in over.rules if rule[0] <= seconds]
        if seconds >= 0.0 and due and now >= self._next_overstay:
            _, fee, period, _ = max(due)
            self.overstay += fee
            self._next_overstay = now + (period or math.inf)

    @property
    def services(self) -> float:
        """Fees of additional services."""
        return sum(fee for _, fee in self.tariff.services) if self.tariff is not None else 0.0

    @property
    def taxes(self) -> list[tuple[int, float]]:
        """TaxRuleID and amount of each tax that is not included in the fees."""
        if self.tariff is None:
            return []
        return [
            (place, tax.rate / 100.0 * base)
            for place, tax in enumerate(self.tariff.taxes, 1)
            if not tax.included
            and (base := self.energy * tax.energy + self.parking * tax.parking + self.overstay * tax.overstay)
        ]

    @property
    def total(self) -> float:
        """The total cost, within MinimumCost and MaximumCost."""
        whole = self.energy + self.parking + self.overstay + self.services + sum(tax for _, tax in self.taxes)
        if self.tariff is None:
            return whole
        whole = whole if self.tariff.least is None else max(whole, self.tariff.least)
        return whole if self.tariff.most is None else min(whole, self.tariff.most)
