"""Conformance scripts and campaigns against a vehicle or a charger: the pytest plugin, the catalogue, its runner."""
