"""The bench: the ``plugfest`` command and what it is made of.

:mod:`.cli` parses the command line and imports a command only when it is called; each command is a module of
:mod:`.commands`. :mod:`.virtual` is the event loop whose clock jumps to the next deadline.
"""
