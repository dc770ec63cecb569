"""Cases of the catalogue among your own scripts; with -n 2 and --sut-campaign, on two benches into one report."""

import pytest


@pytest.mark.catalogue(sut="secc", protocol="din", cases="SessionSetup and not SDP")
def test_session_setup(catalogue_case):
    catalogue_case.check()
