"""Content rules of ISO 15118-20.

===================  ==================================================================
:mod:`facts`         what two sides have said so far
:mod:`kinds`         what a member of a substitution group says by its type
:mod:`planned`       schedules and profiles of power, which name durations
:mod:`services`      session, authorization, services and parameter sets
:mod:`limits`        charge parameters, and what is physically possible
:mod:`schedules`     ScheduleExchange
:mod:`delivery`      PowerDelivery and the power profile
:mod:`loop`          the charge loop: its members, targets and limits
:mod:`outputs`       what the charger delivers, against what was asked for and allowed
:mod:`status`        ResponseCodes, EVSEStatus, meter and receipts
===================  ==================================================================
"""
