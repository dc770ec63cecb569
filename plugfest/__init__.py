"""The bench: the ``plugfest`` command and what it is made of.

:mod:`.cli` parses the command line: arguments are in :mod:`.commands`, one module each, and what runs is in
:mod:`.tasks`, imported only when called. Session commands make a bench (:mod:`.config`: a file, or options of the same
names) and plants (:mod:`.plants`), and put a :mod:`.stage` around both: what is seen (:mod:`.view`, :mod:`.live`),
published (:mod:`.mqtt`), done by hand or by the clock (:mod:`.controls`, :mod:`.timeline`), and sent deliberately wrong
(:mod:`.deviations`).
:mod:`.virtual` is the event loop whose clock jumps to the next deadline.
"""
