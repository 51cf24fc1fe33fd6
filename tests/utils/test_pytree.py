"""Nested containers taken apart and put together, as torch.utils._pytree does it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest
from both import same

import rushlight
from rushlight.pytree import LEAF, spread, tree_flatten
from rushlight.utils import _pytree

Pair = namedtuple("Pair", "first second")

NESTS: list[Any] = [
    1,
    None,
    (),
    [],
    {},
    (1, [2, {"a": 3}]),
    [Pair(1, (2, 3)), OrderedDict(b=1, a=[2])],
    {"d": deque([1, (2,)], 3), "e": defaultdict(list, x=[1], y=2)},
]


@pytest.mark.parametrize("nest", NESTS, ids=repr)
def test_round_trip(nest: Any) -> None:
    def scenario(lib: Any) -> Any:
        p = lib.utils._pytree
        flat, spec = p.tree_flatten(nest)
        again = p.tree_unflatten(flat, spec)
        assert again == nest and type(again) is type(nest) and p.tree_structure(again) == spec
        return flat, repr(spec), spec.num_leaves, spec.num_nodes, spec.num_children, spec.is_leaf()

    same(scenario)


NEST = {"a": (1, [2]), "b": Pair(3, "x")}
CALLS: dict[str, Any] = {
    "map": lambda p: p.tree_map(lambda x: x * 2, NEST),
    "map of two": lambda p: p.tree_map(lambda x, y: (x, y), {"a": 1, "b": [2]}, {"b": [(3, 4)], "a": 5}),
    "map, another length": lambda p: p.tree_map(lambda x, y: x, [1, 2], [1]),
    "map, another container": lambda p: p.tree_map(lambda x, y: x, [1, 2], (1, 2)),
    "map, other keys": lambda p: p.tree_map(lambda x, y: x, {"a": 1}, {"b": 1}),
    "map_only": lambda p: p.tree_map_only(int, lambda x: -x, NEST),
    "map_only, a predicate": lambda p: p.tree_map_only(lambda x: x == "x", str.upper, NEST),
    "map_": lambda p: (seen := [], p.tree_map_(seen.append, NEST), p.tree_map_only_(str, seen.append, NEST)),
    "leaves": lambda p: (p.tree_leaves(NEST), list(p.tree_iter(NEST))),
    "is_leaf": lambda p: p.tree_flatten(NEST, is_leaf=lambda x: isinstance(x, tuple))[0],
    "questions": lambda p: (
        p.tree_all(bool, NEST),
        p.tree_any(callable, NEST),
        p.tree_all_only(int, lambda x: x > 0, NEST),
        p.tree_any_only(str, str.isupper, NEST),
    ),
    "too few leaves": lambda p: p.tree_unflatten([1], p.tree_structure([1, 2])),
    "spread": lambda p: [
        p._broadcast_to_and_flatten(tree, p.tree_structure(((1, 2), {"x": 3, "y": [4]})))
        for tree in (0, (0, {"x": 2, "y": 1}), (None, 1), (0, 1, 2), ([0, 0], 1), (0, {"x": 1}))
    ],
    "sizes": lambda p: p.tree_flatten((0, [1]))[1] == p.tree_flatten((5, [None]))[1] != p.tree_flatten((5, None))[1],
}


@pytest.mark.parametrize("name", CALLS)
def test_functions(name: str) -> None:
    same(lambda lib: CALLS[name](lib.utils._pytree), message=False)


def test_a_size_is_a_container() -> None:
    same(lambda lib: lib.utils._pytree.tree_map(lambda n: n + 1, lib.ones(2, 3).shape))


def test_a_class_of_ones_own() -> None:
    class Box:
        def __init__(self, inside: Any) -> None:
            self.inside = inside

    def scenario(lib: Any) -> Any:
        p = lib.utils._pytree
        p.register_pytree_node(Box, lambda box: ([box.inside], None), lambda parts, _: Box(*parts))
        return p.tree_map(lambda x: x + 1, Box((1, [2]))).inside

    same(scenario)
    with pytest.raises(ValueError, match="already registered"):
        _pytree.register_pytree_node(Box, lambda box: ([], None), lambda parts, _: Box(None))
    assert rushlight.vmap(lambda box: box.inside[0] * 2)(Box([rushlight.ones(3)])).shape == (3,)


def test_spread() -> None:
    """PyTorch pairs dicts of other orders by position; a name should get what was given for it."""
    assert spread({"y": 2, "x": 1}, tree_flatten({"x": 0, "y": [0, 0]})[1]) == [1, 2, 2]
    assert spread(3, LEAF) == [3] and spread([3], LEAF) is None
    assert tree_flatten(3)[1] is LEAF
