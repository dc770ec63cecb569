"""SLAC at a charger: it answers CM_SLAC_PARM.REQ in time and with its constants, and ignores a START of another run."""

from slac.frames import CM_ATTEN_CHAR_IND, CM_SLAC_PARM_CNF, CM_SLAC_PARM_REQ


async def test_slac_parm(slac_secc_sut):
    ev = slac_secc_sut.ev
    await ev.reach("CP_B")
    answer = await ev.parm()
    assert (answer.num_sounds, answer.time_out, answer.forwarding_sta) == (10, 6, ev.mac)
    slac_secc_sut.trace.within(0.1, CM_SLAC_PARM_REQ, CM_SLAC_PARM_CNF)


async def test_start_of_another_run(slac_secc_sut):
    ev = slac_secc_sut.ev
    await ev.reach("PARM")
    await ev.sound(run_id=bytes(8))
    await ev.quiet(1.2, CM_ATTEN_CHAR_IND)
