"""Benchmarks: ratios within one run, never absolute promises. ``make bench``, or ``python -m benchmarks.bench_exi``."""
