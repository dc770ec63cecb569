"""Checks bench files, and shows what they may contain."""

from __future__ import annotations

import argparse

import msgspec
import yaml

from boundary.console import complain_all, say, say_all
from boundary.text import dumps
from plugfest import config
from plugfest.config import effect, json_schema, names, personalities, source
from plugfest.config.document import markdown
from plugfest.errors import UserError


def check_files(args: argparse.Namespace) -> int:
    wrong = 0
    for path in args.files:
        try:
            bench = config.load(path, settings=names.settings(args.set))
        except UserError as why:
            wrong += 1
            complain_all(why.lines)
        else:
            about = f": {bench.about.strip()}" if bench.about else ""
            say(f"{path}: fine, role {bench.role}{about}")
            complain_all(f"{path}: {line}" for line in effect.without_effect(bench))
    return 2 if wrong else 0


def show_bench(args: argparse.Namespace) -> int:
    bench = config.load(args.file, settings=names.settings(args.set))
    say_all(yaml.safe_dump(msgspec.to_builtins(bench), sort_keys=False, allow_unicode=True).splitlines())
    return 0


def show_schema(args: argparse.Namespace) -> int:
    say_all(dumps(json_schema(), indent=2).split("\n"))
    return 0


def show_keys(args: argparse.Namespace) -> int:
    say_all(markdown().splitlines())
    return 0


def show_cars(args: argparse.Namespace) -> int:
    for kind in personalities.KINDS.values():
        say(f"{kind}:")
        for name in personalities.known(kind):
            about = source.child(personalities.ready(kind, name), "about")
            text = " ".join(str(about.value).split()) if about is not None else ""
            say(f"  {name:<22} {text}")
    return 0
