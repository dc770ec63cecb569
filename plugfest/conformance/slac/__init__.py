"""SLAC cases, either side under test.

=======================================  ===============================================================================
:mod:`.tester`                           the tester's host on the power line: any message with any field forced
:mod:`.vehicle`, :mod:`.charger`         the tester in either role: the steps of a matching
:mod:`.cases`                            a run of a case: its precondition, then what its family does
:mod:`.secc`, ``secc_link``, ``_pilot``  families with a charger under test: up to the match, from the link on, the
pilot
:mod:`.evcc`, ``evcc_link``              families with a vehicle under test
:mod:`.both`                             what holds for either
:mod:`.more_secc`, :mod:`.more_evcc`     cases of our own, by id
:mod:`.sessions` (``_secc``, ``_evcc``)  cases that need a session on the link as well
=======================================  ===============================================================================
"""
