"""Content rules of ISO 15118-20.

===================  ==================================================================
:mod:`facts`         what both sides have said so far
:mod:`kinds`         what the type of a substitution group member tells
:mod:`planned`       power schedules and profiles, made of durations
:mod:`services`      session, authorization, services and parameter sets
:mod:`limits`        charge parameters, and physical possibility
:mod:`schedules`     ScheduleExchange
:mod:`delivery`      PowerDelivery and the power profile
:mod:`loop`          the charge loop: its members, targets and limits
:mod:`outputs`       the charger's output, compared with requests and limits
:mod:`status`        ResponseCodes, EVSEStatus, meter and receipts
===================  ==================================================================
"""
