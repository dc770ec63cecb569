"""``plugfest config``: check bench files, and what can stand in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from boundary.console import complain_all, say, say_all
from boundary.text import dumps
from plugfest.errors import UserError


def add(commands: Any) -> None:
    parser = commands.add_parser("config", help="check bench files; their schema, keys, and ready cars and stations")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser(
        "check", help="check bench files", description="Checks bench files; names every mistake."
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.add_argument("--set", metavar="KEY=VALUE", action="append", help="as for plugfest run")
    check.set_defaults(run=_check)
    show = actions.add_parser("show", help="a bench file with all that its car and station add to it")
    show.add_argument("file", type=Path)
    show.add_argument("--set", metavar="KEY=VALUE", action="append", help="as for plugfest run")
    show.set_defaults(run=_show)
    schema = actions.add_parser("schema", help="the JSON Schema of bench files, for editors")
    schema.set_defaults(run=_schema)
    keys = actions.add_parser("keys", help="every key, its default and meaning, as Markdown")
    keys.set_defaults(run=_keys)
    cars = actions.add_parser("cars", help="the ready cars and stations")
    cars.set_defaults(run=_cars)


def _check(args: argparse.Namespace) -> int:
    from plugfest import config
    from plugfest.config import effect, names

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


def _show(args: argparse.Namespace) -> int:
    import msgspec
    import yaml

    from plugfest import config
    from plugfest.config import names

    bench = config.load(args.file, settings=names.settings(args.set))
    say_all(yaml.safe_dump(msgspec.to_builtins(bench), sort_keys=False, allow_unicode=True).splitlines())
    return 0


def _schema(args: argparse.Namespace) -> int:
    from plugfest.config import json_schema

    say_all(dumps(json_schema(), indent=2).split("\n"))
    return 0


def _keys(args: argparse.Namespace) -> int:
    from plugfest.config.document import markdown

    say_all(markdown().splitlines())
    return 0


def _cars(args: argparse.Namespace) -> int:
    from plugfest.config import personalities, source

    for kind in personalities.KINDS.values():
        say(f"{kind}:")
        for name in personalities.known(kind):
            about = source.child(personalities.ready(kind, name), "about")
            text = " ".join(str(about.value).split()) if about is not None else ""
            say(f"  {name:<22} {text}")
    return 0
