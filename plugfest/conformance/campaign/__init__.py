"""Campaigns: many runs against one system, and the files they leave.

=============================  =========================================================================================
:mod:`.setup`                  puts one together from what the user named
:mod:`.campaign`               executes the runs one after the other, into a folder (:mod:`.storage`)
:mod:`.execute`                one run: plan, carry out, judge (:mod:`.judge`), clean up
:mod:`.outcome`                what all runs come to: counts, the common cause, the exit code
:mod:`.evidence`               records trace and packets while a run goes on
:mod:`.ask`, :mod:`.probe`     make a PICS file from answers, or by probing
:mod:`.describe`               a case in words
:mod:`.report`, :mod:`.page`   report the campaign to readers and to machines
:mod:`.by_pytest`              the catalogue's cases as tests of pytest, on one or several benches
=============================  =========================================================================================
"""
