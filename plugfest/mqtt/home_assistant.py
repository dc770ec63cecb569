"""Home Assistant: announces the bench as a device with its sensors and buttons (MQTT discovery)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from plugfest.config.model import Bench
from plugfest.config.named import spoken
from plugfest.plants import ac_rating

# Key in telemetry -> name, unit, device class, state class.
SENSORS = {
    "soc": ("State of charge", "%", "battery", "measurement"),
    "volts": ("Voltage", "V", "voltage", "measurement"),
    "amps": ("Current", "A", "current", "measurement"),
    "watts": ("Power", "W", "power", "measurement"),
    "energy": ("Energy", "Wh", "energy", "total_increasing"),
    "discharged": ("Energy given back", "Wh", "energy", "total_increasing"),
    "target": ("Power wanted", "W", "power", "measurement"),
}
BOTH_WAYS = ("discharged", "target")
"""Those of benches on which power may flow out of the vehicle, or the charger has a target."""
VEHICLE_BUTTONS = {"stop": "Stop charging", "pause": "Pause"}
CHARGER_BUTTONS = {"stop-charger": "Ask the vehicle to stop", "emergency-stop": "Emergency stop", "repair": "Repair"}
_ACTIONS: dict[str, dict[str, Any]] = {
    "stop": {"do": "stop"},
    "pause": {"do": "pause"},
    "stop-charger": {"do": "stop", "by": "charger"},
    "emergency-stop": {"do": "emergency-stop"},
    "repair": {"do": "repair"},
}


def discovery(prefix: str, base: str, bench: Bench) -> Iterator[tuple[str, dict[str, Any]]]:
    """Topic and payload of each entity.

    Args:
        prefix: where Home Assistant listens, usually ``homeassistant``.
        base: of the bench's topics.
    """
    node = re.sub(r"[^A-Za-z0-9_-]", "_", base)
    common: dict[str, Any] = {
        "device": {"identifiers": [node], "name": f"plugfest {base}", "manufacturer": "plugfest", "model": bench.role},
        "availability": [
            {"topic": f"{base}/status", "value_template": "{{ 'online' if value_json.online else 'offline' }}"}
        ],
    }
    newest = any(protocol.abilities.bidirectional for protocol in spoken(bench))
    for key, (name, unit, kind, state_class) in SENSORS.items():
        if (key == "soc" and bench.role == "secc") or (key in BOTH_WAYS and not newest):
            continue
        known = " | default(0)" if key in BOTH_WAYS else ""
        yield f"{prefix}/sensor/{node}/{key}/config", {
            **common, "name": name, "unique_id": f"{node}_{key}", "state_topic": f"{base}/telemetry",
            "value_template": f"{{{{ value_json.{key}{known} }}}}", "unit_of_measurement": unit, "device_class": kind,
            "state_class": state_class,
        }  # fmt: skip
    yield f"{prefix}/sensor/{node}/state/config", {
        **common, "name": "State", "unique_id": f"{node}_state", "state_topic": f"{base}/state",
        "value_template": "{{ value_json.state }}",
    }  # fmt: skip
    if newest:
        for key, name, icon in (("control", "Control mode", "mdi:tune"), ("service", "Service", "mdi:ev-station")):
            yield f"{prefix}/sensor/{node}/{key}/config", {
                **common, "name": name, "unique_id": f"{node}_{key}", "state_topic": f"{base}/telemetry",
                "value_template": f"{{{{ value_json.{key} | default('') }}}}", "icon": icon,
            }  # fmt: skip
    if newest and bench.role != "evcc" and (bench.mqtt is None or bench.mqtt.commands):
        supply, (phases, amperes) = bench.charger.ac_supply, ac_rating(bench)
        most = round(supply.nominal_voltage * phases * amperes / 1000.0, 1) if bench.ac else bench.charger.power
        yield f"{prefix}/number/{node}/power/config", {
            **common, "name": "Power wanted of the charger", "unique_id": f"{node}_power",
            "command_topic": f"{base}/command", "state_topic": f"{base}/telemetry",
            "value_template": "{{ (value_json.target | default(0)) / 1000 }}", "unit_of_measurement": "kW",
            "min": -most if bench.both_ways else 0, "max": most, "step": 0.1,
            "command_template": '{"id": "{{ now().timestamp() }}", "do": "power", "power": {{ value }}}', "qos": 1,
        }  # fmt: skip
    buttons = {
        **(VEHICLE_BUTTONS if bench.role != "secc" else {}),
        **(CHARGER_BUTTONS if bench.role != "evcc" else {}),
    }
    for key, name in buttons.items() if bench.mqtt is None or bench.mqtt.commands else ():
        # Each press is a command of its own, so its id is the time.
        action = json.dumps(_ACTIONS[key]).removeprefix("{")
        yield f"{prefix}/button/{node}/{key}/config", {
            **common, "name": name, "unique_id": f"{node}_{key}", "command_topic": f"{base}/command",
            "command_template": f'{{"id": "{{{{ now().timestamp() }}}}", {action}', "qos": 1,
        }  # fmt: skip


def gone(prefix: str, base: str, bench: Bench) -> list[str]:
    """Topics of the entities that another role, other protocols or settings have below the same base.

    Brokers keep an announcement until it is taken back, by whoever comes next under the same id.
    """
    here = {topic for topic, _ in discovery(prefix, base, bench)}
    everything = msgspec.structs.replace(bench, role="both", protocol=["iso20"], mqtt=None)
    return [topic for topic, _ in discovery(prefix, base, everything) if topic not in here]
