"""The vocabulary of scenarios: what is prepared, what a person does, what a person is asked. Names and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Where = Literal["evcc", "secc", "cable"]
"""Where something is done: at the vehicle, at the charger, or between them."""

ACTS: Mapping[str, tuple[Where, str]] = {
    "plug": ("cable", "plug the connector into the vehicle"),
    "unplug": ("cable", "unplug the connector"),
    "unplug_after_stop": ("cable", "stop charging at the vehicle, wait for the end, and unplug"),
    "half_plug": ("cable", "put the connector half into the inlet, so that it does not latch"),
    "present_card": ("secc", "authorise at the charger (card, app, code)"),
    "press_stop_charger": ("secc", "stop charging at the charger"),
    "press_stop_vehicle": ("evcc", "stop charging at the vehicle"),
    "press_emergency_stop": ("secc", "press the emergency stop of the charger"),
    "press_latch": ("cable", "press the latch of the connector"),
    "open_pilot": ("cable", "open the control pilot wire"),
    "short_pilot": ("cable", "short the control pilot to protective earth"),
    "pilot_fault": ("secc", "make the charger show a passing pilot fault (state F)"),
    "pilot_good": ("secc", "clear the pilot fault"),
    "proximity_fault": ("cable", "open the proximity circuit"),
    "earth_fault": ("cable", "open the protective earth conductor"),
    "isolation_fault": ("cable", "lower the insulation resistance of the DC output below its limit"),
    "cut_cable": ("cable", "disconnect the charging cable from the charger"),
    "lose_internet": ("secc", "disconnect the charger from its back end"),
    "charger_power_off": ("secc", "switch the charger's mains supply off"),
    "charger_power_on": ("secc", "switch the charger's mains supply on"),
    "charger_good": ("secc", "clear the charger's error"),
    "break_contactor": ("secc", "make the charger's contactor report a fault"),
    "heat_cable": ("cable", "heat the cable's temperature sensor above its limit"),
    "heat_connector": ("cable", "heat the connector's temperature sensor above its limit"),
    "cool_down": ("cable", "cool vehicle and charger down, well below freezing"),
    "drive_mode": ("evcc", "select drive (then reverse, then neutral) in the vehicle"),
    "park": ("evcc", "select park in the vehicle"),
    "move_vehicle": ("evcc", "roll the vehicle a few centimetres"),
    "charge_level": ("evcc", "bring the battery to {0} % and its target to {1} %"),
    "request_negative": ("evcc", "make the vehicle ask for a negative current"),
    "pause_vehicle": ("evcc", "pause charging at the vehicle"),
    "resume_vehicle": ("evcc", "resume the paused session at the vehicle"),
    "new_session": ("evcc", "let the vehicle start a new session after the pause"),
    "wake_vehicle": ("secc", "let the charger wake the vehicle (X1, then X2)"),
    "state_e": ("secc", "let the charger go through state E, as after a power outage"),
    "state_f": ("secc", "let the charger go through state F, as after a fault"),
    "limit_charger": ("secc", "limit the charger to {0} W"),
    "lift_limit": ("secc", "lift the limit"),
    "curtail": ("secc", "send a curtailment to {0} kW from the back end"),
    "feed_back": ("evcc", "let the driver of the vehicle release {0} W"),
    "target_power": ("secc", "let the charger ask for {0} W (below zero: out of the vehicle)"),
    "adapter_on_connector": ("cable", "put the adapter on the connector"),
    "adapter_on_vehicle": ("cable", "put the adapter on the vehicle's inlet"),
}
"""Act -> where it is done, and what the person does; ``{0}`` is its value."""

PREPARED: Mapping[str, tuple[Where, str]] = {
    "authorisation": ("secc", "the charger requires authorisation: {0}"),
    "payment": ("evcc", "the vehicle pays by Plug and Charge ({0})"),
    "contract": ("evcc", "the vehicle's contract certificate is {0}"),
    "provisioning": ("evcc", "the vehicle's provisioning certificate is {0}"),
    "provider": ("secc", "the certificates of the provisioning service are {0}"),
    "charger_certificate": ("secc", "the charger's TLS certificate is {0}"),
    "charger_chain": ("secc", "the charger sends its certificates as a bundle, {0}"),
    "staple": ("secc", "the OCSP response that the charger staples is {0}"),
    "revoked": ("cable", "revoked: {0}"),
    "revocation": ("secc", "where the charger learns of revocations: {0}"),
    "vehicle_offers": ("evcc", "the vehicle offers, preferred first: {0}"),
    "charger_speaks": ("secc", "the charger speaks: {0}"),
    "latch": ("cable", "the latch of the connector is {0}"),
    "dc_line": ("cable", "DC+ or DC- is {0}"),
    "charge_level": ("evcc", "the battery is at {0} %, and its target at {1} %"),
    "battery": ("evcc", "the battery is of the {0} class"),
    "temperature": ("cable", "vehicle and charger are {0}"),
    "auxiliaries": ("evcc", "heating and the other consumers of the vehicle are {0}"),
    "vehicle_current": ("evcc", "the vehicle asks for {0} A"),
    "departure": ("evcc", "departure is in {0} s"),
    "energy": ("evcc", "the vehicle wants {0} Wh"),
    "schedule": ("secc", "the charger's schedule (s, W): {0}"),
    "service": ("cable", "both use the bidirectional service: {0}"),
    "ports": ("cable", "{0} ports of the charger are used, with a vehicle at each"),
    "vehicle_retries": ("evcc", "the vehicle tries again by itself for {0} s after an error"),
    "charger_error": ("secc", "the charger makes an error in the first session: {0}"),
}
"""Preparation -> where it is made, and what holds then."""

QUESTIONS: Mapping[str, str] = {
    "card_forgotten": "has the charger dropped the authorisation, so that it asks for a new one?",
    "fault_reported": "does the charger report a fault, on its display or to its back end?",
    "loss_reported": "does charging continue or end, and is the loss of the back end reported?",
    "vehicle_stays": "did the vehicle stay where it was?",
    "no_extreme_derating": "is the power reasonable for the temperature?",
    "list_fetched": "did the charger fetch the revocation list, and use it?",
    "status_fetched": "did the charger, or its back end, ask for the status by OCSP?",
    "cache_refreshed": "was the old status refreshed before it was used?",
    "cache_refreshed_or_refused": "was the old status refreshed, or else the session refused?",
}
"""What only a person sees; yes is right."""


def spoken(sentence: str, value: Any = None) -> str:
    """A sentence with its value."""
    values = value if isinstance(value, list) and not any(isinstance(one, list) for one in value) else [value]
    if sentence.count("{") < 2:
        values = [", ".join(map(_plain, value)) if isinstance(value, list) else value]
    return sentence.format(*values)


def _plain(value: Any) -> str:
    return f"{value[0]} s {value[1]} W" if isinstance(value, list) else str(value)
