"""The evaluator: runs the Python code of a call by reading its syntax tree, for real, and sees everything that it does.

Each statement does what Python does, with the program's own objects. So the call has its right result whatever happens;
and on the way every read of state is put under guard (guarding.py), every operation on tensors is recorded
(recording.py), and whatever could not be repeated by running the recorded steps again makes the recorder refuse:
writing to attributes, deciding by a tensor's elements, calling what is not known (calling.py).

A function with syntax that is not read here is not entered: it is called as it is, and the recorder refuses.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import MutableMapping
from types import CellType, FunctionType, MethodType
from typing import Any

from ..autograd.tape import TensorBase
from ..nn.module import Module
from .guarding import ABSENT, ATTRIBUTE, Guarding
from .known import BINARY, BUILTINS, COMPARE, IN_PLACE, LOOKS, NUMBERS, RAISING, UNARY
from .source import FunctionTree
from .values import PLAIN, Deferred, bare, deferred, leaves

_STATEMENTS = (
    ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.If, ast.For, ast.While, ast.Pass, ast.Break,
    ast.Continue, ast.With, ast.Assert, ast.Raise,
)  # fmt: skip
_EXPRESSIONS = (
    ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Tuple, ast.List, ast.Dict, ast.Subscript, ast.Slice, ast.Starred, ast.JoinedStr, ast.FormattedValue,
    ast.ListComp, ast.GeneratorExp, ast.DictComp,
)  # fmt: skip
_PARTS = (
    ast.arguments, ast.arg, ast.keyword, ast.comprehension, ast.withitem, ast.expr_context, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop, ast.FunctionDef, ast.Lambda,
)  # fmt: skip


_RECORDED = object()  # stands for the place of a tensor in the graph: only that there is one is guarded
_CONVERSIONS: dict[str, Any] = {"s": str, "r": repr, "a": ascii}


class _Break(Exception): ...


class _Continue(Exception): ...


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class Super:
    """What `super()` gives inside a method."""

    def __init__(self, cls: type, obj: Any) -> None:
        self.cls, self.obj = cls, obj


def unreadable(tree: FunctionTree) -> str | None:
    """What the evaluator cannot read in a function, or None."""
    body = tree.body if isinstance(tree.body, list) else [tree.body]
    for node in (each for part in body for each in ast.walk(part)):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) or not isinstance(node, _STATEMENTS + _EXPRESSIONS + _PARTS):
            return f"{type(node).__name__} in line {getattr(node, 'lineno', '?')}"
    return None


class Frame:
    """One function being run."""

    def __init__(self, caller: Any, function: Any, local: MutableMapping[str, Any]) -> None:
        self.caller = caller  # a Caller (calling.py)
        self.guarding: Guarding = caller.guarding
        self.refuse = caller.recorder.refuse
        self.function = function
        self.local = local
        self.cells: dict[str, CellType] = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))

    def run(self, tree: FunctionTree) -> Any:
        if isinstance(tree, ast.Lambda):
            return self.value(tree.body)
        try:
            self.block(tree.body)
        except _Return as result:
            return result.value
        return None

    # -------------------------------------------------------------------------------------------------- statements

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            getattr(self, "do_" + type(statement).__name__)(statement)

    def do_Expr(self, s: ast.Expr) -> None:
        self.value(s.value)

    def do_Pass(self, s: ast.Pass) -> None: ...

    def do_Break(self, s: ast.Break) -> None:
        raise _Break

    def do_Continue(self, s: ast.Continue) -> None:
        raise _Continue

    def do_Return(self, s: ast.Return) -> None:
        raise _Return(None if s.value is None else self.value(s.value))

    def do_Assign(self, s: ast.Assign) -> None:
        value = self.value(s.value)
        for target in s.targets:
            self.assign(target, value)

    def do_AnnAssign(self, s: ast.AnnAssign) -> None:
        if s.value is not None:
            self.assign(s.target, self.value(s.value))

    def do_AugAssign(self, s: ast.AugAssign) -> None:
        before = self.value(_as_read(s.target))
        after = self.binary(IN_PLACE[type(s.op).__name__], before, self.value(s.value))
        if after is not before or isinstance(s.target, ast.Name) or not isinstance(before, TensorBase):
            self.assign(s.target, after)

    def do_If(self, s: ast.If) -> None:
        self.block(s.body if self.truth(self.value(s.test)) else s.orelse)

    def do_While(self, s: ast.While) -> None:
        while self.truth(self.value(s.test)):
            try:
                self.block(s.body)
            except _Break:
                return
            except _Continue:
                continue
        self.block(s.orelse)

    def do_For(self, s: ast.For) -> None:
        for each in self.caller.iterate(self.value(s.iter)):
            self.assign(s.target, each)
            try:
                self.block(s.body)
            except _Break:
                return
            except _Continue:
                continue
        self.block(s.orelse)

    def do_With(self, s: ast.With) -> None:
        item, *rest = s.items
        context = self.value(item.context_expr)
        self.caller.check_context(context)
        with context as value:
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
            if rest:
                self.do_With(ast.With(items=rest, body=s.body))
            else:
                self.block(s.body)

    def do_Assert(self, s: ast.Assert) -> None:
        if not self.truth(self.value(s.test)):
            raise AssertionError(*([] if s.msg is None else [self.plain(self.value(s.msg))]))

    def do_Raise(self, s: ast.Raise) -> None:
        self.refuse("an exception is raised")
        cause = None if s.cause is None else self.value(s.cause)
        if s.exc is None:
            raise RuntimeError("No active exception to reraise")
        raise self.value(s.exc) from cause

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.local[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Attribute):
            self.refuse(f"an attribute is written to: {ast.unparse(target)}")
            setattr(self.value(target.value), target.attr, self.plain(value))
        elif isinstance(target, ast.Subscript):
            container, index = self.value(target.value), self.plain(self.value(target.slice))
            if not self.guarding.is_own(container):
                self.refuse(f"an item is written to: {ast.unparse(target)}")
                value = self.plain(value)
            container[index] = value
        else:
            raise AssertionError(ast.dump(target))

    def _unpack(self, targets: list[ast.expr], value: Any) -> None:
        values = list(self.caller.iterate(value))
        star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        if star is None:
            if len(values) != len(targets):
                kind = "too many values to unpack" if len(values) > len(targets) else "not enough values to unpack"
                raise ValueError(f"{kind} (expected {len(targets)})")
            pairs = list(zip(targets, values))
        else:
            after = len(targets) - star - 1
            middle = self.guarding.made(values[star : len(values) - after])
            ends = [*values[:star], middle, *(values[len(values) - after :] if after else [])]
            pairs = [(t.value if isinstance(t, ast.Starred) else t, v) for t, v in zip(targets, ends)]
        for target, each in pairs:
            self.assign(target, each)

    # ------------------------------------------------------------------------------------------------- expressions

    def value(self, node: ast.expr) -> Any:
        return getattr(self, "of_" + type(node).__name__)(node)

    def of_Constant(self, e: ast.Constant) -> Any:
        return e.value

    def of_Name(self, e: ast.Name) -> Any:
        name = e.id
        if name in self.local:
            return self.local[name]
        if name in self.cells:
            return self.guarding.cell(self.cells[name])
        if name in self.function.__code__.co_varnames or name in self.function.__code__.co_cellvars:
            raise UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")
        found = self.guarding.entry(self.function.__globals__, name)
        if found is not ABSENT:
            return found
        if name in BUILTINS:
            return self.guarding.entry(BUILTINS, name)
        raise NameError(f"name '{name}' is not defined")

    def of_Attribute(self, e: ast.Attribute) -> Any:
        return self.attribute(self.value(e.value), e.attr)

    def attribute(self, obj: Any, name: str) -> Any:
        if isinstance(obj, TensorBase):
            return self._of_tensor(obj, name)
        if isinstance(obj, Super):
            return self._of_super(obj, name)
        found = self.guarding.attribute(self.plain(obj), name)
        if isinstance(found, property) and not isinstance(obj, type):
            return self.caller.call(found.fget, (obj,), {})
        return found

    def _of_super(self, obj: Super, name: str) -> Any:
        mro = type(obj.obj).__mro__
        for base in mro[mro.index(obj.cls) + 1 :]:
            if name in vars(base):
                raw = vars(base)[name]
                self.guarding.add(ATTRIBUTE, base, name, raw)
                if not isinstance(raw, FunctionType):
                    self.refuse(f"super().{name} is no function")
                return raw.__get__(obj.obj)
        self.refuse(f"super().{name} is missing")
        return getattr(super(obj.cls, obj.obj), name)

    def _of_tensor(self, tensor: Any, name: str) -> Any:
        if name in ("T", "mT", "H", "mH"):
            return self.caller.recorder.operation(getattr, (tensor, name), {})
        if name == "_array":
            return tensor._array  # of which only the looks may be read, see guarding.py
        if name == "_edge":
            return None if tensor._edge is None else _RECORDED
        found = getattr(tensor, name)
        if name in LOOKS or name in NUMBERS or isinstance(found, MethodType):
            return found
        self.refuse(f"Tensor.{name} is read")
        return found

    def of_Call(self, e: ast.Call) -> Any:
        if isinstance(e.func, ast.Name) and e.func.id == "super" and not e.args:
            return self._super()
        function = self.value(e.func)
        args: list[Any] = []
        for each in e.args:
            if isinstance(each, ast.Starred):
                args += self.caller.iterate(self.value(each.value))
            else:
                args.append(self.value(each))
        kwargs: dict[str, Any] = {}
        for keyword in e.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif self.guarding.is_fresh(value):
                kwargs.update(value)
            else:
                self.guarding.items(value)
                kwargs.update(value)
        return self.caller.call(function, tuple(args), kwargs)

    def _super(self) -> Any:
        """`super()`: the method's class is in a cell, its object is the first argument."""
        first = self.local[self.function.__code__.co_varnames[0]]
        return Super(self.guarding.cell(self.cells["__class__"]), first)

    def of_BinOp(self, e: ast.BinOp) -> Any:
        return self.binary(BINARY[type(e.op).__name__], self.value(e.left), self.value(e.right))

    def binary(self, function: Any, left: Any, right: Any) -> Any:
        left, right = self.plain(left), self.plain(right)
        if isinstance(left, TensorBase) or isinstance(right, TensorBase):
            if function in RAISING and all(_is_whole(each) for each in (left, right)):
                self.refuse(f"{function.__name__} of integers, which may raise")
            return self.caller.recorder.operation(function, (left, right), {})
        result = function(left, right)
        for each in (left, right):
            if not isinstance(each, (*PLAIN, tuple, list)):
                self.refuse(f"an operator is applied to a {type(each).__name__}")
            elif isinstance(each, list) and not self.guarding.is_fresh(each):
                self.guarding.items(each)
            if result is each and isinstance(each, list) and not self.guarding.is_own(each):
                self.refuse("a list is changed in place")
        return self.guarding.made(result) if isinstance(result, list) else result

    def of_UnaryOp(self, e: ast.UnaryOp) -> Any:
        value = self.value(e.operand)
        if isinstance(e.op, ast.Not):
            return not self.truth(value)
        if isinstance(value, TensorBase):
            return self.caller.recorder.operation(UNARY[type(e.op).__name__], (value,), {})
        value = self.plain(value)
        if not isinstance(value, PLAIN):
            self.refuse(f"an operator is applied to a {type(value).__name__}")
        return UNARY[type(e.op).__name__](value)

    def of_BoolOp(self, e: ast.BoolOp) -> Any:
        wanted = isinstance(e.op, ast.Or)
        value: Any = None
        for each in e.values:
            value = self.value(each)
            if each is not e.values[-1] and self.truth(value) is wanted:
                return value
        return value

    def of_IfExp(self, e: ast.IfExp) -> Any:
        return self.value(e.body if self.truth(self.value(e.test)) else e.orelse)

    def of_Compare(self, e: ast.Compare) -> Any:
        left = self.value(e.left)
        result: Any = True
        for place, (op, right_node) in enumerate(zip(e.ops, e.comparators)):
            right = self.value(right_node)
            result = self.compare(op, left, right)
            if place + 1 < len(e.ops) and not self.truth(result):
                return result
            left = right
        return result

    def compare(self, op: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(op, (ast.Is, ast.IsNot)):
            return (left is right) is isinstance(op, ast.Is)
        if isinstance(op, (ast.In, ast.NotIn)):
            left, right = self.plain(left), self.plain(right)
            self._check_members(left, right)
            return (left in right) is isinstance(op, ast.In)
        function = COMPARE[type(op).__name__]
        if isinstance(left, TensorBase) or isinstance(right, TensorBase):
            return self.caller.recorder.operation(function, (self.plain(left), self.plain(right)), {})
        left, right = self.plain(left), self.plain(right)
        for each in (left, right):
            self.guarding.deep(each)
            self._check_comparable(each)
        return function(left, right)

    def _check_comparable(self, value: Any) -> None:
        for each in leaves([value]):
            if not isinstance(each, (*PLAIN, type)):
                self.refuse(f"a {type(each).__name__} is compared")

    def _check_members(self, left: Any, right: Any) -> None:
        """`left in right`: all that may be compared must be plain."""
        if not isinstance(right, (str, bytes, tuple, list, dict, set, frozenset, range)):
            self.refuse(f"membership in a {type(right).__name__} is asked")
            return
        self.guarding.deep(right)
        for each in (left, *(right if isinstance(right, (tuple, list, dict, set, frozenset)) else ())):
            self._check_comparable(each)

    def truth(self, value: Any) -> bool:
        """Whether a value counts as true; only what is under guard may decide."""
        if isinstance(value, (TensorBase, Deferred)):
            self.refuse("the elements of a tensor decide what happens next")
            return bool(self.plain(value))
        if isinstance(value, (list, dict, set)) and not self.guarding.is_fresh(value):
            self.guarding.length(value)
        elif isinstance(value, Module) and hasattr(type(value), "__len__"):
            return bool(self.caller.call(self.attribute(value, "__len__"), (), {}))
        elif not isinstance(value, (*PLAIN, tuple, list, dict, set)) and any(
            hasattr(type(value), name) for name in ("__bool__", "__len__")
        ):
            self.refuse(f"the truth of a {type(value).__name__} decides what happens next")
        return bool(value)

    def plain(self, value: Any) -> Any:
        """A value that is about to be computed with: a number read from a tensor would differ in a replay."""
        if deferred(value):
            self.refuse("a number read from a tensor is used in Python")
            return bare(value)
        return value

    def of_Tuple(self, e: ast.Tuple) -> Any:
        return tuple(self._elements(e.elts))

    def of_List(self, e: ast.List) -> Any:
        return self.guarding.made(self._elements(e.elts))

    def _elements(self, nodes: list[ast.expr]) -> list[Any]:
        found: list[Any] = []
        for each in nodes:
            if isinstance(each, ast.Starred):
                found += self.caller.iterate(self.value(each.value))
            else:
                found.append(self.value(each))
        return found

    def of_Dict(self, e: ast.Dict) -> Any:
        made: dict[Any, Any] = {}
        for key, value in zip(e.keys, e.values):
            if key is None:
                more = self.value(value)
                if not self.guarding.is_fresh(more):
                    self.guarding.items(more)
                made.update(more)
            else:
                made[self.plain(self.value(key))] = self.value(value)
        return self.guarding.made(made)

    def of_Slice(self, e: ast.Slice) -> Any:
        return slice(*(None if each is None else self.plain(self.value(each)) for each in (e.lower, e.upper, e.step)))

    def of_Subscript(self, e: ast.Subscript) -> Any:
        container, index = self.value(e.value), self.value(e.slice)
        return self.caller.item(container, index)

    def of_JoinedStr(self, e: ast.JoinedStr) -> str:
        return "".join(str(self.value(each)) for each in e.values)

    def of_FormattedValue(self, e: ast.FormattedValue) -> str:
        value = self.plain(self.value(e.value))
        if not isinstance(value, (*PLAIN, tuple)):
            self.refuse(f"a {type(value).__name__} is made into text")
        if e.conversion >= 0:
            value = _CONVERSIONS[chr(e.conversion)](value)
        return format(value, "" if e.format_spec is None else self.value(e.format_spec))

    # ----------------------------------------------------------------------------------------------- comprehensions

    def of_ListComp(self, e: ast.ListComp) -> Any:
        inner = self._scope()
        return self.guarding.made([inner.value(e.elt) for _ in inner.rounds(e.generators)])

    def of_GeneratorExp(self, e: ast.GeneratorExp) -> Any:
        inner = self._scope()
        return self.guarding.made(inner.value(e.elt) for _ in inner.rounds(e.generators))

    def of_DictComp(self, e: ast.DictComp) -> Any:
        inner = self._scope()
        return self.guarding.made(
            {inner.plain(inner.value(e.key)): inner.value(e.value) for _ in inner.rounds(e.generators)}
        )

    def _scope(self) -> Frame:
        """A frame for the names of a comprehension, which sees those of this one."""
        return Frame(self.caller, self.function, ChainMap({}, self.local))

    def rounds(self, generators: list[ast.comprehension]) -> Any:
        """Once for each round of the loops of a comprehension, with its names bound."""
        if not generators:
            yield
            return
        first, *rest = generators
        for each in self.caller.iterate(self.value(first.iter)):
            self.assign(first.target, each)
            if all(self.truth(self.value(test)) for test in first.ifs):
                yield from self.rounds(rest)


def _is_whole(value: Any) -> bool:
    """Whether a value is an integer, or a tensor of such."""
    return value._array.dtype.kind in "iub" if isinstance(value, TensorBase) else isinstance(value, int)


def _as_read(target: ast.expr) -> ast.expr:
    """The target of `x += y` as an expression."""
    return ast.parse(ast.unparse(target), mode="eval").body


__all__ = ["Frame", "Super", "unreadable"]
