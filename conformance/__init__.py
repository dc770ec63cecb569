"""Conformance: a catalogue of test cases for vehicles and chargers, what runs them, and a pytest plugin for scripts.

- `conformance.catalogue`: the cases as data, typed, and the words they are written in.
- `conformance.pics`: what is declared about a system under test (PICS, PIXIT), and which cases that selects.
- `conformance.execute` runs one case: `conformance.cases_secc` and `conformance.cases_evcc` read its words, and
  `conformance.scripts_secc`, `conformance.scripts_evcc` and `conformance.scripts_contract` do what words cannot
  express.
- `conformance.tester_ev`, `conformance.tester_evse`: a vehicle and a charger that deviate on purpose, at any of five
  seams: message, EXI bytes, V2GTP frame, byte stream, TLS.
- `conformance.systems`: systems under test: our own roles in memory, or whatever is behind a network interface.
- `conformance.plugin`: fixtures and assertions for pytest.
- `conformance.campaign`, `conformance.report`: many cases, and the evidence they leave.

Nothing is imported here, so that pytest users who do not test chargers pay nothing.
"""
