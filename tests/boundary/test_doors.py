"""No module bypasses the doors: everything printed, parsed and written passes through `boundary`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import boundary

ROOT = Path(boundary.__file__).parents[1]
PACKAGES = ("plugfest", "evcc", "secc", "v2g", "slac", "pki", "exi")

ALLOWED = {
    # what is appended to under a lock and mended after a crash, and the log of a program under test
    ("plugfest/conformance/campaign/campaign.py", "open to write"),
    ("plugfest/conformance/campaign/storage.py", "open to write"),
    ("plugfest/conformance/sut/program.py", "open to write"),
    # a serial line
    ("slac/pilot_serial.py", "os.open"), ("slac/pilot_serial.py", "os.fdopen"),
    # the pipe of a Wireshark that waits for somebody to open it
    ("plugfest/tasks/extcap.py", "os.open"),
    # data of the package itself, and what the kernel says
    ("plugfest/conformance/catalogue/__init__.py", "yaml.load"),
    ("plugfest/conformance/catalogue/__init__.py", "yaml.SafeLoader"),
    ("plugfest/config/personalities.py", "read_text"), ("plugfest/web/app.py", "read_bytes"),
    ("plugfest/doctor/link.py", "read_text"), ("v2g/interfaces.py", "read_text"),
    # results of a campaign, line by line, each through `parse_record`; a password of less than 200 bytes
    ("plugfest/conformance/campaign/storage.py", "read_bytes"), ("pki/foreign.py", "read_text"),
    # copies of whole folders, each file as private as it was
    ("plugfest/conformance/campaign/storage.py", "shutil.copyfile"),
    ("plugfest/conformance/campaign/storage.py", "shutil.copytree"),
    # whether it is a terminal, and where lines go that are said through the door
    ("plugfest/lines.py", "sys.stdout"), ("plugfest/views.py", "sys.stdout"), ("plugfest/progress.py", "sys.stdout"),
    ("plugfest/tasks/explain.py", "sys.stdout"),
    # the live view, whose texts are all escaped
    ("plugfest/live.py", "Console"),
    # the dialogue with a person at the bench, likewise
    ("plugfest/conformance/pair/guide.py", "Console"),
    # a directory for the length of a test bench's life
    ("plugfest/web/reports.py", "tempfile.TemporaryDirectory"),
    ("plugfest/security.py", "tempfile.TemporaryDirectory"), ("v2g/tls/bench.py", "tempfile.TemporaryDirectory"),
}  # fmt: skip
"""Module and what it may do itself, each with its reason."""

NAMES = {
    "print", "Console", "json.load", "json.loads", "json.dump", "json.JSONDecoder", "os.open", "os.fdopen", "os.dup2",
    "yaml.load", "yaml.safe_load", "yaml.full_load", "yaml.unsafe_load", "yaml.safe_load_all", "yaml.load_all",
    "yaml.SafeLoader", "yaml.CSafeLoader", "yaml.compose", "etree.fromstring", "etree.parse", "etree.XML",
    "etree.XMLParser", "etree.iterparse", "ElementTree.parse", "ElementTree.fromstring", "sys.stdin", "sys.stdout",
    "sys.stderr", "shutil.copyfile", "shutil.copytree", "shutil.copy", "shutil.copy2", "tempfile.mkstemp",
    "tempfile.NamedTemporaryFile", "tempfile.TemporaryDirectory", "tempfile.mkdtemp",
}  # fmt: skip
METHODS = {"write_text", "write_bytes", "read_text", "read_bytes", "touch"}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def dotted(node: ast.expr) -> str:
    """``a.b`` of a name or attribute, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def mode(call: ast.Call, place: int) -> str:
    """The mode of an ``open`` as far as it stands there."""
    given = [*call.args[place : place + 1], *(word.value for word in call.keywords if word.arg == "mode")]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def own_work(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything that a module does itself instead of through a door."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and dotted(node) in NAMES:
            if not (isinstance(node, ast.Name) and node.id == "print" and not isinstance(node.ctx, ast.Load)):
                yield node.lineno, dotted(node)
        if isinstance(node, ast.keyword) and node.arg == "ensure_ascii":
            yield node.value.lineno, "ensure_ascii"
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield node.lineno, node.func.attr
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            yield node.lineno, "open to write" if set(mode(node, 1)) & set("wax+") else "open"
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "open" and set(mode(node, 0)) & set("wax+"):
            yield node.lineno, "open to write"
        if isinstance(node.func, ast.Attribute) and node.func.attr == "ZipFile" and isinstance(node.args[0], ast.Name):
            if node.args[0].id in ("path", "target"):
                yield node.lineno, "ZipFile by name"


def test_every_module_uses_the_doors() -> None:
    """Printing, parsing and writing are done in `boundary`, but for what is listed here with its reason."""
    found = [
        (path, line, what) for path in modules() for line, what in own_work(ast.parse(path.read_text(encoding="utf-8")))
    ]
    names = {(path.relative_to(ROOT).as_posix(), what) for path, _, what in found}
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path, line, what in found
        if (path.relative_to(ROOT).as_posix(), what) not in ALLOWED
    ]
    assert not wrong, "\n".join(wrong)
    assert not ALLOWED - names, "allowed, and not needed any more"


@pytest.mark.parametrize(
    "text",
    [
        "print(x)", "print(x, file=f)", "tell = print", "json.loads(x)", "yaml.safe_load(x)", "etree.fromstring(x)",
        "path.write_text(x)", "path.open('w')", "path.open(mode='ab')", "open(path, 'r+')", "open(path)",
        "os.open(path, 0)", "sys.stdout.write(x)", "for line in sys.stdin: pass", "json.dumps(x, ensure_ascii=False)",
        "path.read_bytes()", "Console()",
    ],
)  # fmt: skip
def test_a_module_that_goes_round_is_found(text: str) -> None:
    """The scan sees each way."""
    assert list(own_work(ast.parse(text)))
