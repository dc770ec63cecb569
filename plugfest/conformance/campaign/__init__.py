"""Campaigns: many runs against one system, and what they leave.

=============================  =========================================================================================
:mod:`.setup`                  puts one together from what the user named
:mod:`.campaign`               carries the runs out, one after the other, into a folder (:mod:`.storage`)
:mod:`.execute`                one run: plan, carry out, judge (:mod:`.judge`), clean up
:mod:`.outcome`                what all runs come to: counts, the common cause, the exit code
:mod:`.evidence`               the trace and the packets of a run while it goes on
:mod:`.ask`, :mod:`.probe`     the PICS file by questions, or by looking
:mod:`.describe`               a case in words
:mod:`.report`, :mod:`.page`   the campaign for readers and for machines
:mod:`.by_pytest`              the catalogue's cases as tests of pytest, on one or several benches
=============================  =========================================================================================
"""
