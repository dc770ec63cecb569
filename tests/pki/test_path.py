"""The validator on chains that no table foresees: foreign ones, hostile ones, and those between right and wrong."""

from __future__ import annotations

import datetime
import random

import pytest
from captures import SHARED
from pkis import LATER, SEED, START, good

from pki import authority, path
from pki.authority import Authority, Changes
from pki.path import Code
from pki.profiles import SUITES, Role, Usage


def codes(
    chain: object, roots: object = None, role: Role = Role.SECC, at: datetime.datetime | None = LATER
) -> set[Code]:
    roots = [good()["v2g-root"].certificate] if roots is None else roots
    return {d.code for d in path.fatal(path.validate(chain, roots, role, at))}  # type: ignore[arg-type]  # chains of tests hold odd things on purpose


def issue(changes: Changes | None = None, *, role: Role = Role.SECC, issuer: str = "cpo-sub2", cn: str = "") -> object:
    return Authority(SUITES["iso2"], START, SEED).issue(role, good()[issuer], changes=changes, cn=cn).chain


def test_a_root_at_the_end_is_ignored() -> None:
    """Some peers send it; whether it is trusted does not depend on that [V2G2-009]."""
    chain = (*good()["secc"].chain, good()["v2g-root"].certificate)
    assert codes(chain) == set()
    assert codes(chain, [good()["mo-root"].certificate]) == {Code.UNKNOWN_ROOT}


def test_without_a_clock_dates_do_not_count() -> None:
    chain = issue(Changes(not_before=START, not_after=START + datetime.timedelta(days=1)))
    assert codes(chain) == {Code.EXPIRED}
    assert codes(chain, at=None) == set()


def test_validity_ends_with_its_last_second() -> None:
    leaf = good()["secc"].certificate
    assert codes(good()["secc"].chain, at=leaf.not_valid_after_utc) == set()
    assert codes(good()["secc"].chain, at=leaf.not_valid_after_utc + datetime.timedelta(seconds=1)) == {Code.EXPIRED}
    assert codes(good()["secc"].chain, at=leaf.not_valid_before_utc) == set()
    early = leaf.not_valid_before_utc - datetime.timedelta(seconds=1)
    assert codes(good()["secc"].chain, at=early) == {Code.NOT_YET_VALID}


def test_an_expired_root_counts() -> None:
    at = good()["v2g-root"].certificate.not_valid_after_utc + datetime.timedelta(days=1)
    found = path.validate(good()["secc"].chain, [good()["v2g-root"].certificate], Role.SECC, at)
    assert {(d.index, d.code) for d in found} == {(n, Code.EXPIRED) for n in range(4)}


def test_among_twin_roots_the_one_that_signed_is_found() -> None:
    """Several roots may share a name; they are told apart by the signature."""
    other = authority.make(SUITES["iso2"], START, seed=authority.seed_octets("other"))["v2g-root"].certificate
    own = good()["v2g-root"].certificate
    assert codes(good()["secc"].chain, [other, own]) == set()
    assert codes(good()["secc"].chain, [own, other]) == set()
    assert codes(good()["secc"].chain, [other]) == {Code.TWIN_ROOT}


def test_every_deviation_is_named_not_only_the_first() -> None:
    changes = Changes(
        not_before=START, not_after=START + datetime.timedelta(days=1), dc="MO", usage=frozenset({Usage.KEY_AGREEMENT})
    )
    assert codes(issue(changes)) == {Code.EXPIRED, Code.WRONG_ROLE, Code.KEY_USAGE}


def test_a_leaf_below_sub_ca_1_is_legal() -> None:
    assert codes(issue(issuer="cpo-sub1")) == set()


def test_a_leaf_below_the_v2g_root_is_odd() -> None:
    """The root's operator broke a rule [V2G2-867]; a vehicle can still check the chain."""
    found = path.validate(issue(issuer="v2g-root"), [good()["v2g-root"].certificate], Role.SECC, LATER)  # type: ignore[arg-type]  # chains of tests hold odd things on purpose
    assert [(d.code, d.fatal) for d in found] == [(Code.ISSUER, False)]


def test_a_leaf_that_is_an_anchor_itself_is_trusted() -> None:
    """In private environments a vehicle may know the very leaf [V2G2-873]."""
    leaf = issue()[0]  # type: ignore[index]  # chains of tests hold odd things on purpose
    assert Code.UNKNOWN_ROOT not in codes([leaf], [leaf])


@pytest.mark.parametrize("role", [Role.CONTRACT, Role.OEM_PROVISIONING])
def test_a_foreign_domain_component_is_only_odd_where_it_is_not_a_rule(role: Role) -> None:
    issuer = good()[role].issuer
    assert issuer is not None
    chain = issue(Changes(dc="XX"), role=role, issuer=issuer.name)
    root = good()[role].root
    assert root is not None
    found = path.validate(chain, [root.certificate], role, LATER)  # type: ignore[arg-type]  # chains of tests hold odd things on purpose
    assert [(d.code, d.fatal) for d in found] == [(Code.NAME, False)]


def rekeyed(length: int) -> tuple[list[object], object]:
    """A leaf below a sub-CA that renewed its key by certifying itself, under one that allows so many sub-CAs."""
    source, store = Authority(SUITES["iso20"], START, SEED), good("iso20")
    upper = source.issue(Role.CPO_SUB1, store["v2g-root"], changes=Changes(path_length=length), label="upper")
    renewed = source.issue(Role.CPO_SUB1, upper, changes=Changes(path_length=length), label="renewed")
    leaf = source.issue(Role.SECC, renewed, label="leaf")
    return list(leaf.chain), store["v2g-root"].certificate


def test_a_sub_ca_that_renewed_its_key_does_not_use_up_the_length() -> None:
    """What it certified under its own name counts for nothing (RFC 5280 4.2.1.9)."""
    chain, root = rekeyed(0)
    assert len(chain) == 3
    found = path.fatal(path.validate(chain, [root], Role.SECC, LATER, suite="iso20"))  # type: ignore[arg-type]  # chains of tests hold odd things on purpose
    assert found == []


def test_a_sub_ca_that_is_not_yet_valid_counts() -> None:
    """The leaf may be older than the sub-CA that is said to have issued it."""
    source, store = Authority(SUITES["iso20"], START, SEED), good("iso20")
    young = Changes(not_before=LATER + datetime.timedelta(days=1), not_after=LATER + datetime.timedelta(days=9))
    upper = source.issue(Role.MO_SUB2, store["mo-sub1"], changes=young, label="young")
    dates = Changes(not_before=START, not_after=LATER + datetime.timedelta(days=9))
    leaf = source.issue(Role.CONTRACT, upper, changes=dates)
    roots = [store["mo-root"].certificate]
    found = path.fatal(path.validate(leaf.chain, roots, Role.CONTRACT, LATER, suite="iso20"))
    assert [(d.code, d.index) for d in found] == [(Code.NOT_YET_VALID, 1)]


def test_strangers_in_the_chain_are_named() -> None:
    chain = (*good()["secc"].chain, good()["mo-sub1"].certificate)
    found = path.fatal(path.validate(chain, [good()["v2g-root"].certificate], Role.SECC, LATER))
    assert [(d.code, d.subject) for d in found] == [(Code.ORDER, "MOSubCA1")]


def test_sub_cas_that_share_a_name_are_told_apart_by_their_signature() -> None:
    """A renewed sub-CA beside the old one: only one of them issued the leaf, the other is a stranger."""
    leaf, sub2, sub1 = good()["secc"].chain
    renewed = Authority(SUITES["iso2"], START, SEED).issue(
        Role.CPO_SUB2, good()["cpo-sub1"], cn="CPOSubCA2", label="renewed"
    )
    for chain in ([leaf, renewed.certificate, sub2, sub1], [leaf, sub2, renewed.certificate, sub1]):
        assert Code.BROKEN_SIGNATURE not in codes(chain)
        assert codes(chain) == {Code.ORDER}


def test_endless_chains_are_cut() -> None:
    assert Code.TOO_LONG in codes([*good()["secc"].chain_der, *[good()["mo-sub1"].der] * 5000])


def test_empty_and_unreadable_chains() -> None:
    assert codes([]) == {Code.MALFORMED}
    assert codes([b""]) == {Code.MALFORMED}
    assert codes([b"\x30\x03\x02\x01\x00"]) == {Code.MALFORMED}
    found = codes([good()["secc"].der, b"junk", *good()["secc"].chain_der[1:]])
    assert found == {Code.MALFORMED}


def test_damaged_octets_are_never_accepted_and_never_raise() -> None:
    """Any octet of any certificate changed: refused (the signature no longer holds), without an exception."""
    chain = list(good()["secc"].chain_der)
    rng = random.Random(15118)
    for _ in range(400):
        place = rng.randrange(len(chain))
        changed = bytearray(chain[place])
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        assert codes([*chain[:place], bytes(changed), *chain[place + 1 :]])


def test_deviations_name_the_clauses_of_their_own_standard() -> None:
    """A chain of ISO 15118-20 breaks nothing in ISO 15118-2."""
    leaf, *rest = issue(Changes(dc="V2G"))  # type: ignore[misc]  # chains of tests hold odd things on purpose
    named = {}
    for suite in SUITES:
        found = path.validate([leaf, *reversed(rest)], [], Role.SECC, START, suite=suite)
        named[suite] = {one.clause[:5] for one in found if one.code in (Code.WRONG_ROLE, Code.ORDER)}
    assert named == {suite: {"V2G2-"} if suite == "iso2" else {""} for suite in SUITES}


def test_deviations_read_like_sentences() -> None:
    chain = issue(Changes(not_before=START, not_after=START + datetime.timedelta(days=1), dc="V2G"))
    texts = [str(d) for d in path.validate(chain, [good()["v2g-root"].certificate], Role.SECC, LATER)]  # type: ignore[arg-type]  # chains of tests hold odd things on purpose
    assert texts == [
        "DEPLFE00001: expired on 2026-03-02 00:00 UTC (4 days ago)",
        "DEPLFE00001: domain component DC=V2G, expected DC=CPO for a SECC leaf [V2G2-925]",
    ]


# ---------------------------------------------------------------------------------------------------------------
# The field

CAPTURE = SHARED / "captures" / "ISO-2_DC_PnC_TLS_CertInstallation_DS5366_RiseV2G.pcapng"


@pytest.mark.skipif(not CAPTURE.is_file(), reason="needs the recorded sessions (PLUGFEST_SHARED)")
def test_chains_of_a_recorded_session_differ_in_their_root_alone() -> None:
    """What a commercial test bench sends has oddities, and nothing fatal but that we do not know its roots."""
    from plugfest.certificates import recorded

    seen = {chain.role: chain for chain in recorded.chains(CAPTURE)}
    assert set(seen) == {Role.SECC, Role.CONTRACT, Role.CPS, Role.OEM_PROVISIONING}
    for role, chain in seen.items():
        found = path.validate(chain.certificates, [], role, chain.at)
        alone = Code.MISSING_INTERMEDIATE if role is Role.OEM_PROVISIONING else Code.UNKNOWN_ROOT
        assert {d.code for d in path.fatal(found)} == {alone}, [str(d) for d in found]
