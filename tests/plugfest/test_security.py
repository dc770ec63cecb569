"""TLS in the bench file: every option and deviation is there, with the same values, and reaches the connection."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect
from tls_world import meet, talk

from plugfest import config, security
from plugfest.cli import main
from plugfest.config.secure import TlsDeviations, TlsOptions
from plugfest.errors import UserError
from v2g import tls


def _words(kind: inspect.Type) -> set[Any]:
    """The literal values of a type, "" apart, which is a default only."""
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return {value for one in kinds if isinstance(one, inspect.LiteralType) for value in one.values} - {""}


@pytest.mark.parametrize(("section", "options"), [(TlsOptions, tls.Options), (TlsDeviations, tls.Deviations)])
def test_the_bench_file_has_every_option_with_its_values(section: type, options: type) -> None:
    there: Any = inspect.type_info(section)
    here: Any = inspect.type_info(options)
    fields = {field.name: field for field in there.fields if field.name != "profile"}
    assert set(fields) == {field.name for field in here.fields}
    for field in here.fields:
        if _words(field.type):
            assert _words(_bare(fields[field.name].type)) == _words(field.type)


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


BENCH = """
role: secc
interface: lo
tls: required
charger:
  tls:
    profile: both
    versions: [1.2]
    groups: [secp256r1, 30]
    suites: [0xC025]
    client-certificate: request
    deviate:
      chain: leaf-only
      at: {Finished: delay 2}
      extensions: {status_request: null, "4660": "00ff"}
      select-version: 1.2
"""


def test_options_of_a_bench_file_reach_the_context(tmp_path: Path) -> None:
    bench = config.loads(BENCH)
    with contextlib.ExitStack() as stack:
        context = security.charger(bench, stack, lambda text: None)
    options = context.options
    assert context.numbers.versions == [0x0303]
    assert context.numbers.groups == [23, 30]
    assert context.numbers.suites == [0xC025]
    assert options.signature_algorithms == tls.BOTH.signature_algorithms
    assert options.client_certificate == "request"
    assert options.deviate == tls.Deviations(
        chain="leaf-only",
        at={"Finished": "delay 2"},
        extensions={"status_request": None, "4660": "00ff"},
        select_version="1.2",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("charger: {tls: {groups: [x25520]}}", "charger.tls: unknown group 'x25520'"),
        ("charger: {tls: {profil: lab}}", "charger.tls.profil: unknown key"),
        ("vehicle: {tls: {deviate: {at: {Hello: close}}}}", "unknown handshake message 'Hello'"),
        ("vehicle: {tls: {deviate: {staple: old}}}", "vehicle.tls.deviate.staple"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        config.loads("about: x\n" + text, "bench.yaml")
    assert said in str(caught.value)
    assert "bench.yaml:2" in str(caught.value)


def test_what_a_pki_directory_lacks_is_reported(tmp_path: Path) -> None:
    bench = msgspec.structs.replace(config.loads("about: x"), pki=str(tmp_path / "none"))
    with pytest.raises(UserError, match="`plugfest pki init .*none` makes a PKI there"):
        security.vehicle(bench)
    (tmp_path / "empty").mkdir()
    bench = msgspec.structs.replace(bench, pki=str(tmp_path / "empty"))
    with pytest.raises(UserError):
        security.vehicle(bench)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    assert main(["pki", "init", str(directory), "--profile", "both"]) == 0
    return directory


def test_pki_without_certificates_for_iso20_is_named_before_the_handshake(tmp_path: Path) -> None:
    """Certificates on P-256 alone cannot sign as ISO 15118-20 wants it: the line says what to do."""
    assert main(["pki", "init", str(tmp_path / "pki"), "--profile", "iso2"]) == 0
    bench = config.loads(f"protocol: iso20\ntls: required\npki: {tmp_path / 'pki'}")
    with pytest.raises(UserError, match=r"the charger's certificate is on secp256r1.*--profile both.*profile: lab"):
        security.charger(bench, contextlib.ExitStack(), print)
    lab = config.loads(f"protocol: iso20\ntls: required\npki: {tmp_path / 'pki'}\ncharger: {{tls: {{profile: lab}}}}")
    security.charger(lab, contextlib.ExitStack(), print)


async def test_certificates_of_both_sides_from_files(pki: Path) -> None:
    """TLS 1.3 with --cert and --key at both ends, --roots here and --vehicle-roots there."""
    base = pki / "iso20"
    common = "tls: required\ninterface: lo\n"
    car = config.loads(
        common + f"role: evcc\nroots: {base}/v2g-root.pem\ncert: {base}/chains/vehicle.pem\nkey: {base}/vehicle.key\n"
        "vehicle: {tls: {profile: iso20}}"
    )
    station = config.loads(
        common + f"role: secc\nvehicle-roots: {base}/oem-root.pem\ncert: {base}/chains/secc.pem\nkey: {base}/secc.key\n"
        "charger: {tls: {profile: iso20}}"
    )
    with contextlib.ExitStack() as stack:
        met = await meet(security.charger(station, stack, pytest.fail), security.vehicle(car))
    await talk(met, 100)
    assert met.charger is not None
    assert met.charger.tls is not None
    assert "peer: PLFV" in met.charger.tls.report


async def test_a_foreign_certificate_beside_a_pki_directory(pki: Path) -> None:
    """--cert takes precedence over the directory's, which still says whom to trust."""
    twin = pki / "iso2"
    bench = config.loads(
        f"role: secc\ninterface: lo\ntls: required\npki: {pki}\ncert: {twin}/chains/cps.pem\nkey: {twin}/cps.key"
    )
    with contextlib.ExitStack() as stack:
        context = security.charger(bench, stack, pytest.fail)
    assert context.trust is not None
    met = await meet(context, security.vehicle(config.loads(f"pki: {pki}")))
    assert met.failure.check == "wrong-role"


def test_what_is_not_checked_is_reported() -> None:
    said: list[str] = []
    bench = config.loads("role: secc\ninterface: lo\ntls: required\ncharger: {tls: {profile: both}}")
    with contextlib.ExitStack() as stack:
        security.charger(bench, stack, said.append)
    assert any("a vehicle's certificate is not checked" in line for line in said)


async def test_the_temporary_certificate_passes_a_strict_vehicle() -> None:
    """It has two sub-CAs and OCSP responses; strict requires the responses [V2G2-873]."""
    with contextlib.ExitStack() as stack:
        station = security.charger(config.loads("tls: required"), stack, lambda text: None)
        car = security.vehicle(config.loads("tls: required\nstrict: true"))
        car.trust = security.made_on_the_fly(station)
        met = await meet(station, car)
    await talk(met, 100)
    assert met.names("vehicle").count("staple") == 3
