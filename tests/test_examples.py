"""The example scripts run, and show what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import CEILING

from plugfest.cli import main

EXAMPLES = Path(__file__).parents[1] / "examples"

# Bench file -> exit code, and words that the output must hold.
BENCHES = {
    "home-wallbox.yaml": (0, ["AC_three_phase_core", "action: limit max-current=8", "   8.0 A", "session completed"]),
    "ccs2-50kw-din.yaml": (0, ["DIN SPEC 70121", "charging complete", "battery: 78.0 % -> 80.0 %"]),
    "ccs2-350kw-800v.yaml": (0, ["action: derate percent=50", "Renegotiate", "335.0 A", "session completed"]),
    "nacs-500kw.yaml": (0, ["NACS, DC, 500 kW", "action: soc percent=79.9", "battery: 10.0 % -> 80.0 %"]),
    "sells-energy.yaml": (0, ["gives 7400 W", "0.062 kWh out of it", "session completed"]),
    "v2g-afternoon.yaml": (0, ["standby begins", "gives 9000 W", "departure in 110 s, target 70 %", "out of it"]),
    "misbehaving-car.yaml": (5, ["tolerated: facet", "replaced by WeldingDetectionReq", "FAILED_SequenceError"]),
    "misbehaving-charger.yaml": (
        7,
        ["isolation fault", "fault=insulation-warning", "tolerated: session-setup-plain-ok"],
    ),
}

SAYS = {
    "wrong_order.py": "charger: peer: ServiceDiscoveryReq refused, FAILED_SequenceError",
    "crosstalk.py": "car 2: waiting for the power line link: it did not come up within TT_match_join (12 s)",
}
"""Words that the output must hold."""


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here (tests against the wheel)")
def test_every_example_is_tried() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)
    assert {path.name for path in EXAMPLES.glob("*.yaml")} == set(BENCHES)


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here (tests against the wheel)")
@pytest.mark.parametrize("name", BENCHES)
def test_bench_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In virtual time; the same bench gives the same session (twice the misbehaving ones)."""
    code, words = BENCHES[name]
    outputs = []
    for _ in range(2 if "misbehaving" in name else 1):
        assert main(["run", str(EXAMPLES / name), "--fast"]) == code
        outputs.append(capsys.readouterr().out)
    assert [word for word in words if word not in outputs[0]] == []
    assert outputs[0] == outputs[-1]


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here (tests against the wheel)")
@pytest.mark.parametrize("name", SAYS)
def test_example(name: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=CEILING, check=False
    )
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout
