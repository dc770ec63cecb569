"""Every timer of the table runs out once, and what then happens; every improper message is as if it had not come."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from matching import Bench, both

from slac import ev, evse
from slac.amp_map import full_power
from slac.errors import MatchFailed, ModemError, PilotLost, Step
from slac.frames import (
    CM_AMP_MAP_CNF,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    Frame,
    Message,
)
from slac.host import Host, Rewrite
from slac.modem import detect
from slac.modem_sim import Behaviour
from slac.pilot import Reading, State
from slac.timing import Timing

ONCE = ev.Options(timing=Timing().replace(TT_matching_repetition=0))


def dropping(*kinds: type[Message]) -> Callable[..., bool]:
    return lambda _source, _target, frame: isinstance(frame.message, kinds)


async def _failed(bench: Bench, options: ev.Options = ONCE) -> MatchFailed:
    """The vehicle's failure; the charger stays ready meanwhile and a little longer."""
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed) as failure:
            await bench.match_car(0, options)
        await asyncio.sleep(11)
        assert not waiting.done()
        waiting.cancel()
    return failure.value


# -- the vehicle ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "own", "step", "timer", "request_name", "sends"),
    [
        (CM_SLAC_PARM_CNF, 20, Step.PARM, "TT_match_response", "CM_SLAC_PARM.REQ", 3),
        (CM_ATTEN_CHAR_IND, 20, Step.ATTENUATION, "TT_EV_atten_results", "CM_MNBC_SOUND.IND", 10),
        (CM_VALIDATE_CNF, 50, Step.VALIDATION, "", "CM_VALIDATE.REQ", 3),
        (CM_SLAC_MATCH_CNF, 20, Step.MATCH, "TT_match_response", "CM_SLAC_MATCH.REQ", 3),
    ],
)
async def test_unanswered(
    lost: type[Message], own: float, step: Step, timer: str, request_name: str, sends: int
) -> None:
    """A request that is never answered is sent three times, 200 ms apart; then the attempt has failed there."""
    bench = Bench.of(own=own)
    bench.line.drop = dropping(lost)
    why = await _failed(bench)
    assert (why.step, why.timer) == (step, timer)
    times = [time for time, _ in bench.frames("car0", "tx", request_name)]
    assert len(times) == sends
    if sends == 3:
        assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([0.2, 0.2])


async def test_no_reports_for_1200_ms() -> None:
    """TT_EV_atten_results runs from the first START; a report that comes later is not answered."""
    bench = Bench.of()

    async def late(frame: Frame) -> Frame:
        await asyncio.sleep(1.5)
        return frame

    rewrite: dict[type[Message], Rewrite] = {CM_ATTEN_CHAR_IND: late}
    async with bench.charger(rewrite=rewrite) as charger:
        waiting = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed, match="no charger reported attenuations"):
            await bench.match_car(0, ONCE)
        waiting.cancel()
    first = bench.frames("car0", "tx", "CM_START_ATTEN_CHAR.IND")[0][0]
    ended = next(e.time for e in bench.events["car0"] if e.name == "attempt failed")
    assert ended - first == pytest.approx(1.2)
    assert not bench.frames("car0", "tx", "CM_ATTEN_CHAR.RSP")


async def test_repetition() -> None:
    """A failed matching is repeated with a new RunID, 400 ms later, as long as TT_matching_repetition lasts."""
    bench = Bench.of()
    bench.line.drop = dropping(CM_SLAC_PARM_CNF)
    why = await _failed(bench, ev.Options())
    requests = bench.frames("car0", "tx", "CM_SLAC_PARM.REQ")
    runs: dict[bytes, list[float]] = {}
    for time, frame in requests:
        assert isinstance(frame.message, CM_SLAC_PARM_REQ)
        runs.setdefault(frame.message.run_id, []).append(time)
    assert len(runs) == len(why.failures) == 10
    assert {len(times) for times in runs.values()} == {3}
    starts = [times[0] for times in runs.values()]
    assert all(b - a == pytest.approx(1.0) for a, b in itertools.pairwise(starts))
    assert starts[-1] - starts[0] <= 10
    assert "(10 attempts)" in str(why)


async def test_fixed_run_id() -> None:
    """A vehicle whose RunID is always the same is served again after a failure."""
    bench = Bench.of()
    lost = iter([True] * 3)
    bench.line.drop = lambda _s, _t, frame: isinstance(frame.message, CM_SLAC_MATCH_REQ) and next(lost, False)
    car, _ = await both(bench, ev.Options(run_id=b"PLUGFEST"))
    assert car.run_id == b"PLUGFEST"
    assert len(bench.notes("car0", "attempt failed")) == 1


async def test_link_never_up() -> None:
    """Where the link does not come up in TT_match_join both give up; the vehicle leaves, the charger has a new key."""
    bench = Bench.of(car=Behaviour(takes_key=False))
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        await asyncio.sleep(0)
        key = charger.nmk
        with pytest.raises(MatchFailed, match=r"did not come up within TT_match_join \(12 s\)") as why:
            await bench.match_car()
        assert (why.value.step, why.value.timer) == (Step.LINK, "TT_match_join")
        await asyncio.sleep(2)
        assert charger.nmk != key
        assert any("TT_match_join" in note for note in bench.notes("post0", "attempt failed"))
        # ... and is ready for another try.
        bench.cars[0].modem.behaviour.takes_key = True
        car = await bench.match_car()
        assert (await waiting).nmk == car.nmk == charger.nmk


async def test_modem_does_not_answer() -> None:
    """A modem that does not answer CM_SET_KEY fails the matching there; one that answers nothing is not found."""
    bench = Bench.of(car=Behaviour(key_result=None, takes_key=False))
    why = await _failed(bench)
    assert why.step is Step.SET_KEY
    assert len(bench.frames("car0", "tx", "CM_SET_KEY.REQ")) >= 3
    bench.cars[0].powered = False
    with pytest.raises(ModemError, match=r"^no modem answers on car0; check its power"):
        await bench.match_car()


async def test_modem_that_refuses_once() -> None:
    """A modem that says 0, "not taken" at Qualcomm, is told again."""
    bench = Bench.of()
    bench.cars[0].modem.behaviour.key_result = 0

    async def relent() -> None:
        await bench.until("car0", "tx", "CM_SET_KEY.REQ")
        bench.cars[0].modem.behaviour.key_result = 1

    relenting = asyncio.create_task(relent())
    car, _ = await both(bench)
    await relenting
    assert bench.line.linked(bench.cars[0], bench.posts[0])
    assert car.nmk == bench.cars[0].modem.nmk


@pytest.mark.parametrize("state", [State.E, State.F, State.A])
@pytest.mark.parametrize("when", ["CM_SLAC_PARM.REQ", "CM_MNBC_SOUND.IND", "CM_SLAC_MATCH.REQ", "CM_SET_KEY.REQ"])
async def test_pilot_ends_it(state: State, when: str) -> None:
    """A, E or F on the pilot end the matching at any moment: nothing more is sent but the order to leave."""
    bench = Bench.of()
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        car = asyncio.create_task(bench.match_car())
        await bench.until("car0", "tx", when)
        if state is State.A:
            bench.pilots[0].unplug()
        else:
            bench.pilots[0].evse.fault(state)
        with pytest.raises(PilotLost, match=f"the control pilot went to {state.value}"):
            await car
        ended = bench.events["car0"][-1].time
        await asyncio.sleep(2)
        assert all(f.name == "CM_SET_KEY.REQ" for t, f in bench.frames("car0") if t > ended)
        assert not waiting.done()
        waiting.cancel()
    assert not bench.line.linked(bench.cars[0], bench.posts[0])


async def test_resume_without_link() -> None:
    """After a pause a link that is not back in T_conn_resume has to be matched again."""
    bench = Bench.of()
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())

        async with Host(bench.cars[0]) as host:
            vehicle = ev.Ev(host, bench.pilots[0].ev, await detect(host))
            car = await vehicle.match()
            post = await waiting
            assert await vehicle.resume(car)
            assert await charger.resume(post)
            await vehicle.leave()
            loop = asyncio.get_running_loop()
            started = loop.time()
            assert not await vehicle.resume(car)
            assert loop.time() - started == pytest.approx(6, abs=0.2)
            assert not await charger.resume(post)


# -- the charger ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "own", "step", "timer", "text"),
    [
        (CM_START_ATTEN_CHAR_IND, 20, Step.SOUNDING, "TT_match_sequence", "no CM_START_ATTEN_CHAR.IND arrived"),
        (CM_MNBC_SOUND_IND, 20, Step.SOUNDING, "TT_EVSE_match_MNBC", "no sounds were heard"),
        (CM_ATTEN_CHAR_RSP, 20, Step.ATTENUATION, "TT_match_response", "no CM_ATTEN_CHAR.RSP arrived"),
        (CM_SLAC_MATCH_REQ, 20, Step.MATCH, "TT_EVSE_match_session", "neither matched nor validated"),
    ],
)
async def test_silent_vehicle(lost: type[Message], own: float, step: Step, timer: str, text: str) -> None:
    """A vehicle that falls silent is dropped when the timer of that step runs out, and the charger stays ready."""
    bench = Bench.of(own=own)
    bench.line.drop = dropping(lost)
    await _failed(bench)
    (note,) = bench.notes("post0", "attempt failed")
    assert step.value in note
    assert text in note
    if lost is CM_ATTEN_CHAR_RSP:
        assert len(bench.frames("post0", "tx", "CM_ATTEN_CHAR.IND")) == 3
    begins = {
        "TT_match_sequence": ("tx", "CM_SLAC_PARM.CNF", 0.4),
        "TT_EVSE_match_MNBC": ("rx", "CM_START_ATTEN_CHAR.IND", 0.6),
        "TT_match_response": ("tx", "CM_ATTEN_CHAR.IND", 0.6),
        "TT_EVSE_match_session": ("rx", "CM_ATTEN_CHAR.RSP", 10.0),
    }
    direction, name, seconds = begins[timer]
    started = bench.frames("post0", direction, name)[0][0]
    ended = next(e.time for e in bench.events["post0"] if e.name == "attempt failed")
    assert ended - started == pytest.approx(seconds, abs=0.001)


async def test_modem_without_profiles() -> None:
    """Sounds without attenuation profiles are told apart from silence; the vendor's form serves where it comes."""
    bench = Bench.of(post=Behaviour(profiles=False))
    await _failed(bench)
    (note,) = bench.notes("post0", "attempt failed")
    assert "10 sounds were heard, but the modem reported no attenuation profile" in note
    bench = Bench.of(post=Behaviour(profiles=False, double=True), own=25)
    car, _ = await both(bench)
    assert car.attenuation == pytest.approx(25, abs=1)


async def test_second_validation_step_missing() -> None:
    """A charger repeats its "ready" twice, TT_match_sequence apart, and then gives up on that vehicle."""
    bench = Bench.of(own=50)
    bench.line.drop = lambda _s, _t, f: isinstance(f.message, CM_VALIDATE_REQ) and f.message.timer > 0
    await _failed(bench)
    times = [time for time, _ in bench.frames("post0", "tx", "CM_VALIDATE.CNF")]
    assert len(times) == 3
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([0.4, 0.4])
    assert "second CM_VALIDATE.REQ did not come" in bench.notes("post0", "attempt failed")[0]


@pytest.mark.parametrize("result", [0, 2, 3, 4])
async def test_vehicle_gives_up_validating(result: int) -> None:
    """A second CM_VALIDATE.REQ with another result than "ready" ends the run without an answer."""
    bench = Bench.of(own=50)

    def give_up(frame: Frame) -> Frame:
        assert isinstance(frame.message, CM_VALIDATE_REQ)
        return altered(result=result)(frame) if frame.message.timer else frame  # type: ignore[return-value]  # as long as declared

    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed):
            await bench.match_car(0, ONCE, rewrite={CM_VALIDATE_REQ: give_up})
        waiting.cancel()
    assert len(bench.frames("post0", "tx", "CM_VALIDATE.CNF")) == 1
    assert f"gave up the validation (result {result})" in bench.notes("post0", "attempt failed")[0]


async def test_one_validation_at_a_time() -> None:
    """While a charger watches its pilot for one vehicle, another is told "not ready"; the right one is matched."""
    bench = Bench.of(2, crosstalk=45.0, own=50.0)  # the neighbour even seems nearer
    bench.pilots[1].evse.offer(5)
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        stranger = asyncio.create_task(bench.match_car(1, ONCE))
        await asyncio.sleep(0.02)
        car = await bench.match_car(0)
        assert (await waiting).nmk == car.nmk
        with pytest.raises(MatchFailed):
            await stranger
    answers = [frame.message for _, frame in bench.frames("post0", "tx", "CM_VALIDATE.CNF")]
    assert CM_VALIDATE_CNF(0, 0) in answers
    assert any("saw 0 of " in note for note in bench.notes("car1", "validation"))


async def test_more_sounds_than_there_is_time_for() -> None:
    """A charger that asks for 255 sounds gets those that TT_EV_atten_results has room for."""
    bench = Bench.of()
    async with bench.charger(rewrite={CM_SLAC_PARM_CNF: altered(num_sounds=255)}) as charger:
        waiting = asyncio.create_task(charger.match())
        car = await bench.match_car()
        assert (await waiting).nmk == car.nmk
    assert len(bench.frames("car0", "tx", "CM_MNBC_SOUND.IND")) == 20


async def test_toggles_of_nobody() -> None:
    """A vehicle whose toggles do not reach the charger's pilot is not ours: no match, and both say so."""
    bench = Bench.of(own=50)
    bench.pilots[0].ev.set = lambda state: None  # type: ignore[method-assign]  # the test stands in for it
    why = await _failed(bench)
    assert why.step is Step.VALIDATION
    assert "saw 0 of " in bench.notes("car0", "validation")[0]
    assert "not our vehicle" in bench.notes("post0", "attempt failed")[0]


async def test_longest_toggling() -> None:
    """The charger watches no longer than TT_EVSE_vald_toggle, whatever a vehicle announces."""
    bench = Bench.of(own=50)

    def for_ever(frame: Frame) -> Frame:
        message = frame.message
        assert isinstance(message, CM_VALIDATE_REQ)
        return dataclasses.replace(frame, message=CM_VALIDATE_REQ(timer=255)) if message.timer else frame

    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        patient = ev.Options(timing=Timing().replace(TP_EV_vald_toggle=3.5))
        car = await bench.match_car(options=patient, rewrite={CM_VALIDATE_REQ: for_ever})
        assert car.validated
        await waiting
    asked = bench.frames("post0", "rx", "CM_VALIDATE.REQ")[1][0]
    assert bench.frames("post0", "tx", "CM_VALIDATE.CNF")[1][0] - asked == pytest.approx(3.5)


async def test_nobody_asks() -> None:
    """A plugged vehicle that does not talk: 5 % for TT_EVSE_SLAC_init, then the pilot goes steady."""
    bench = Bench.of()
    async with bench.charger() as charger:
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(MatchFailed) as why:
            await charger.match()
        assert (why.value.step, why.value.timer) == (Step.PARM, "TT_EVSE_SLAC_init")
        assert loop.time() - started == pytest.approx(40)
        assert bench.pilots[0].evse.reading == Reading(State.B, 100.0)


async def test_nobody_asks_with_repeats() -> None:
    """An AC charger goes through F for four seconds and offers 5 % again, twice, before it gives up."""
    bench = Bench.of()
    seen: list[tuple[float, str]] = []
    loop = asyncio.get_running_loop()
    bench.pilots[0].evse.subscribe(lambda reading: seen.append((loop.time(), reading.label)))
    async with bench.charger(0, evse.Options(repeat_pilot=True)) as charger:
        with pytest.raises(MatchFailed):
            await charger.match()
    assert [label for _, label in seen] == ["B2", "F", "B2", "F", "B2", "B1"]
    times = [time for time, _ in seen]
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([40, 4, 40, 4, 40])


@pytest.mark.parametrize("state", [State.E, State.F])
async def test_fault_is_left_alone(state: State) -> None:
    """E or F that others set during a matching stays; when they take it back, the charger offers 5 % again."""
    bench = Bench.of()
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        car = asyncio.create_task(bench.match_car())
        await bench.until("post0", "tx", "CM_ATTEN_CHAR.IND")
        bench.pilots[0].evse.fault(state)
        with pytest.raises(PilotLost):
            await car
        await asyncio.sleep(5)
        assert bench.pilots[0].evse.reading == Reading(state, 0.0)
        bench.pilots[0].evse.offer(100)
        found = await bench.match_car()
        assert (await waiting).nmk == found.nmk


async def test_modem_lost_while_renewing() -> None:
    """A modem that is gone when a new key is due ends the waiting with its name, not with that of the link."""
    bench = Bench.of(car=Behaviour(takes_key=False))
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        car = asyncio.create_task(bench.match_car(0, ONCE))
        await bench.until("post0", "tx", "CM_SLAC_MATCH.CNF")
        await asyncio.sleep(1)
        bench.posts[0].powered = False
        with pytest.raises(ModemError, match="did not answer 3 CM_SET_KEY.REQ"):
            await waiting
        with pytest.raises(MatchFailed):
            await car


async def test_late_request_is_not_answered() -> None:
    """Once TT_EVSE_SLAC_init is over nobody is answered; nor is anybody while nothing is plugged in."""
    bench = Bench.of()
    async with bench.charger() as charger:
        with pytest.raises(MatchFailed):
            await charger.match()
        bench.pilots[0].evse.offer(5)
        with pytest.raises(MatchFailed):
            await bench.match_car(0, ONCE)
    assert not bench.frames("post0", "tx", "CM_SLAC_PARM.CNF")
    bench = Bench.of(2)
    bench.line.connect(bench.cars[0], bench.posts[1], 10)
    bench.pilots[1].unplug()
    async with bench.charger(1) as charger:
        waiting = asyncio.create_task(charger.match())
        bench.pilots[0].evse.offer(5)
        with pytest.raises(MatchFailed):
            await bench.match_car(0, ONCE)
        waiting.cancel()
    assert not bench.frames("post1", "tx", "CM_SLAC_PARM.CNF")


async def test_amplitude_maps() -> None:
    """Either side may send its amplitude map; it is answered, and repeated where it is not."""
    for lost, sends in ((False, 1), (True, 3)):
        bench = Bench.of()
        if lost:
            for station in (*bench.cars, *bench.posts):
                deliver = station.deliver
                station.deliver = (
                    lambda data, extra, deliver=deliver: (  # type: ignore[misc]  # a default binds the loop's value
                        None if data[15:17] == CM_AMP_MAP_CNF.CODE.to_bytes(2, "little") else deliver(data, extra)
                    )
                )
        options = full_power()
        car, post = await both(bench, ev.Options(amplitude_map=options), evse.Options(amplitude_map=options))
        assert car.nmk == post.nmk
        for name in ("car0", "post0"):
            assert len(bench.frames(name, "tx", "CM_AMP_MAP.REQ")) == sends
            assert bool(bench.notes(name, "warning")) is lost


@pytest.mark.parametrize("run_id", [None, b"TEST RUN"])
async def test_reattempt_while_joining(run_id: bytes | None) -> None:
    """A vehicle that asks again while its link comes up has given up: it gets a new key, even with its old RunID."""
    bench = Bench.of(post=Behaviour(deaf=0.1, join=3.0))
    options = ev.Options(run_id=run_id)
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        first = asyncio.create_task(bench.match_car(0, options))
        await bench.until("post0", "tx", "CM_SLAC_MATCH.CNF")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        given = charger.nmk
        car = await bench.match_car(0, options)
        assert (await waiting).nmk == car.nmk != given


async def test_link_lost() -> None:
    """A link that is gone is noticed by both; the charger then answers the same vehicle again."""
    bench = Bench.of()

    async with bench.charger() as charger, Host(bench.cars[0]) as host:
        waiting = asyncio.create_task(charger.match())
        vehicle = ev.Ev(host, bench.pilots[0].ev, await detect(host))
        car = await vehicle.match()
        post = await waiting
        lost_post = asyncio.create_task(charger.until_lost(post))
        lost_car = asyncio.create_task(vehicle.until_lost(car))
        await asyncio.sleep(5)
        assert not lost_car.done()
        assert not lost_post.done()
        bench.posts[0].modem.nmk = bytes(16)
        assert await lost_car == await lost_post == "the power line link is down"
        await charger.leave()
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(MatchFailed) as why:  # nobody is ready yet
            await vehicle.rematch()
        assert loop.time() - started == pytest.approx(15, abs=1)  # T_conn_resetup
        assert len(why.value.failures) in (15, 16)
        waiting = asyncio.create_task(charger.match())
        again = await vehicle.rematch()
        assert (await waiting).nmk == again.nmk != car.nmk
        lost_post = asyncio.create_task(charger.until_lost(waiting.result()))
        bench.pilots[0].unplug()
        assert await lost_post == "the control pilot went to A2"


async def test_matched_charger_is_silent() -> None:
    """While matched with its link up, a charger answers nobody: not its vehicle, not another."""
    bench = Bench.of(2, crosstalk=30)
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        await bench.match_car()
        await waiting
        answers = len(bench.frames("post0", "tx", "CM_SLAC_PARM.CNF"))
        bench.pilots[1].evse.offer(5)
        for n in (0, 1):
            with pytest.raises(MatchFailed):
                await bench.match_car(n, ONCE)
        assert len(bench.frames("post0", "tx", "CM_SLAC_PARM.CNF")) == answers


# -- improper messages ------------------------------------------------------------------------------------------------

ONES = bytes(16) + b"\1"
OTHER = bytes(6)


def altered(**values: Any) -> Rewrite:
    return lambda frame: dataclasses.replace(frame, message=dataclasses.replace(frame.message, **values))  # type: ignore[type-var]  # every message is a dataclass


@pytest.mark.parametrize(
    ("kind", "values", "step"),
    [
        *((CM_SLAC_PARM_CNF, values, Step.PARM) for values in (
            {"application_type": 255}, {"security_type": 255}, {"run_id": bytes(8)}, {"m_sound_target": OTHER},
            {"resp_type": 0}, {"forwarding_sta": OTHER}, {"time_out": 0}, {"num_sounds": 0},
        )),
        *((CM_ATTEN_CHAR_IND, values, Step.ATTENUATION) for values in (
            {"application_type": 255}, {"security_type": 255}, {"run_id": bytes(8)}, {"source_address": OTHER},
            {"source_id": ONES}, {"resp_id": ONES}, {"aag": b""}, {"num_sounds": 0},
        )),
        *((CM_VALIDATE_CNF, values, Step.VALIDATION) for values in ({"signal_type": 255}, {"toggle_num": 255})),
        *((CM_SLAC_MATCH_CNF, values, Step.MATCH) for values in (
            {"application_type": 255}, {"security_type": 255}, {"run_id": bytes(8)}, {"mvf_length": 0},
            {"pev_id": ONES}, {"evse_id": ONES}, {"pev_mac": OTHER}, {"evse_mac": OTHER},
        )),
    ],
)  # fmt: skip
async def test_improper_answers(kind: type[Message], values: dict[str, Any], step: Step) -> None:
    """A vehicle ignores an answer with any field wrong, repeats its request, and says what was wrong."""
    bench = Bench.of(own=50 if kind is CM_VALIDATE_CNF else 20)
    async with bench.charger(rewrite={kind: altered(**values)}) as charger:
        waiting = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed) as why:
            await bench.match_car(0, ONCE)
        waiting.cancel()
    assert why.value.step is step
    assert len(bench.notes("car0", "ignored")) == 3


@pytest.mark.parametrize(
    ("kind", "values", "answer"),
    [
        *((CM_SLAC_PARM_REQ, values, "CM_SLAC_PARM.CNF") for values in (
            {"application_type": 255}, {"security_type": 255},
        )),
        *((CM_START_ATTEN_CHAR_IND, values, "CM_ATTEN_CHAR.IND") for values in (
            {"application_type": 255}, {"security_type": 255}, {"num_sounds": 0}, {"time_out": 0}, {"resp_type": 0},
            {"run_id": bytes(8)},
        )),
        *((CM_ATTEN_CHAR_RSP, values, "CM_SLAC_MATCH.CNF") for values in (
            {"application_type": 255}, {"security_type": 255}, {"source_address": OTHER}, {"run_id": bytes(8)},
            {"source_id": ONES}, {"resp_id": ONES}, {"result": 255},
        )),
        *((CM_SLAC_MATCH_REQ, values, "CM_SLAC_MATCH.CNF") for values in (
            {"application_type": 255}, {"security_type": 255}, {"mvf_length": 0}, {"pev_id": ONES}, {"evse_id": ONES},
            {"pev_mac": OTHER}, {"evse_mac": OTHER}, {"run_id": bytes(8)},
        )),
    ],
)  # fmt: skip
async def test_improper_requests(kind: type[Message], values: dict[str, Any], answer: str) -> None:
    """A charger treats a request with any field wrong as if it had not come."""
    bench = Bench.of()
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed):
            await bench.match_car(0, ONCE, rewrite={kind: altered(**values)})
        waiting.cancel()
    assert not bench.frames("post0", "tx", answer)


async def test_lenient() -> None:
    """A lenient pair overlooks constants that are wrong, as long as RunID and addresses are right."""
    bench = Bench.of()
    strict = False
    async with bench.charger(
        0, evse.Options(strict=strict), rewrite={CM_SLAC_PARM_CNF: altered(resp_type=0, forwarding_sta=OTHER)}
    ) as charger:
        waiting = asyncio.create_task(charger.match())
        rewrite = {CM_SLAC_MATCH_REQ: altered(mvf_length=0, pev_id=ONES)}
        car = await bench.match_car(0, ev.Options(strict=strict), rewrite=rewrite)
        assert (await waiting).nmk == car.nmk


async def test_swapped_length() -> None:
    """A CM_SLAC_MATCH.REQ with the bytes of its length swapped, as some vehicles send it, is accepted."""
    bench = Bench.of()
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        car = await bench.match_car(rewrite={CM_SLAC_MATCH_REQ: altered(mvf_length=0x3E00)})
        assert (await waiting).nmk == car.nmk


TOLERABLE = [
    (CM_SLAC_PARM_CNF, {"resp_type": 0}),
    (CM_SLAC_PARM_CNF, {"m_sound_target": OTHER}),
    (CM_SLAC_PARM_CNF, {"forwarding_sta": OTHER}),
    (CM_ATTEN_CHAR_IND, {"source_id": b"\1" * 17}),
    (CM_ATTEN_CHAR_IND, {"resp_id": b"\1" * 17}),
    (CM_SLAC_MATCH_CNF, {"evse_id": b"DE*ABC*E123456\0\0\0"}),
    (CM_SLAC_MATCH_CNF, {"pev_id": b"\1" * 17}),
    (CM_SLAC_MATCH_CNF, {"mvf_length": 0x3E}),
    (CM_SLAC_MATCH_CNF, {"evse_mac": OTHER}),
]


@pytest.mark.parametrize(("kind", "fields"), TOLERABLE)
async def test_a_tolerant_vehicle_accepts_a_wrong_field_and_reports_it(kind: Any, fields: dict[str, Any]) -> None:
    """Once, with the field and both values, and the match keeps it."""
    bench = Bench.of()
    async with bench.charger(0, rewrite={kind: altered(**fields)}) as charger:
        waiting = asyncio.create_task(charger.match())
        car = await bench.match_car(0, ev.Options(strict=False))
        await waiting
    (field,) = fields
    told = [event for event in bench.events["car0"] if event.layer == "tolerance"]
    assert [event.name for event in told] == [kind.__name__.removesuffix("_CNF").removesuffix("_IND")
                                              + (".CNF" if kind.__name__.endswith("_CNF") else ".IND")]  # fmt: skip
    assert field in told[0].note
    assert any(field in note for note in car.notes)


@pytest.mark.parametrize(("kind", "fields"), TOLERABLE)
async def test_a_strict_vehicle_says_in_its_last_line_which_field_it_refused(kind: Any, fields: dict[str, Any]) -> None:
    """Also where later attempts come less far, since the charger is busy with the first."""
    bench = Bench.of()
    async with bench.charger(0, rewrite={kind: altered(**fields)}) as charger:
        waiting = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed) as why:
            await bench.match_car(0, ev.Options(strict=True))
        waiting.cancel()
    (field,) = fields
    assert "properly: from 02:50:4c:00:00:02: " in why.value.text
    assert field.replace("evse_mac", "EVSE MAC") in why.value.text


async def test_the_attempt_that_came_furthest_is_the_last_line() -> None:
    """The first met a wrong answer to the match; the others, a charger that answers nobody."""
    bench = Bench.of()
    answered = 0

    def once(source: Any, target: Any, frame: Frame) -> bool:
        nonlocal answered
        if isinstance(frame.message, CM_SLAC_PARM_CNF):
            answered += 1
            return answered > 1
        return False

    bench.line.drop = once
    wrong = {CM_SLAC_MATCH_CNF: altered(evse_id=b"\1" * 17)}
    async with bench.charger(0, rewrite=wrong) as charger:
        waiting = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed, match=r"evse_id is 0101.*\(attempt 1 of \d+\)") as why:
            await bench.match_car(0, ev.Options(strict=True))
        waiting.cancel()
    assert why.value.step is Step.MATCH
    assert why.value.failures[-1].step is Step.PARM
