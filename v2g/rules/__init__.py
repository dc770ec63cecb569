"""Content rules: what a message may say, given the messages before it. One table for both roles and for recordings.

===================  ==================================================================
:mod:`rule`          what a rule is
:mod:`facts`         what both sides have said so far
:mod:`table`         all rules, and how a message is judged by them
:mod:`page`          the page of the docs
:mod:`quantities`    every PhysicalValue: unit and possible range
:mod:`schedule`      power over time
:mod:`bounds`        values that limit others over time
:mod:`metered`       meter readings over time
:mod:`handshake`     supportedAppProtocol, SessionSetup
:mod:`status`        codes and states
:mod:`choices`       choices among what was offered
:mod:`parameters`    charge parameters, schedules, profiles
:mod:`values`        units, possible values, consistent limits
:mod:`payment`       contracts, challenges, receipts
:mod:`loop`          while power flows
:mod:`iso20`         the same for ISO 15118-20, which has other messages
===================  ==================================================================
"""
