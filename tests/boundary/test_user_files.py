"""Every command that takes a file, with every kind of bad file: one line that says what to do, exit code 2, no more."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plugfest.cli import main

NUMBER = "9" * 4301


def deep(opening: str, closing: str, levels: int = 50_000) -> str:
    return opening * levels + closing * levels


BAD: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "zeros": bytes(5000),
    "latin-1": "role: evcc # Prüfstand\nPICS_CMN_CMN_ChargingMode: dC # für\n".encode("latin-1"),
    "UTF-16": "role: evcc\n".encode("utf-16"),
    "controls": b"role: \x1b[2J\x07\n",
    "deep JSON": deep('{"a":[', "]}").encode(),
    "deep YAML": ("a: " + deep("[", "]")).encode(),
    "deep XML": deep("<a>", "</a>").encode(),
    "number JSON": ('{"plugfest": "trace", "version": 1, "epoch": ' + NUMBER + "}").encode(),
    "number YAML": f"PICS_CMN_CMN_WakeUp: {NUMBER}\nseed: {NUMBER}\n".encode(),
    "laughs": b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
    "entities": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "cut JSON": b'{"plugfest": "trace", "version',
    "list": b"[1, 2, 3]\n",
    "duplicates": b'{"role": "evcc", "role": "secc"}\n',
    "cut PEM": b"-----BEGIN CERTIFICATE-----\nMIIB\n",
    "cut capture": b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00",
    "long line": b"a" * 5_000_000,
}
COMMANDS: dict[str, str] = {
    "exi decode": "exi decode {file}",
    "exi encode": "exi encode {file}",
    "exi encode json": "exi encode --json {file}",
    "exi xsd": "exi decode 8098 --protocol iso2 --xsd {folder}",
    "config check": "config check {file}",
    "run": "run {file} --fast --set vehicle.duration=5",
    "car": "config check {bench}",
    "PICS": "conformance run --sut secc -k VTB_SessionSetup_001 --pics {file} --out {folder}/out",
    "campaign": "conformance report {campaign}",
    "trace show": "trace show {file}",
    "trace check": "trace check {file}",
    "trace decode": "trace decode {file}",
    "trace export": "trace export {file} -o {folder}/x.json",
    "report": "report {file} -o {folder}/x.html",
    "slac watch": "slac watch {pcap}",
    "pki show": "pki show {file}",
    "pki verify": "pki verify {file} --roots {file}",
    "pki index": "pki show {index}",
    "pki revoked": "pki crl {revoked}",
    "pki import": "pki import {folder} {folder}/out",
    "secc certificate": "secc -i lo --no-slac --tls required --cert {file} --key {file}",
    "evcc roots": "evcc -i lo --no-slac --tls required --roots {file}",
}
JUDGED = ("campaign", "trace check", "slac watch", "exi decode", "exi encode", "exi encode json", "PICS", "run")
"""Exit code 1 says that something was read, and refused or judged."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PKI, to be damaged."""
    folder = tmp_path_factory.mktemp("pki")
    assert main(["pki", "init", str(folder / "p")]) == 0
    return folder / "p"


@pytest.fixture(scope="module")
def arranged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Path]]:
    """The bad file, and places where it stands for a file that a command finds by itself."""

    def arrange(kind: str) -> dict[str, Path]:
        folder = tmp_path_factory.mktemp("bad")
        places = {name: folder / name for name in ("file", "x.xsd", "x.pcap", "key.log")}
        for path in places.values():
            path.write_bytes(BAD[kind])
        bench, campaign = folder / "bench.yaml", folder / "campaign"
        (folder / "car.yaml").write_bytes(BAD[kind])
        bench.write_text("role: evcc\ninterface: lo\nvehicle:\n  car: car.yaml\n")
        campaign.mkdir()
        for name in ("results.jsonl", "campaign.json", "plan.json", "left_out.json"):
            (campaign / name).write_bytes(BAD[kind])
        pcap = folder / "x.pcap"
        return {"file": folder / "file", "pcap": pcap, "folder": folder, "bench": bench, "campaign": campaign}

    made: dict[str, dict[str, Path]] = {}
    return lambda kind: made.setdefault(kind, arrange(kind))


def damaged(pki: Path, folder: Path, kind: str) -> Path:
    """A copy of a PKI with the bad file as its list of names, or of what is revoked, by the name of the folder."""
    shutil.copytree(pki, folder)
    (folder / "iso2" / f"{folder.name}.json").write_bytes(BAD[kind])
    return folder


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_bad_file_is_one_line(
    name: str, kind: str, arranged: Callable[[str], dict[str, Path]], request: pytest.FixtureRequest,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The line names the file, no traceback comes, and nothing of the file reaches the terminal as it is."""
    places = dict(arranged(kind))
    for place in ("index", "revoked"):  # hundreds of files: only for those that read them
        if f"{{{place}}}" in COMMANDS[name]:
            places[place] = damaged(request.getfixturevalue("pki"), tmp_path / place, kind)
    capsys.readouterr()
    code = main([word.format(**places) for word in COMMANDS[name].split()])
    out, said = capsys.readouterr()
    assert all(line.isprintable() for line in (*out.split("\n"), *said.split("\n")))
    lines = said.splitlines()
    assert all(len(line) < 700 for line in lines)
    assert code in ((0, 1, 2, 3) if name in JUDGED else (0, 2))  # 3: slac watch found no matching
    if code == 2:
        told = re.search(r"(\d+) mistakes$", lines[0])  # in a bench file each has its line
        assert len(lines) == 1 + int(told[1] if told else 0)
