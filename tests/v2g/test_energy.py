"""Services and parameter sets of ISO 15118-20: what is sent, and what is made of what others send."""

from __future__ import annotations

import pytest

from v2g import energy
from v2g.energy import ParameterSet
from v2g.messages.iso20 import common


def parameter(name: str, value: int) -> common.ParameterType:
    return common.ParameterType(Name=name, intValue=value)


def parameters(*pairs: tuple[str, int]) -> common.ParameterSetType:
    return common.ParameterSetType(ParameterSetID=5, Parameter=[parameter(*pair) for pair in pairs])


def test_bidirectional_set_comes_back_as_it_was_sent() -> None:
    """Also over the wire's form; a set that only charges has none of the three parameters."""
    sent = ParameterSet(
        7, dynamic=True, connector=2, nominal_voltage=230, channel=energy.SEPARATED, generator=energy.GRID_FORMING,
        islanding=energy.PASSIVE,
    )  # fmt: skip
    assert energy.read(sent.element()) == sent
    assert sent.separated
    names = [one.Name for one in ParameterSet(1, dynamic=False).element().Parameter]
    assert not {"BPTChannel", "GeneratorMode", "GridCodeIslandingDetectionMethod"} & set(names)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], (0, 0, 0)),
        ([("GeneratorMode", 1), ("GeneratorMode", 2)], (0, 1, 0)),  # a commercial charger; the first counts
        ([("DetectionMethodGridCodeIslanding", 2), ("BPTChannel", 1)], (1, 0, 2)),  # libiso15118
        ([("Colour", 9), ("bptchannel", 2)], (0, 0, 0)),  # names are case sensitive
    ],
)
def test_set_in_the_field_is_read_as_far_as_it_goes(said: list[tuple[str, int]], expected: tuple[int, ...]) -> None:
    """Missing, duplicate, misnamed and unknown parameters do not spoil the set."""
    found = energy.read(parameters(("ControlMode", 1), *said))
    assert found is not None
    assert (found.channel, found.generator, found.islanding) == expected


def test_set_without_a_control_mode_is_of_no_use() -> None:
    assert energy.read(parameters(("Connector", 2), ("BPTChannel", 1))) is None
