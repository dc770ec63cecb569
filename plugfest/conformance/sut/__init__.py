"""Systems under test.

================================  ======================================================================================
:mod:`.systems`                   a system as testers see it: how to reach it, its pilot, what can be done to it
:mod:`.bench`                     what a run has available besides the system
:mod:`.own`, :mod:`.own_system`   our roles in memory, as a PICS file declares them; which of them a run needs
:mod:`.network`, :mod:`.program`  a system behind an interface, and the command that stands for plugging it in
:mod:`.slac`                      a system on a power line, ours or a foreign one; :mod:`.slac_sessions` with sessions
:mod:`.certificates`              certificates of a bench by the catalogue's names, right and wrong
:mod:`.contracts`                 which of them each side uses for payment
================================  ======================================================================================
"""
