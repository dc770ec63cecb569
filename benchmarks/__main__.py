"""Runs every benchmark of this directory, one after the other."""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks


def main() -> None:
    for module in sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith("bench_")):
        print(f"\n== {module.removeprefix('bench_')}")
        importlib.import_module(f"benchmarks.{module}").main()


if __name__ == "__main__":
    main()
