"""The TLS sides of a bench: from a PKI directory, from files, or with a temporary certificate."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from boundary import write
from pki.errors import PkiError
from plugfest.config.named import protocols
from plugfest.config.secure import plain
from plugfest.errors import UserError
from v2g.errors import SetupError

if TYPE_CHECKING:
    from pki.path import Revoked
    from pki.store import Store
    from plugfest.config.model import Bench
    from plugfest.config.secure import TlsOptions
    from v2g import tls

Now = Callable[[], datetime.datetime]


def options(section: TlsOptions, bench: Bench) -> tls.Options:
    """The options of a side: the protocols of the bench choose the profile if it is not given.

    Raises:
        SetupError: a name that does not exist; says which.
    """
    from v2g import tls

    wants = {protocol.abilities.mutual for protocol in protocols(bench)}
    profile = "iso2" if True not in wants else "iso20" if wants == {True} else "both"
    return tls.options_of({"profile": profile, **plain(section)})


def stores(directory: str, wanted: tls.Options) -> list[Store]:
    """The suites of a PKI directory that the versions of TLS can use: ISO 15118-2 for 1.2, ISO 15118-20 for 1.3.

    Raises:
        UserError: there is none.
    """
    from pki.store import INDEX, Store, find

    suites = {"1.3": ("iso20", "iso20-ed448"), "1.2": ("iso2",)}
    names = [name for version in wanted.versions for name in suites[version]]
    path = Path(directory)
    try:
        find(path)
        found = [Store(path, name) for name in names if (path / name / INDEX).is_file()]
        return found or [Store(path)]
    except PkiError as why:
        raise UserError(str(why)) from why


def _of_pki(role: Literal["client", "server"], bench: Bench, wanted: tls.Options, held: list[Store]) -> tls.Context:
    """A side with the certificates of the PKI directory.

    Raises:
        UserError: none of them fits the signature algorithms of the options.
        SetupError: something is missing.
    """
    from v2g import tls

    context = tls.of_store(role, held, wanted)
    if kinds := context.unusable():
        section = "vehicle" if role == "client" else "charger"
        algorithms = ", ".join(map(str, wanted.signature_algorithms))
        raise UserError(
            f"{bench.pki}: the {section}'s certificate is on {kinds}, but TLS must use {algorithms};"
            f" `plugfest pki init DIR --profile both` makes a PKI for ISO 15118-20 too,"
            f" and {section}.tls: {{profile: lab}} takes certificates on P-256"
        )
    return context


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None


def vehicle(bench: Bench) -> tls.Context:
    """The vehicle's side.

    Raises:
        UserError: files are missing or wrong.
    """
    from v2g import tls

    try:
        wanted = options(bench.vehicle.tls, bench)
        if bench.strict and bench.vehicle.tls.staple is None:
            wanted = wanted.change(staple="require")
        if bench.pki is None:
            context = tls.client(_path(bench.roots), options=wanted)
        else:
            context = _of_pki("client", bench, wanted, stores(bench.pki, wanted))
            if bench.roots is not None:
                context.trust = tls.trust(Path(bench.roots))
        if "1.3" in wanted.versions and bench.pki is None and bench.cert is None:
            # A charger that does not check vehicles accepts it.
            context.credentials = [tls.vehicle_credential(datetime.datetime.now(datetime.UTC))]
        if bench.role == "evcc" and bench.cert is not None and bench.key is not None:
            context.credentials = [tls.credential(Path(bench.cert), Path(bench.key), password=bench.password)]
        _revoke(context, bench)
    except SetupError as why:
        raise UserError(str(why)) from why
    return context


def _revoke(context: tls.Context, bench: Bench) -> None:
    """Revocation lists add to the certificates that the PKI itself lists as revoked."""
    from pki.revocation import any_of

    lists = listed(bench)
    if lists is None:
        return
    trust = context.trust
    if trust is None:
        raise UserError("crl: a revocation list needs roots: without them the peer's certificate is not checked")
    trust.revoked = any_of(trust.revoked, lists)


def listed(bench: Bench) -> Revoked | None:
    """What the bench's revocation lists say; None without any.

    Raises:
        UserError: one cannot be used.
    """
    from v2g import tls

    try:
        return tls.revoked_by([Path(one) for one in bench.crl])
    except SetupError as why:
        raise UserError(str(why)) from why


def made_on_the_fly(context: tls.Context) -> tls.Trust | None:
    """Trust in the root of a charger's certificate."""
    from v2g import tls

    root = context.credentials[0].root
    return tls.Trust([root], "temporary") if root is not None else None


def charger(
    bench: Bench, stack: contextlib.AsyncExitStack | contextlib.ExitStack, say: Callable[[str], None]
) -> tls.Context:
    """The charger's side.

    Args:
        stack: keeps the directory of a temporary certificate. say: prints where its root is.

    Raises:
        UserError: files are missing or wrong.
    """
    from v2g import tls

    try:
        wanted = options(bench.charger.tls, bench)
        ocsp = [Path(one) for one in bench.ocsp]
        held = stores(bench.pki, wanted) if bench.pki is not None else []
        for oddity in (line for store in held for line in store.oddities):
            say(f"note: {oddity}")
        if bench.cert is not None and bench.key is not None:
            own = tls.credential(
                Path(bench.cert), Path(bench.key), password=bench.password, root=_path(bench.roots), ocsp=ocsp
            )
            trusted = tls.of_store("server", held, wanted).trust if held else None
            context = tls.Context("server", wanted, [own], trusted)
        elif held:
            context = _of_pki("server", bench, wanted, held)
            if ocsp:
                context.credentials[0].stapler = tls.staples.from_files(ocsp)
        else:
            suites = [suite for version, suite in (("1.3", "iso20"), ("1.2", "iso2")) if version in wanted.versions]
            made = [tls.make_store(datetime.datetime.now(datetime.UTC), suite) for suite in suites]
            context = tls.of_store("server", made, wanted)
            context.trust, context.credentials[0].file = None, "the temporary certificate"
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plugfest-"))) / "root.pem"
            write.write(root, b"".join(store["v2g-root"].pem for store in made), public=True)
            say(f"note: temporary certificate; its root, while this runs: {root}")
        if bench.vehicle_roots is not None:
            context.trust = tls.trust(Path(bench.vehicle_roots))
        if context.trust is None and "1.3" in wanted.versions and wanted.client_certificate != "none":
            say("note: neither --vehicle-roots nor --pki, so a vehicle's certificate is not checked")
        _revoke(context, bench)
        return context
    except SetupError as why:
        raise UserError(str(why)) from why
