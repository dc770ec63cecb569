"""What conformance scripts work with: testers that walk, deviate and assert, and the trace.

::

    async def test_wrong_order(secc_sut):
        await secc_sut.until(iso2.CableCheckReq)
        response = await secc_sut.send(iso2.ServiceDiscoveryReq())
        assert response.ResponseCode == "FAILED_SequenceError"
        await secc_sut.closed(within=5)

Requests name states: ``until(X)`` is the point where X is due. A deviation is made at one of five seams: another
message (``send(message)``), its EXI bytes (``exi=``), its V2GTP frame (``frame=``, ``header=``), the byte stream
(``send_bytes``, ``segments=``, ``close``), TLS (``tls=`` of the setting, deviations of :mod:`v2g.tls`).

:mod:`.setting` holds a script's settings, :mod:`.run` runs it and keeps its evidence. :mod:`.vehicle` and
:mod:`.charger` are the testers, :mod:`.slac` those for SLAC alone; :mod:`.pair` has both of our roles, :mod:`.trace`
what was seen.
"""

from plugfest.conformance.scripting.charger import ChargerScript
from plugfest.conformance.scripting.pair import PairScript
from plugfest.conformance.scripting.run import keep_evidence, run_script
from plugfest.conformance.scripting.setting import Setting, check_options, setting_of
from plugfest.conformance.scripting.slac import SlacChargerScript, SlacVehicleScript
from plugfest.conformance.scripting.trace import Trace
from plugfest.conformance.scripting.vehicle import VehicleScript
from plugfest.conformance.verdict import Failed, Inconclusive, Stop

__all__ = [
    "ChargerScript", "Failed", "Inconclusive", "PairScript", "Setting", "SlacChargerScript", "SlacVehicleScript",
    "Stop", "Trace", "VehicleScript", "check_options", "keep_evidence", "run_script", "setting_of",
]  # fmt: skip
