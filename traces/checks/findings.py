"""The same names as :mod:`traces.findings`, where they live."""

from traces.findings import Finding, Severity, Verdict, about

__all__ = ["Finding", "Severity", "Verdict", "about"]
