"""Prices of ISO 15118-20 signed by the mobility operator, for a vehicle that pays by contract.

The key is that of the sub-CA that issued the contract, as in ISO 15118-2. If the charger does not have it, it sends the
prices unsigned, and the vehicle may ignore them.
"""

from __future__ import annotations

from secc.iso20_contract import SET
from secc.visit import Visit
from v2g import signature, signed_parts
from v2g.messages import schema
from v2g.messages.iso20 import common


def sign(visit: Visit, response: common.ScheduleExchangeRes) -> None:
    """Signs the response's absolute prices, each with its own Id and Reference."""
    contracts = visit.contracts
    if visit.contract is None or contracts is None or response.EVSEProcessing != "Finished":
        return
    issuer = visit.contract.chain[1:2]
    signer = next((one for one in contracts.tariff_keys20 if one.leaf in issuer), None)
    found = signed_parts.absolute_prices(response)
    if not found or signer is None:
        return
    for number, prices in enumerate(found, 1):
        prices.Id = f"id{number}"
    visit.signature = signature.sign(schema(SET), signed_parts.parts(response), signer.key, contracts.grammar)
