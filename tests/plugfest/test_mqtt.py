"""The bench at real brokers: what is published, commands and their answers, lost connections, passwords, TLS."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import broker as brokers
import pytest
from processes import CEILING, stays
from sampling import sampled

from plugfest.config import loads
from plugfest.config.actions import SetPower, Step
from plugfest.mqtt.commands import Commands
from plugfest.mqtt.home_assistant import discovery, gone
from plugfest.mqtt.outbox import Outbox, Publication
from plugfest.parts import NotPossible

BENCH = """
charger: {{test-seconds: 0.1, volts-per-second: 5000}}
vehicle: {{soc: 30, duration: {duration}}}
mqtt: {{host: 127.0.0.1, port: {port}, topic: lab/test, id: one, interval: 0.2{more}}}
"""

amqtt = pytest.param("amqtt", "3.1.1", marks=pytest.mark.skipif(not brokers.AVAILABLE, reason=brokers.REASON))
mosquitto = pytest.mark.skipif(brokers.MOSQUITTO is None, reason=brokers.NO_MOSQUITTO)
BROKERS = [
    amqtt,
    pytest.param("mosquitto", "5", marks=mosquitto),
]


class Observer:
    """Another client: what it received, by topic."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[tuple[str, Any, bool]] = []

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            payload = json.loads(message.payload) if message.payload else None  # nothing: taken back
            self.heard.append((str(message.topic), payload, bool(message.retain)))

    def of(self, topic: str) -> list[Any]:
        return [payload for name, payload, _ in self.heard if name.removeprefix("lab/test/one/") == topic]

    async def until(self, topic: str, right: Callable[[Any], bool] = lambda payload: True, since: int = 0) -> Any:
        """The first payload of a topic that is right."""
        async with asyncio.timeout(CEILING):
            while True:
                found = [p for p in self.of(topic)[since:] if right(p)]
                if found:
                    return found[0]
                await asyncio.sleep(0.02)

    async def command(self, **facts: Any) -> Any:
        """The answer to a command."""
        before = len(self.of("ack"))
        await self.client.publish("lab/test/one/command", json.dumps(facts), qos=1)
        return await self.until("ack", lambda p: p["id"] == str(facts.get("id")), since=before)


@contextlib.asynccontextmanager
async def observer(port: int, **arguments: Any) -> AsyncIterator[Observer]:
    async with aiomqtt.Client("127.0.0.1", port, **arguments) as client:
        await client.subscribe("#", qos=1)
        watching = Observer(client)
        task = asyncio.create_task(watching.listen())
        try:
            yield watching
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def bench(tmp_path: Path, port: int, *, duration: float = 600.0, more: str = "") -> AsyncIterator[Any]:
    """The command itself, in a process of its own."""
    file = tmp_path / "bench.yaml"
    file.write_text(BENCH.format(port=port, duration=duration, more=more))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "plugfest",
        "run",
        str(file),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def finished(process: Any) -> tuple[int, str]:
    async with asyncio.timeout(CEILING):
        out, err = await process.communicate()
    assert err == b"", err.decode()
    return process.returncode, out.decode()


def start(kind: str, directory: Path, port: int = 0) -> contextlib.AbstractContextManager[int]:
    return brokers.broker(directory, port) if kind == "amqtt" else brokers.mosquitto(directory, port)


@pytest.mark.real_time
@pytest.mark.parametrize(("kind", "version"), BROKERS)
async def test_a_session_is_published_and_commands_are_answered(kind: str, version: str, tmp_path: Path) -> None:
    with start(kind, tmp_path) as port:
        async with observer(port) as seen, bench(tmp_path, port, more=f", version: '{version}'") as process:
            status = await seen.until("status")
            assert (status["online"], status["role"]) == (True, "both")
            await seen.until("telemetry", lambda p: p["state"] == "CurrentDemand" and p["amps"] > 20)
            done = await seen.command(id=7, do="limit", **{"max-current": 20})
            assert done == {"id": "7", "ok": True, "done": "limit max-current=20"}
            await seen.until("telemetry", lambda p: p["amps"] < 21, since=len(seen.of("telemetry")))
            assert (await seen.command(id="soc", do="soc", percent=55))["ok"]
            await seen.until("telemetry", lambda p: p["soc"] > 54)
            again = await seen.command(id="soc", do="soc", percent=20)
            assert again == {"id": "soc", "ok": True, "done": "soc percent=55", "repeated": True}
            wrong = await seen.command(id="x", do="limt")
            assert wrong["ok"] is False
            assert "did you mean limit" in wrong["error"]
            impossible = await seen.command(id="y", do="fault", fault="rcd")
            assert impossible == {"id": "y", "ok": False, "error": "the charger has no AC side"}
            armed = await seen.command(id="z", do="stop", at="CurrentDemandReq", occurrence=3)
            assert armed == {"id": "z", "ok": True, "armed": True}
            code, out = await finished(process)
            assert code == 0
            assert "stopped by the driver" in out
            await seen.until("status", lambda p: not p["online"])
        outcome = seen.of("outcome/vehicle")[-1]
        assert outcome["ok"] is True
        assert seen.of("telemetry")[-1]["soc"] > 54
        messages = [(t, p) for t, p, _ in seen.heard if "/message/" in t]
        assert len(messages) == outcome["messages"]
        assert messages[0][0] == "lab/test/one/message/supportedAppProtocolReq"
        setup = seen.of("message/SessionSetupReq")[0]
        assert setup["direction"] == "tx"
        assert setup["protocol"] == "iso2"
        assert bytes.fromhex(setup["exi"])[:2] == b"\x80\x98"
        assert setup["message"]["V2G_Message"]["Body"]["SessionSetupReq"]["EVCCID"] == "020000000001"
        numbers = [p["n"] for _, p, _ in seen.heard if isinstance(p, dict) and "n" in p]
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
        assert [p["state"] for p in seen.of("state")][-1] == "ended"
        assert any(p["note"] == "limit max-current=20" for p in seen.of("event"))
        async with observer(port) as late:  # state, outcome and status are there for who comes late
            assert (await late.until("status"))["online"] is False
            assert (await late.until("outcome/charger"))["ok"] is True
            assert (await late.until("state"))["state"] == "ended"


@pytest.mark.real_time
@pytest.mark.parametrize(("kind", "version"), sampled(BROKERS, 2))
async def test_a_broker_restart_loses_no_session_and_applies_no_command_twice(
    kind: str, version: str, tmp_path: Path
) -> None:
    port = brokers.free_port()
    async with contextlib.AsyncExitStack() as stack:
        with start(kind, tmp_path, port):
            process = await stack.enter_async_context(bench(tmp_path, port, more=f", version: '{version}'"))
            async with observer(port) as seen:
                await seen.until("telemetry", lambda p: p["state"] == "CurrentDemand")
                assert (await seen.command(id="soc", do="soc", percent=60))["ok"]
                assert (await seen.command(id="later", do="limit", at=4, **{"max-current": 33}))["armed"]
        await stays(lambda: process.returncode is None, "the session goes on without a broker")
        with start(kind, tmp_path, port):
            async with observer(port) as seen:
                await seen.until("status", lambda p: p["online"])
                # A sender that saw no answer sends again.
                again = await seen.command(id="soc", do="soc", percent=31)
                assert again["repeated"] is True
                assert (await seen.command(id="later", do="limit", at=4, **{"max-current": 33}))["repeated"]
                point = await seen.until("telemetry", lambda p: p["amps"] < 34 and p["state"] == "CurrentDemand")
                assert 60 <= point["soc"] < 66
                # Events of the time without a broker came as well, in order and without a gap.
                numbers = [p["n"] for _, p, _ in seen.heard if isinstance(p, dict) and "n" in p and "outcome" not in p]
                assert numbers == sorted(numbers)
                assert (await seen.command(id="stop", do="stop"))["ok"]
                code, out = await finished(process)
                assert code == 0
                assert out.count("action: soc percent=60") == 1
                assert out.count("action: limit max-current=33") == 1
                assert "soc percent=31" not in out
                assert "no connection to the MQTT broker" in out
                assert "connected to the MQTT broker again" in out


@pytest.mark.real_time
@mosquitto
async def test_password_tls_and_the_answer_topic_of_mqtt_5(tmp_path: Path) -> None:
    certificate, key, root = make_certificate(tmp_path)
    (tmp_path / "secret").write_text("s3cret\n")
    context = ssl.create_default_context(cafile=str(root))
    with brokers.mosquitto(tmp_path, user=("lab", "s3cret"), tls=(certificate, key)) as port:
        common: dict[str, Any] = {
            "username": "lab", "password": "s3cret", "tls_context": context, "protocol": aiomqtt.ProtocolVersion.V5,
        }  # fmt: skip
        more = f", version: '5', tls: true, ca: {root}, username: lab, password-file: secret, host: localhost"
        text = BENCH.replace("host: 127.0.0.1, ", "")
        async with aiomqtt.Client("localhost", port, **common) as client:
            await client.subscribe("#", qos=1)
            seen = Observer(client)
            task = asyncio.create_task(seen.listen())
            (tmp_path / "bench.yaml").write_text(text.format(port=port, duration=600, more=more))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "plugfest", "run", str(tmp_path / "bench.yaml"),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            await seen.until("telemetry", lambda p: p["state"] == "CurrentDemand")
            from paho.mqtt.packettypes import PacketTypes
            from paho.mqtt.properties import Properties

            asked: Any = Properties(PacketTypes.PUBLISH)
            asked.ResponseTopic, asked.CorrelationData = "my/answers", b"17"
            await client.publish("lab/test/one/command", '{"id": "q", "do": "stop"}', qos=1, properties=asked)
            assert await seen.until("my/answers") == {"id": "q", "ok": True, "done": "stop"}
            code, _ = await finished(process)
            assert code == 0
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        more = more.replace("password-file: secret", "password: wrong")
        (tmp_path / "bench.yaml").write_text(text.format(port=port, duration=1, more=more))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "plugfest", "run", str(tmp_path / "bench.yaml"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        code, out = await finished(process)
        assert code == 0  # the session does not depend on the broker
        assert "no connection to the MQTT broker" in out


@pytest.mark.real_time
@mosquitto
async def test_the_last_will_says_that_the_bench_is_gone(tmp_path: Path) -> None:
    with brokers.mosquitto(tmp_path) as port:
        async with observer(port) as seen, bench(tmp_path, port) as process:
            await seen.until("status", lambda p: p["online"])
            process.kill()
            await seen.until("status", lambda p: not p["online"])


def make_certificate(directory: Path) -> tuple[Path, Path, Path]:
    """Certificate, key and root of a broker called localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, key_agreement=False, content_commitment=False,
        key_encipherment=False, data_encipherment=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files = directory / "broker.pem", directory / "broker.key"
    files[0].write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files[0], files[1], files[0]


# ---------------------------------------------------------------------------------------------------------------
# Without a broker


def commands(role: str = "both") -> tuple[Commands, list[Step], list[Step]]:
    done: list[Step] = []
    armed: list[Step] = []

    def act(step: Step) -> str:
        if type(step).__name__ == "Plug":
            raise NotPossible("no hands")
        done.append(step)
        return "done"

    return Commands(role, act, armed.append), done, armed


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"[" * 10_000, "nested more than 100 deep"),
        (b"[]", "not a JSON object"),
        (b'{"do": "stop"}', "an id is missing"),
        (b'{"id": true, "do": "stop"}', "an id is missing"),
        (b'{"id": "", "do": "stop"}', "an id is missing"),
        (b'{"id": {}, "do": "stop"}', "an id is missing"),
        (b'{"id": 1}', "do: missing: one of soc"),
        (b'{"id": 1, "do": "dance"}', "unknown action 'dance'"),
        (b'{"id": 1, "do": "soc"}', "percent: missing"),
        (b'{"id": 1, "do": "soc", "percent": 200}', "200 is out of range; use a number from 0 to 100"),
        (b'{"id": 1, "do": "soc", "percent": NaN}', "NaN is not a JSON number"),
        (b'{"id": 1, "do": "soc", "percent": "20"}', "'20' is not a number"),
        (b'{"id": 1, "do": "soc", "percent": 20, "volts": 3}', "volts: unknown key"),
        (b'{"id": 1, "do": "limit"}', "max-voltage, max-current or max-power is needed"),
        (b'{"id": 1, "do": "stop", "at": "NoSuchReq"}', "unknown message 'NoSuchReq'"),
        (b'{"id": 1, "do": "plug"}', "no hands"),
        (b'{"id": 1, "do": "stop", "x": "' + b"y" * 20_000 + b'"}', "at most 16384"),
    ],
)
def test_a_wrong_command_is_answered_and_does_nothing(payload: bytes, error: str) -> None:
    taker, done, armed = commands()
    answer = taker.take(payload)
    assert answer["ok"] is False
    assert error in answer["error"]
    assert done == []
    assert armed == []


def test_each_id_counts_once_whatever_comes_with_it() -> None:
    taker, done, _ = commands()
    first = taker.take(b'{"id": "1", "do": "stop"}')
    assert first == {"id": "1", "ok": True, "done": "done"}
    for payload in (b'{"id": 1, "do": "stop"}', b'{"id": "1", "do": "unplug"}', b'{"id": "1"}'):
        assert taker.take(payload) == {**first, "repeated": True}
    assert len(done) == 1
    taker.remembered = 20
    for n in range(30):
        taker.take(json.dumps({"id": f"n{n}", "do": "stop"}).encode())
    assert len(done) == 31
    assert [taker.take(f'{{"id": "n{n}"}}'.encode())["ok"] for n in (10, 29, 9)] == [True, True, False]


def test_old_commands_that_a_broker_kept_are_not_taken() -> None:
    taker, done, _ = commands()
    assert taker.take(b'{"id": 1, "do": "stop"}', retained=True)["ok"] is False
    assert done == []
    assert taker.take(b'{"id": 1, "do": "stop"}')["ok"] is True


def test_a_role_without_the_plant_refuses() -> None:
    taker, done, _ = commands("secc")
    assert taker.take(b'{"id": 1, "do": "pause"}')["error"] == "there is no vehicle on a bench with role secc"
    assert done == []


def publication(topic: str, *, fleeting: bool = False) -> Publication:
    return Publication(topic, lambda: b"", fleeting=fleeting)


async def test_what_was_under_way_waits_again_in_its_order_and_telemetry_does_not() -> None:
    box = Outbox()
    for name in "abc":
        box.put(publication(name))
    box.put(publication("t", fleeting=True))
    box.put(publication("t", fleeting=True))
    flying = [await box.next() for _ in range(3)]
    box.done(flying[1])
    box.put(publication("d"))
    box.lost_connection()
    assert [(await box.next()).topic for _ in range(3)] == ["a", "c", "d"]
    assert not box.empty
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await box.next()


async def test_the_oldest_are_given_up_when_too_many_wait() -> None:
    box = Outbox(limit=3)
    for name in "abcde":
        box.put(publication(name))
    assert [(await box.next()).topic for _ in range(3)] == ["c", "d", "e"]
    assert box.dropped == 2


@pytest.mark.parametrize("role", ["both", "evcc", "secc"])
def test_home_assistant_finds_sensors_and_buttons(role: str) -> None:
    where = "" if role == "both" else "interface: eth0\n"
    made = loads(f"role: {role}\n{where}mqtt: {{home-assistant: ha}}\n")
    found = dict(discovery("ha", "lab/one", made))
    assert ("ha/sensor/lab_one/soc/config" in found) == (role != "secc")
    power = found["ha/sensor/lab_one/watts/config"]
    assert power["state_topic"] == "lab/one/telemetry"
    assert power["value_template"] == "{{ value_json.watts }}"
    assert power["device_class"] == "power"
    assert len({entity["unique_id"] for entity in found.values()}) == len(found)
    taker, done, _ = commands(role)
    for topic, entity in found.items():
        if "/button/" in topic:
            press = entity["command_template"].replace("{{ now().timestamp() }}", topic)
            assert taker.take(press.encode())["ok"] is True
    assert len(done) == {"both": 5, "evcc": 2, "secc": 3}[role]


def test_entities_of_another_role_are_taken_back() -> None:
    """Whatever the bench of the same id was before, only what it is now stays."""
    benches = [
        loads(f"mqtt: {{home-assistant: ha, commands: {commands}}}\nprotocol: {speaks}\nrole: {role}\n{where}")
        for role, where in (("both", ""), ("evcc", "interface: e0"), ("secc", "interface: e0"))
        for speaks in ("iso20\ntls: required", "din")
        for commands in ("true", "false")
    ]
    for before in benches:
        for now in benches:
            kept = {topic for topic, _ in discovery("ha", "lab/one", before)} - set(gone("ha", "lab/one", now))
            assert kept <= {topic for topic, _ in discovery("ha", "lab/one", now)}
    assert gone("ha", "lab/one", benches[0]) == []


@pytest.mark.real_time
@mosquitto
async def test_a_broker_forgets_the_entities_of_an_earlier_bench(tmp_path: Path) -> None:
    """Its buttons, once it takes no commands."""
    with brokers.mosquitto(tmp_path) as port:
        for more, buttons in ((", home-assistant: ha", 5), (", home-assistant: ha, commands: false", 0)):
            async with bench(tmp_path, port, duration=1.0, more=more) as process:
                assert (await finished(process))[0] == 0
            async with observer(port) as late:
                await late.client.publish("all/that/was/kept", b"1", qos=1)
                await late.until("all/that/was/kept")
                assert "ha/sensor/lab_test_one/state/config" in [topic for topic, _, _ in late.heard]
                assert len([topic for topic, _, _ in late.heard if topic.startswith("ha/button/")]) == buttons


@pytest.mark.parametrize(("more", "least"), [("bpt: true\n", -150.0), ("", 0)])
def test_home_assistant_steers_the_charger_of_iso_15118_20(more: str, least: float) -> None:
    """The power wanted is a number to set, in kW; what went out of the vehicle is a meter of its own."""
    made = loads(f"role: secc\ninterface: e0\nprotocol: iso20\ntls: required\n{more}mqtt: {{home-assistant: ha}}\n")
    found = dict(discovery("ha", "lab/one", made))
    slider = found["ha/number/lab_one/power/config"]
    assert (slider["min"], slider["max"], slider["unit_of_measurement"]) == (least, 150.0, "kW")
    press = slider["command_template"].replace("{{ now().timestamp() }}", "1").replace("{{ value }}", "-7.5")
    taker, done, _ = commands("secc")
    assert taker.take(press.encode())["ok"] is True
    assert done == [SetPower(power=-7.5)]
    assert found["ha/sensor/lab_one/discharged/config"]["state_class"] == "total_increasing"
    older = dict(discovery("ha", "lab/one", loads("role: secc\ninterface: e0\nmqtt: {home-assistant: ha}\n")))
    assert not {"ha/number/lab_one/power/config", "ha/sensor/lab_one/discharged/config"} & set(older)
