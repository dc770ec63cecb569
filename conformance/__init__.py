"""Conformance: a catalogue of test cases for vehicles and chargers, what runs them, and a pytest plugin for scripts.

Where a case is: ``plugfest conformance show CASE`` tells its steps. They are words of the vocabulary, read by the verbs
and expectations of :mod:`.secc` or :mod:`.evcc`; where words do not suffice, a script is registered under the case's id
in :mod:`.secc.scripts` or :mod:`.evcc.scripts`.

===============================  =======================================================================================
catalogue                        the cases as data, typed, and the words they are written in
select, describe                 which cases, chosen by words; a case in words
pics, ask, probe                 what is declared of a system under test (PICS, PIXIT), by file, questions or looking
secc                             cases with a charger under test, and the tester vehicle
evcc                             cases with a vehicle under test, and the tester charger
slac_cases, slac_sessions        matching, either side under test, alone or with a session; they name the other `slac_`
steps, table, durations, fields  what both sides read the words of steps with
wire                             the tester's end of a connection, with seams at message, EXI bytes, V2GTP frame, bytes
certificates, contracts          right and wrong certificates by their names; who pays with them
systems, own, network, program   systems under test: as testers see them, our roles in memory, behind an interface
execute, verdict                 one run of a case, and what it leaves
bench, campaign, evidence        many runs: put together, carried out, and what they leave
plugin, scripting, mistakes      fixtures for pytest, what they give into a script's hands, how its mistakes are told
report, page                     the evidence of a campaign for people and machines
by_pytest                        the catalogue's cases as tests of pytest, on one or several benches
virtual                          the event loop whose clock jumps
===============================  =======================================================================================

Nothing is imported here, so that pytest users who do not test chargers pay nothing.
"""
