"""Content rules: what messages may say, given what was said before. One table for both roles and for recordings.

===================  ==================================================================
:mod:`rule`          what a rule is
:mod:`facts`         what two sides have said so far
:mod:`table`         all rules, and how a message is held against them
:mod:`page`          the page of the docs
:mod:`quantities`    every PhysicalValue: unit and possible range
:mod:`schedule`      power over time
:mod:`bounds`        values that bound others over time
:mod:`metered`       what a meter shows over time
:mod:`handshake`     supportedAppProtocol, SessionSetup
:mod:`status`        codes and states
:mod:`choices`       what is chosen of what was offered
:mod:`parameters`    charge parameters, schedules, profiles
:mod:`values`        units, possible values, limits that fit each other
:mod:`payment`       contracts, challenges, receipts
:mod:`loop`          while power flows
:mod:`iso20`         the same for ISO 15118-20, whose messages differ
===================  ==================================================================
"""
