"""What the doctor finds in network namespaces that have what it looks for; each remedy that is a command is tried."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from netns import AVAILABLE, REASON, Link, link
from processes import CEILING

from plugfest.cli import main
from plugfest.doctor.host import _ip6tables, _nft

NFT = shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin")
PLUGFEST = [sys.executable, "-m", "plugfest"]
netns = [pytest.mark.netns, pytest.mark.skipif(not AVAILABLE, reason=REASON)]


def doctor(
    made: Link, *words: str, before: tuple[str, ...] = (), modem: bool = False
) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit code and findings by topic, on the charger's side."""
    command = made.command(
        "secc", *before, *PLUGFEST, "doctor", "-i", made.secc_if, "--json", *words, *(() if modem else ("--no-modem",))
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=CEILING, check=False)
    assert done.stderr == ""
    found: dict[str, list[dict[str, str]]] = {}
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        found.setdefault(finding["topic"], []).append(finding)
    return done.returncode, found


def marks(found: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {topic: findings[-1]["mark"] for topic, findings in found.items()}


def sh(made: Link, line: str) -> None:
    subprocess.run(made.command("secc", "sh", "-c", line), check=True, capture_output=True)


class TestInANamespace:
    pytestmark = netns

    def test_a_good_link_gets_ticks(self) -> None:
        with link("dra") as made:
            code, found = doctor(made, modem=True)
            assert code == 0
            wanted = ("interface", "IPv6", "privileges", "ports", "multicast", "certificates")
            assert {topic: marks(found)[topic] for topic in wanted} == dict.fromkeys(wanted, "ok")
            assert found["modem"][0]["mark"] == "warning"
            assert found["modem"][0]["text"] == f"no modem answers on {made.secc_if}"
            assert found["clock"][0]["mark"] in ("ok", "warning", "unknown")

    @pytest.mark.parametrize(
        ("spoil", "topic", "text"),
        [
            ("ip link set {if} down", "interface", "is down"),
            ("sysctl -qw net.ipv6.conf.{if}.disable_ipv6=1", "IPv6", "switched off"),
            ("ip link set {if} multicast off", "multicast", "carries no multicast"),
            ("ip link set {if} mtu 1200", "interface", "MTU of 1200"),
            ("ip link add br0 type bridge && ip link set {if} master br0", "interface", "port of a bridge"),
        ],
        ids=["down", "no IPv6", "no multicast", "MTU", "bridge"],
    )
    def test_what_is_wrong_has_a_remedy_that_works(self, spoil: str, topic: str, text: str) -> None:
        with link("drb") as made:
            sh(made, spoil.replace("{if}", made.secc_if))
            _, found = doctor(made)
            wrong = [f for f in found[topic] if text in f["text"]]
            assert wrong, found
            sh(made, wrong[0]["remedy"])
            if topic == "IPv6" or "MTU" in text:
                sh(made, f"ip link set {made.secc_if} down; ip link set {made.secc_if} up")
            made.settle()
            code, healed = doctor(made)
            assert not [f for f in healed[topic] if f["mark"] != "ok"], healed[topic]
            assert code == 0

    def test_no_carrier(self) -> None:
        with link("drc") as made:
            subprocess.run(made.command("evcc", "ip", "link", "set", made.evcc_if, "down"), check=True)
            code, found = doctor(made)
            assert code == 1
            assert "without carrier" in found["interface"][0]["text"] or "down" in found["interface"][0]["text"]

    def test_no_rights(self) -> None:
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv (util-linux)")
        with link("drd") as made:
            code, found = doctor(made, before=("setpriv", "--bounding-set=-net_raw"), modem=True)
            assert code == 0
            assert "CAP_NET_RAW" in found["privileges"][0]["cause"]
            assert "setcap cap_net_raw+ep" in found["privileges"][0]["remedy"]
            assert found["modem"][0]["mark"] == "unknown"

    @pytest.mark.skipif(NFT is None, reason="needs nft (nftables)")
    @pytest.mark.parametrize(
        "rule",
        ["type filter hook input priority 0; policy drop;", "type filter hook input priority 0;"],
        ids=["policy", "rule"],
    )
    def test_a_packet_filter_is_found_and_the_remedy_opens_it(self, rule: str) -> None:
        with link("dre") as made:
            sh(made, f"{NFT} add table inet lab && {NFT} 'add chain inet lab in {{ {rule} }}'")
            if "policy" not in rule:
                sh(made, f"{NFT} add rule inet lab in meta l4proto udp drop")
            code, found = doctor(made)
            assert code == 1
            assert found["multicast"][0]["mark"] == "wrong"
            assert found["firewall"][0]["mark"] == "warning"
            assert "lab in drops" in found["firewall"][0]["text"]
            sh(made, found["firewall"][0]["remedy"].replace("nft", str(NFT), 1))
            code, healed = doctor(made)
            assert (code, marks(healed)["multicast"], marks(healed)["firewall"]) == (0, "ok", "ok")

    def test_taken_ports_are_named_and_a_vehicle_needs_none(self) -> None:
        holder = (
            "import socket,sys\nu=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM);u.bind(('::',15118))\n"
            "t=socket.socket(socket.AF_INET6);t.bind(('::',60001));t.listen()\nprint('up',flush=True);sys.stdin.read()"
        )
        with link("drf") as made:
            command = made.command("secc", sys.executable, "-c", holder)
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                process.stdout.readline()
                code, found = doctor(made, "--role", "secc", "--port", "60001", "--tls-port", "60002")
                assert code == 1
                texts = [f["text"] for f in found["ports"]]
                assert [re.search(r"\w+ port \d+", t)[0] for t in texts] == ["UDP port 15118", "TCP port 60001"]  # type: ignore[index]  # it matches, or the test fails here
                assert marks(doctor(made, "--role", "evcc")[1])["ports"] == "ok"
                process.communicate("")

    @pytest.mark.parametrize(("role", "mark"), [("secc", "ok"), ("evcc", "wrong")])
    def test_a_modem_is_named_and_its_role_judged(self, role: str, mark: str) -> None:
        """A simulated modem at the other end of the cable, in a charger's configuration."""
        modem = (
            "import asyncio,random\nfrom slac.powerline import Powerline\nfrom slac.powerline_veth import attached\n"
            "async def main():\n line=Powerline(random.Random(1))\n post=line.charger('post')\n"
            " async with attached(line,{post:'%s'}):\n  print('up',flush=True)\n  await asyncio.sleep(600)\n"
            "asyncio.run(main())"
        )
        with link("drg") as made:
            command = made.command("evcc", sys.executable, "-c", modem % made.evcc_if)
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                process.stdout.readline()
                try:
                    code, found = doctor(made, "--role", role, modem=True)
                finally:
                    process.terminate()
            assert "firmware" in found["modem"][0]["text"]
            assert found["modem"][-1]["mark"] == mark
            assert code == (0 if mark == "ok" else 1)


# ---------------------------------------------------------------------------------------------------------------
# Without namespaces


def test_a_missing_interface_is_reported_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-i", "nosuch0"]) == 1
    out = capsys.readouterr().out
    assert "✘ interface    no interface nosuch0" in out
    assert "try: choose from" in out
    assert "not ready: 1 error" in out
    assert main(["doctor"]) == 2
    assert "give an interface" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("days", "mode", "mark", "text"),
    [
        ((-10, 300), 0o600, "ok", "readable, matching, valid now"),
        ((-10, 300), 0o644, "warning", "can be read by others"),
        ((-10, 5), 0o600, "warning", "expires in"),
        ((-10, -1), 0o600, "wrong", "expired on"),
        ((2, 300), 0o600, "wrong", "valid only from"),
    ],
    ids=["good", "public key file", "soon", "expired", "not yet"],
)
def test_certificates_are_looked_at(
    days: tuple[int, int], mode: int, mark: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain, key = make_certificate(tmp_path, *days)
    key.chmod(mode)
    main(["doctor", "-i", "lo", "--role", "secc", "--cert", str(chain), "--key", str(key), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [line for line in lines if line["topic"] == "certificates"]
    assert found[0]["mark"] == mark
    assert text in found[0]["text"]


def test_a_key_of_another_certificate_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b").mkdir()
    chain, _ = make_certificate(tmp_path, -1, 300)
    _, key = make_certificate(tmp_path / "b", -1, 300)
    assert main(["doctor", "-i", "lo", "--role", "secc", "--cert", str(chain), "--key", str(key)]) == 1
    assert "✘ certificates" in capsys.readouterr().out


def make_certificate(directory: Path, first: int, last: int) -> tuple[Path, Path]:
    """A charger's certificate and key, valid from and to these numbers of days from now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SECC"),
                      x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "CPO")])  # fmt: skip
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=first))
        .not_valid_after(now + datetime.timedelta(days=last))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    chain, private = directory / "chain.pem", directory / "key.pem"
    chain.write_bytes(made.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.touch(0o600)
    private.write_bytes(secret)
    return chain, private


def test_a_bench_file_names_what_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.yaml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        file.write_text(f"role: evcc\ninterface: lo\nmqtt: {{host: 127.0.0.1, port: {port}}}\n")
        assert main(["doctor", str(file)]) == 1
        assert f"! broker       127.0.0.1:{port}" in capsys.readouterr().out
        taken.listen()
        main(["doctor", str(file)])
        assert f"✔ broker       127.0.0.1:{port} accepts connections" in capsys.readouterr().out


Judge = Callable[[str, str], tuple[str, str] | None]


@pytest.mark.parametrize(
    ("judge", "text", "wrong"),
    [
        (_ip6tables, "-P INPUT ACCEPT\n", False),
        (_ip6tables, "-P INPUT DROP\n", True),
        (_ip6tables, "-P INPUT DROP\n-A INPUT -i eth1 -j ACCEPT\n", False),
        (_ip6tables, "-P INPUT ACCEPT\n-A INPUT -p udp -j DROP\n", True),
        (_ip6tables, "-P INPUT ACCEPT\n-A INPUT -i eth1 -j ACCEPT\n-A INPUT -j DROP\n", False),
        (_nft, "no JSON", False),
        (_nft, "[]", False),
        (
            _nft,
            '{"nftables": [{"chain": {"family": "ip", "table": "t", "name": "c", "hook": "input", "policy": "drop"}}]}',
            False,
        ),
    ],
)
def test_rules_are_judged(judge: Judge, text: str, wrong: bool) -> None:
    assert (judge(text, "eth1") is not None) == wrong
