"""The examples for Home Assistant and Node-RED name entities, topics and commands that a bench has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugfest import config
from plugfest.mqtt.home_assistant import discovery

EXAMPLES = Path(__file__).parents[2] / "examples" / "mqtt"
BASE = "lab/secc"
BENCH = "role: secc\ninterface: e0\nprotocol: iso20\ntls: required\nbpt: true\nmqtt: {home-assistant: homeassistant}\n"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here (tests against the wheel)")


def entities() -> set[str]:
    """Entity ids as Home Assistant makes them: kind, device and name."""
    found = set()
    for topic, entity in discovery("homeassistant", BASE, config.loads(BENCH, "bench")):
        slug = re.sub(r"[^a-z0-9]+", "_", f"{entity['device']['name']} {entity['name']}".lower())
        found.add(f"{topic.split('/')[1]}.{slug}")
    return found


def test_the_dashboard_shows_what_the_bench_announces() -> None:
    dashboard = yaml.safe_load((EXAMPLES / "home-assistant.yaml").read_text(encoding="utf-8"))
    shown = {name for view in dashboard["views"] for card in view["cards"] for name in card["entities"]}
    assert shown <= entities()
    assert {name.split(".")[0] for name in shown} == {"sensor", "number", "button"}


def flow() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = json.loads((EXAMPLES / "node-red.json").read_text(encoding="utf-8"))
    return nodes


def test_the_flow_sends_commands_that_a_bench_understands() -> None:
    sent = [json.loads(node["payload"]) for node in flow() if node["type"] == "inject"]
    assert {command["do"] for command in sent} >= {"limit", "stop", "emergency-stop"}
    steps = json.dumps([{"at": 1, **command} for command in sent])
    assert len(config.loads(f"{BENCH}timeline: {steps}\n", "bench").timeline) == len(sent)


def test_the_flow_is_whole() -> None:
    """Each wire leads to a node, each topic is one of the bench."""
    known = {node["id"] for node in flow()}
    assert {end for node in flow() for wire in node.get("wires", ()) for end in wire} <= known
    topics = {node["topic"] for node in flow() if node["type"].startswith("mqtt ")}
    assert topics <= {f"{BASE}/{name}" for name in ("telemetry", "outcome/charger", "ack", "command", "state", "event")}


def test_node_red_can_start_the_flow() -> None:
    """It takes a property of a node without a tab that equals the id of such a node for a reference to it, so a broker
    with the name of its host as id would wait for itself."""
    shared = [node for node in flow() if "z" not in node and node["type"] != "tab"]
    ids = {node["id"] for node in shared}
    values = {str(value) for node in shared for key, value in node.items() if key != "id"}
    assert ids & values == set()
    assert {node["broker"] for node in flow() if node["type"] in ("mqtt in", "mqtt out")} == ids
