"""One module per command: ``add(subparsers)`` declares its arguments and names the task that runs it.

A module imports at its top only what costs nothing; what a command does is in :mod:`plugfest.tasks`.
"""
