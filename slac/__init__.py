"""Part 3 of the standard, the link below the messages: control pilot, proximity, connectors; later SLAC matching.

Nothing here knows a V2G message or a role's script. Both roles build on it.
"""
