"""Mutants of our own roles: faults that nobody chose.

=================  ====================================================================================================
:mod:`.areas`      what is mutated, by area, as data: modules, messages, timers, and which runs apply
:mod:`.source`     mutants of the source: comparisons, conditions, guards, calls, constants
:mod:`.tables`     mutants of what is said and of the tables: fields, codes, timers, content rules, order, checks
:mod:`.place`      puts one in place: code objects of live functions, constants, rewrite seams
:mod:`.reach`      runs without any mutant: which lines they reach, what they cost, what is seen on the wire
:mod:`.trial`      one mutant against the runs that reach it, in a process of its own
:mod:`.apart`      samples of them judged by something other than a campaign
:mod:`.report`     rates by area, and the page of the docs
=================  ====================================================================================================

``python -m mutants`` in ``tests/`` (``make mutants N=200 SEED=1 AREA="vehicle DC"``) tries a sample.
"""
