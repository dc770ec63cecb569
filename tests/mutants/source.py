"""Mutants of a module's source, one change each, addressed by function, kind and place: ``secc.dc:accept:lt->le#1``.

Texts, annotations and assertions are left alone, and so are calls that only tell a trace of something.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Change = Callable[[ast.AST], ast.AST]

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
EXTREMES = {"min": "max", "max": "min"}
TELLING = {"tell", "_tell", "note", "_note", "observe", "_emit", "_clipped", "told", "debug", "super"}
"""Calls whose absence only a trace of our own shows."""
_ASIDE = ("annotation", "returns", "decorator_list", "args", "keywords")
"""Parts of definitions that are left alone."""
CODE = re.compile(r"(FAILED|OK)(_\w+)?")
LEAVING = (ast.Raise, ast.Return, ast.Continue, ast.Break)


@dataclass(frozen=True)
class Site:
    """One change of one module.

    Attributes:
        function: the outermost function, as ``Class.method``; "" for a constant of the module.
        kind: what is changed into what.
        number: of its kind in the function, from 1.
        line, end: the lines of the statement's head.
        place: of the node, in the order of the walk.
    """

    module: str
    function: str
    kind: str
    number: int
    line: int
    end: int
    place: int

    @property
    def before(self) -> str:
        """That part of the source, in one line."""
        return _shown(_walked(self.module)[self.place][0])

    @property
    def after(self) -> str:
        """What it becomes."""
        node, function, _ = _walked(self.module)[self.place]
        return _shown(dict(_changes(node, function))[self.kind](copy.deepcopy(node)))

    @property
    def id(self) -> str:
        """Stays the same while the function does."""
        return f"{self.module}:{self.function or '<module>'}:{self.kind}#{self.number}"


def path_of(module: str) -> Path:
    """Where a module's source is, without importing it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


@cache
def sites(module: str) -> tuple[Site, ...]:
    """Every change of a module, in the order of the source."""
    found: list[Site] = []
    counts: Counter[tuple[str, str]] = Counter()
    for place, (node, function, statement) in enumerate(_walked(module)):
        for kind, _ in _changes(node, function):
            counts[function, kind] += 1
            line, end = _head(statement)
            found.append(Site(module, function, kind, counts[function, kind], line, end, place))
    return tuple(found)


def mutated(site: Site) -> ast.Module:
    """The module's tree with that change."""
    tree = copy.deepcopy(_tree(site.module))
    node, function, _ = next(found for place, found in enumerate(_walk(tree)) if place == site.place)
    change = dict(_changes(node, function))[site.kind]
    _Replace(node, change).visit(tree)
    return ast.fix_missing_locations(tree)


def constant(site: Site) -> tuple[str, float]:
    """Name and new value of a changed constant of a module."""
    name, value = _assigned(_walked(site.module)[site.place][0])
    return name, dict(_numbers(value))[site.kind]


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, change: Change) -> None:
        self.target, self.change = target, change

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.target:
            return ast.copy_location(self.change(node), node)
        visited: ast.AST = self.generic_visit(node)
        return visited


def _walk(tree: ast.Module) -> Iterator[tuple[ast.AST, str, ast.stmt]]:
    """Nodes that may be changed, with their outermost function and their statement."""

    def inside(node: ast.AST, function: str, statement: ast.stmt) -> Iterator[tuple[ast.AST, str, ast.stmt]]:
        if isinstance(node, (ast.JoinedStr, ast.Assert, ast.pattern)) or _text(node):
            return
        if isinstance(node, ast.stmt):
            statement = node
        yield node, function, statement
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "args", "keywords") and not isinstance(
                node, ast.Call
            ):
                continue
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, ast.AST):
                    yield from inside(child, function, statement)

    def outer(body: list[ast.stmt], prefix: str) -> Iterator[tuple[ast.AST, str, ast.stmt]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from outer(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for statement in node.body:
                    yield from inside(statement, prefix + node.name, statement)
            elif not prefix and _assigned(node)[0]:
                yield node, "", node

    return outer(tree.body, "")


@cache
def _walked(module: str) -> tuple[tuple[ast.AST, str, ast.stmt], ...]:
    return tuple(_walk(_tree(module)))


def _text(node: ast.AST) -> bool:
    """A docstring, or another text that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _assigned(node: ast.AST) -> tuple[str, float]:
    """Name and value of an assignment of a number to a name; "" if it is none."""
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    value = getattr(node, "value", None)
    if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and type(value.value) in (int, float):
        return target.id, value.value
    return "", 0.0


def _head(statement: ast.stmt) -> tuple[int, int]:
    """First and last line of a statement without its body."""
    body = getattr(statement, "body", None)
    last = statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, body[0].lineno - 1) if body else last


def _shown(node: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).replace("\n", " ")
    return re.sub(r"\s+", " ", text)[:110]


def _numbers(value: float) -> Iterator[tuple[str, float]]:
    if not value:
        yield "zero->one", 1
    elif isinstance(value, int):
        yield "plus-one", value + 1
        yield "minus-one", value - 1
    else:
        yield "double", value * 2
        yield "half", value / 2


def _changes(node: ast.AST, function: str) -> Iterator[tuple[str, Change]]:
    """Kinds of change of a node, each at most once."""
    if not function:
        for kind, number in _numbers(_assigned(node)[1]):
            yield kind, lambda given, number=number: _with(given, value=ast.Constant(number))
        return
    match node:
        case ast.Compare():
            for index, op in enumerate(node.ops):
                at = f"@{index}" if index else ""
                for other in COMPARISONS[type(op)]:
                    kind = f"{type(op).__name__.lower()}->{other.__name__.lower()}{at}"
                    yield kind, lambda given, index=index, other=other: _compared(given, index, other())
        case ast.BoolOp():
            other: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            name = "and->or" if isinstance(node.op, ast.And) else "or->and"
            yield name, lambda given: _with(given, op=other)
            for index in range(len(node.values)):
                yield f"without-{index + 1}", lambda given, index=index: _without(given, index)
        case ast.UnaryOp(op=ast.Not()):
            yield "not->", lambda given: given.operand  # type: ignore[attr-defined]  # the table is by node type
        case ast.If():
            leaves = isinstance(node.body[-1], LEAVING)
            yield "guard-off" if leaves else "if-never", lambda given: _with(given, test=ast.Constant(False))
            if not leaves:
                yield "if-always", lambda given: _with(given, test=ast.Constant(True))
        case ast.IfExp():
            yield "swap", lambda given: _with(given, body=given.orelse, orelse=given.body)  # type: ignore[attr-defined]  # the table is by node type
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
            call = node.value.value if isinstance(node.value, ast.Await) else node.value
            if _name(call) not in TELLING:
                yield "call-off", lambda given: ast.Pass()
        case ast.Raise():
            yield "raise-off", lambda given: ast.Pass()
        case ast.Assign(targets=[ast.Attribute()]) if not function.endswith(("__init__", "__post_init__")):
            yield "stale", lambda given: ast.Pass()
        case ast.AugAssign() if type(node.op) in ARITHMETIC:
            yield "other-way", lambda given: _with(given, op=ARITHMETIC[type(given.op)]())  # type: ignore[attr-defined]  # the table is by node type
        case ast.BinOp() if type(node.op) in ARITHMETIC and not _textual(node):
            kind = f"{type(node.op).__name__.lower()}->{ARITHMETIC[type(node.op)].__name__.lower()}"
            yield kind, lambda given: _with(given, op=ARITHMETIC[type(given.op)]())  # type: ignore[attr-defined]  # the table is by node type
        case ast.Call(func=ast.Name(id=("min" | "max") as name)):
            yield f"{name}->{EXTREMES[name]}", lambda given: _with(given, func=ast.Name(EXTREMES[name], ast.Load()))
        case ast.Constant(value=bool(value)):
            yield f"{value}->{not value}".lower(), lambda given: ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            for kind, number in _numbers(value):
                yield kind, lambda given, number=number: ast.Constant(number)
        case ast.Constant(value=str(value)) if CODE.fullmatch(value):
            code = (
                "FAILED"
                if value not in ("FAILED", "OK")
                else f"{value}_" + ("SequenceError" if value == "FAILED" else "")
            )
            if value.startswith("OK"):
                code = "FAILED"
            yield f"code-{value}", lambda given: ast.Constant(code)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node


def _compared(node: ast.AST, index: int, op: ast.cmpop) -> ast.AST:
    assert isinstance(node, ast.Compare)
    node.ops[index] = op
    return node


def _without(node: ast.AST, index: int) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    values = [value for place, value in enumerate(node.values) if place != index]
    return values[0] if len(values) == 1 else _with(node, values=values)


def _name(call: ast.AST) -> str:
    func = call.func if isinstance(call, ast.Call) else call
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _textual(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in sides
    )
