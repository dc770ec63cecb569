"""The bench: the ``plugfest`` command and what it is made of.

:mod:`.cli` parses the command line and imports a command only when it is called; each command is a module of
:mod:`.commands`. Session commands make a bench (:mod:`.config`: a file, or options of the same names) and plants
(:mod:`.plants`), and put a :mod:`.stage` around both: what is seen (:mod:`.view`, :mod:`.live`), published
(:mod:`.mqtt`), done by hand or by the clock (:mod:`.controls`, :mod:`.timeline`), and sent deliberately wrong
(:mod:`.deviations`).
:mod:`.virtual` is the event loop whose clock jumps to the next deadline.
"""
