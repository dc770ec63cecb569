"""``python -m mutants [-n N] [--seed SEED] [--area AREA]``: tries a sample and prints the rates by area."""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import time
from pathlib import Path

from boundary.choices import unknown
from mutants import report
from mutants.areas import AREAS
from mutants.reach import KEPT, reach, visits
from mutants.trial import BUDGET, CAUGHT, Attempt, again, by_id, caught, sample, say, try_all


def check(number: int, seed: int) -> None:
    """One line for each, and how many failed."""
    tried = list(again(number, seed))
    for one in tried:
        print(f"{one.outcome} {one.id} {one.run}")
    print(f"{sum(one.outcome == 'failed' for one in tried)} of {len(tried)} failed")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument(
        "-n", type=int, default=200, help="mutants in all, the same for each area (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default %(default)s)")
    parser.add_argument("--area", action="append", help="only this one; may be repeated")
    parser.add_argument("--id", action="append", help="this mutant; may be repeated")
    parser.add_argument("--earlier", type=Path, metavar="FILE", help="results that need not be found again")
    parser.add_argument("--like", action="append", metavar="PATTERN", help="only ids like this; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="end after so many, with what was tried by then"
    )
    parser.add_argument("--budget", type=float, default=BUDGET, help="s of CPU time for one (default %(default)s)")
    parser.add_argument("--results", type=Path, default=KEPT / "results.jsonl", help="file of results")
    parser.add_argument("--how", default="", help="a sentence for that page: what was special about this run")
    parser.add_argument("--docs", type=Path, metavar="PAGE", help="write the page of the docs, too")
    parser.add_argument("--caught", type=int, metavar="N", help="N of those known to be caught, with the runs that did")
    parser.add_argument("--keep", action="store_true", help="add what failed to those known to be caught")
    args = parser.parse_args()
    if args.caught:
        check(args.caught, args.seed)
        return
    areas = [area for area in AREAS if not args.area or area.name in args.area]
    if not areas:
        parser.error(unknown("area", args.area[0], [area.name for area in AREAS]))
    found, every = reach(areas, say), visits()
    if args.id:
        chosen = by_id(args.id)
    else:
        chosen = sample(areas, args.n, args.seed)
    if args.like:
        chosen = [mutant for mutant in chosen if any(fnmatch.fnmatchcase(mutant.id, like) for like in args.like)]
    text = args.earlier.read_text(encoding="utf-8") if args.earlier else ""
    earlier = {one.id: one for one in (Attempt(**json.loads(line)) for line in text.splitlines())}
    attempts = [earlier[mutant.id] for mutant in chosen if mutant.id in earlier]
    chosen = [mutant for mutant in chosen if mutant.id not in earlier]
    until = time.monotonic() + 60 * args.minutes
    trying = try_all(chosen, found, every, jobs=args.jobs, budget=args.budget, until=until)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    with args.results.open("w", encoding="utf-8") as file:
        file.writelines(one.to_json() + "\n" for one in attempts)
        for place, one in enumerate(trying, 1):
            attempts.append(one)
            file.write(one.to_json() + "\n")
            file.flush()
            runs = f"{one.tried}/{one.reached}"
            say(f"{place}/{len(chosen)} {one.outcome:12} {runs:>9} {one.seconds:5.1f} s {one.id} {one.run}")
    print(report.text(attempts))
    if args.keep:
        known = {**caught(), **{one.id: one.run for one in attempts if one.outcome == "failed"}}
        lines = [f"{json.dumps(key)}: {json.dumps(known[key])}" for key in sorted(known)]
        CAUGHT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    if args.docs:
        args.docs.write_text(report.page(attempts, args.seed, args.how), encoding="utf-8")


main()
