"""Faults of the session around power in ISO 15118-20."""
