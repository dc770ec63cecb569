"""``plugfest config``: check bench files, and what can stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    parser = commands.add_parser("config", help="check bench files; their schema, keys, and ready cars and stations")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser(
        "check", help="check bench files", description="Checks bench files; names every mistake."
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.add_argument("--set", metavar="KEY=VALUE", action="append", help="as for plugfest run")
    check.set_defaults(run="plugfest.tasks.config:check_files")
    show = actions.add_parser("show", help="a bench file with everything its car and station add")
    show.add_argument("file", type=Path)
    show.add_argument("--set", metavar="KEY=VALUE", action="append", help="as for plugfest run")
    show.set_defaults(run="plugfest.tasks.config:show_bench")
    schema = actions.add_parser("schema", help="the JSON Schema of bench files, for editors")
    schema.set_defaults(run="plugfest.tasks.config:show_schema")
    keys = actions.add_parser("keys", help="every key, its default and meaning, as Markdown")
    keys.set_defaults(run="plugfest.tasks.config:show_keys")
    cars = actions.add_parser("cars", help="the ready cars and stations")
    cars.set_defaults(run="plugfest.tasks.config:show_cars")
