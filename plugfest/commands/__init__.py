"""One module per command: ``add(subparsers)`` declares its arguments, ``run(args)`` does the work.

A module imports at its top only what costs nothing; the rest inside ``run``.
"""
