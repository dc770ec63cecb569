"""What this host allows: raw sockets, ports, what its packet filter drops, and its clock."""

from __future__ import annotations

import ctypes
import datetime
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boundary.read import parse_json
from plugfest.config.model import Bench
from plugfest.doctor.finding import Finding
from v2g import sdp

_HOMEPLUG = 0x88E1
_NOT_SYNCHRONISED = 0x0040  # STA_UNSYNC of adjtimex


def privileges(bench: Bench) -> Iterator[Finding]:
    """Raw sockets, for SLAC; everything else needs no rights."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_HOMEPLUG)):
            pass
    except PermissionError:
        python = Path(sys.executable).resolve()
        yield Finding(
            "privileges", "warning", "no raw sockets, so no SLAC", "the process does not have CAP_NET_RAW",
            f"sudo, or: setcap cap_net_raw+ep {python} (applies to every script of that interpreter)",
        )  # fmt: skip
    except (OSError, AttributeError) as why:
        yield Finding("privileges", "unknown", f"raw sockets: {why}")
    else:
        who = "root" if os.geteuid() == 0 else "CAP_NET_RAW"
        yield Finding("privileges", "ok", f"raw sockets can be opened ({who})")


def ports(bench: Bench) -> Iterator[Finding]:
    """UDP 15118 for a charger, and the TCP ports that the bench wants."""
    if bench.role == "evcc":
        yield Finding("ports", "ok", "a vehicle needs no fixed ports")
        return
    taken = False
    wanted = [("UDP", sdp.PORT), ("TCP", bench.port), ("TCP", bench.tls_port)]
    for kind, port in wanted:
        if port is None:
            continue
        family = socket.SOCK_DGRAM if kind == "UDP" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET6, family) as probe:
            try:
                if kind == "TCP":
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("::", port))
            except OSError as why:
                taken = True
                yield Finding(
                    "ports", "wrong", f"{kind} port {port}: {why.strerror}", "another program uses it"
                    if isinstance(why, OSError) and why.errno == 98 else "",
                    f"find it with: ss -{'u' if kind == 'UDP' else 't'}lpn 'sport = :{port}'",
                )  # fmt: skip
    if not taken:
        free = ", ".join(f"{kind} {port}" for kind, port in wanted if port is not None)
        yield Finding("ports", "ok", f"free: {free}")


# ---------------------------------------------------------------------------------------------------------------
# Packet filter


def firewall(bench: Bench) -> Iterator[Finding]:
    """Whether incoming IPv6 may be dropped: SDP, the charger's TCP ports, neighbour discovery."""
    name = bench.interface or "IFACE"
    looked = tried = False
    for words, judge in ((("nft", "-j", "list", "ruleset"), _nft), (("ip6tables", "-S", "INPUT"), _ip6tables)):
        program = shutil.which(words[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            continue
        tried = True
        try:
            done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode != 0:
            continue
        looked = True
        if problem := judge(done.stdout, name):
            what, remedy = problem
            yield Finding(
                "firewall", "warning", f"{words[0]}: {what}", "SLAC will work, but SDP or TCP will not", remedy
            )
            return
    if looked:
        yield Finding("firewall", "ok", "no incoming IPv6 traffic is dropped")
        return
    cause = "only root may read them" if tried else "neither nft nor ip6tables is installed"
    remedy = "sudo nft list ruleset" if tried else "install nftables to check; without rules everything is accepted"
    yield Finding("firewall", "unknown", "the packet filter's rules cannot be read", cause, remedy)


_FAMILIES = ("inet", "ip6", "netdev")
_HOOKS = ("input", "prerouting", "ingress")
_DROPS = {"drop", "reject"}


def _nft(text: str, interface: str) -> tuple[str, str] | None:
    """What drops incoming packets in `nft -j list ruleset`, and how to change it; None where nothing does."""
    try:
        entries: list[dict[str, Any]] = parse_json(text, "nft")["nftables"]
    except (ValueError, KeyError, TypeError):
        return None
    rules = [entry["rule"] for entry in entries if "rule" in entry]
    for chain in (entry["chain"] for entry in entries if "chain" in entry):
        if chain.get("hook") not in _HOOKS or chain.get("family") not in _FAMILIES:
            continue
        place = chain["family"], chain["table"], chain["name"]
        remedy = f"nft insert rule {' '.join(place)} iifname {interface} accept"
        drops = chain.get("policy") == "drop"
        for rule in rules:
            if (rule.get("family"), rule.get("table"), rule.get("chain")) != place:
                continue
            parts = rule.get("expr", [])
            verdicts = {key for part in parts for key in part}
            if "accept" in verdicts and _from(parts, interface):
                break  # the rest of the chain is not asked
            if verdicts & _DROPS:
                return f"a rule in {chain['table']} {chain['name']} drops or rejects", remedy
        else:
            if drops:
                return f"chain {chain['table']} {chain['name']} drops what no rule accepts", remedy
    return None


def _from(parts: list[dict[str, Any]], interface: str) -> bool:
    """Whether a rule's only condition is the interface, or it has none."""
    matches = [part["match"] for part in parts if "match" in part]
    return all(
        match.get("left", {}).get("meta", {}).get("key") in ("iifname", "iif")
        and match.get("right") == interface
        and match.get("op") == "=="
        for match in matches
    )


def _ip6tables(text: str, interface: str) -> tuple[str, str] | None:
    remedy = f"ip6tables -I INPUT -i {interface} -j ACCEPT"
    for line in text.splitlines():
        if line.strip() in (f"-A INPUT -i {interface} -j ACCEPT", "-A INPUT -j ACCEPT"):
            return None
        if " -j DROP" in line or " -j REJECT" in line:
            return "a rule of INPUT drops or rejects", remedy
    return ("the policy of INPUT is DROP", remedy) if "-P INPUT DROP" in text else None


# ---------------------------------------------------------------------------------------------------------------
# Clock


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); the tail is room."""

    _fields_ = (("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
                ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
                ("rest", ctypes.c_byte * 512))  # fmt: skip


def clock(bench: Bench) -> Iterator[Finding]:
    """Certificates and meter readings need the right time."""
    now = datetime.datetime.now(datetime.UTC)
    built = datetime.datetime.fromtimestamp(Path(__file__).stat().st_mtime, datetime.UTC)
    stated = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < built - datetime.timedelta(days=1):
        yield Finding(
            "clock", "wrong", f"it shows {stated}, which is before this program was installed",
            "the clock was never set",
            "timedatectl set-ntp true, or: date -s ...; until then certificates appear not yet valid",
        )  # fmt: skip
        return
    match _synchronised():
        case True:
            yield Finding("clock", "ok", f"{stated}, synchronised")
        case False:
            yield Finding(
                "clock", "warning", f"{stated}, not synchronised", "it does not follow a time server",
                "timedatectl set-ntp true, or compare it with another clock",
            )  # fmt: skip
        case None:
            yield Finding("clock", "unknown", f"{stated}; cannot tell whether it is synchronised")


def _synchronised() -> bool | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        timex = _Timex()
        state = libc.adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else not timex.status & _NOT_SYNCHRONISED
