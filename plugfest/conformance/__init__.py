"""Conformance: a catalogue of test cases for vehicles and chargers, what runs them, and a pytest plugin for scripts.

Where a case is: ``plugfest conformance show CASE`` tells its steps. They are words of the vocabulary, read by the verbs
and expectations of :mod:`.secc` or :mod:`.evcc`; where words do not suffice, a script is registered under the case's id
in :mod:`.secc.scripts` or :mod:`.evcc.scripts`.

===================
====================================================================================================
:mod:`.plugin`       fixtures for pytest
:mod:`.scripting`    what they give into a script's hands, and how its mistakes are told
:mod:`.campaign`     many runs: put together, carried out, reported
:mod:`.slac`         matching, either side under test, alone or with a session
:mod:`.secc`         cases with a charger under test, and the tester vehicle
:mod:`.evcc`         cases with a vehicle under test, and the tester charger
:mod:`.recorded`     what a recording alone proves of one side
:mod:`.sut`          systems under test: as testers see them, our roles in memory, behind an interface
:mod:`.watch`        judges what flows in each run as physics
:mod:`.catalogue`    the cases as data, the words they are written in, and what is declared of a system (PICS)
:mod:`.wire`         the tester's end of a connection, with seams at message, EXI bytes, V2GTP frame, bytes
:mod:`.verdict`      what a run leaves; :mod:`.cause`: why it stopped, as values; :mod:`.stops`: of which error
:mod:`.table`        names of the catalogue; :mod:`.fields`: fields by name
:mod:`.virtual`      the event loop whose clock jumps
===================
====================================================================================================

Each wing imports only those below it.
Nothing is imported here, so that pytest users who do not test chargers pay nothing.
"""
