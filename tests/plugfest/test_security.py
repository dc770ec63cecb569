"""TLS in the bench file: every option and deviation is there, with the same values, and reaches the connection."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from plugfest import config, security
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
        ("charger: {tls: {groups: [x25520]}}", "charger.tls: no group 'x25520'"),
        ("charger: {tls: {profil: lab}}", "charger.tls.profil: unknown key"),
        ("vehicle: {tls: {deviate: {at: {Hello: close}}}}", "no handshake message 'Hello'"),
        ("vehicle: {tls: {deviate: {staple: old}}}", "vehicle.tls.deviate.staple"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        config.loads("about: x\n" + text, "bench.yaml")
    assert said in str(caught.value)
    assert "bench.yaml:2" in str(caught.value)


def test_what_a_pki_directory_lacks_is_said(tmp_path: Path) -> None:
    bench = msgspec.structs.replace(config.loads("about: x"), pki=str(tmp_path / "none"))
    with pytest.raises(UserError, match="`plugfest pki init .*none` makes one"):
        security.vehicle(bench)
    (tmp_path / "empty").mkdir()
    bench = msgspec.structs.replace(bench, pki=str(tmp_path / "empty"))
    with pytest.raises(UserError):
        security.vehicle(bench)
