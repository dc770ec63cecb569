"""What the commands do: `plugfest.commands.X` defines the arguments, the module of the same name here runs it.

:mod:`plugfest.cli` imports a task only when its command is called, so these modules import what they need at the top.
"""
