"""Nested containers taken apart into their leaves and put together again, under the names of `torch.utils._pytree`.

    tree_flatten({"w": a, "b": [c, d]})  ->  [a, c, d] and a TreeSpec, which makes the same nest of other leaves

Tuples, lists, dicts, named tuples, deques and what `register_pytree_node` was told about are containers; anything else,
None included, is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .errors import ArgumentError
from .tensor import Size

PyTree = Any
Children = list[Any]
Context = Any  # what a container is beside its children, such as the keys of a dict
IsLeaf = Callable[[Any], bool] | None


# -------------------------------------------------------------------------------------------------------- containers


@dataclass(frozen=True)
class NodeDef:
    """How containers of one class are taken apart and put together."""

    type: Any
    flatten_fn: Callable[[Any], tuple[Children, Context]]
    unflatten_fn: Callable[[Iterable[Any], Context], Any]


SUPPORTED_NODES: dict[Any, NodeDef] = {}


def register_pytree_node(
    cls: Any,
    flatten_fn: Callable[[Any], tuple[Children, Context]],
    unflatten_fn: Callable[[Iterable[Any], Context], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], Any] | None = None,
) -> None:
    """Makes a class a container.

    Args:
        flatten_fn: takes a container apart into (its children, what else is needed to make one).
        unflatten_fn: puts children and that context together.
        serialized_type_name, to_dumpable_context, from_dumpable_context, flatten_with_keys_fn: for saving structures
            and naming leaves, of which there is none here; taken so that registrations written for PyTorch work.

    Raises:
        ValueError: the class is one already.
    """
    if cls in SUPPORTED_NODES:
        raise ArgumentError(f"{cls} is already registered as pytree node. Overwriting the previous registration.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn)


@dataclass(frozen=True)
class MappingKey:
    """Where a leaf is in a dict."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


def dict_flatten(d: dict[Any, Any]) -> tuple[Children, list[Any]]:
    """The values and the keys."""
    return list(d.values()), list(d)


def dict_flatten_with_keys(d: dict[Any, Any]) -> tuple[list[tuple[MappingKey, Any]], list[Any]]:
    """The values, each with its place, and the keys."""
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def dict_unflatten(values: Iterable[Any], keys: list[Any]) -> dict[Any, Any]:
    """The dict of these keys and values."""
    return dict(zip(keys, values, strict=True))


def _items(x: Any) -> tuple[Children, None]:
    return list(x), None


def _register_dict(cls: Any) -> None:
    register_pytree_node(cls, dict_flatten, lambda values, keys: cls(zip(keys, values, strict=True)))


register_pytree_node(tuple, _items, lambda parts, _: tuple(parts))
register_pytree_node(list, _items, lambda parts, _: list(parts))
register_pytree_node(Size, _items, lambda parts, _: Size(parts))
_register_dict(dict)
_register_dict(OrderedDict)
register_pytree_node(
    defaultdict,
    lambda d: (list(d.values()), [d.default_factory, list(d)]),
    lambda values, context: defaultdict(context[0], zip(context[1], values, strict=True)),
)
register_pytree_node(deque, lambda d: (list(d), d.maxlen), lambda parts, maxlen: deque(parts, maxlen))
register_pytree_node(namedtuple, lambda t: (list(t), type(t)), lambda parts, cls: cls(*parts))


def node_type(tree: Any) -> Any:
    """The key in SUPPORTED_NODES of what `tree` is: its class, or `namedtuple` for all that were made by that."""
    cls = type(tree)
    named = cls not in SUPPORTED_NODES and issubclass(cls, tuple) and hasattr(cls, "_fields")
    return namedtuple if named else cls


def _definition(tree: Any, is_leaf: IsLeaf = None) -> NodeDef | None:
    """How `tree` is taken apart; None for a leaf."""
    return None if is_leaf is not None and is_leaf(tree) else SUPPORTED_NODES.get(node_type(tree))


# --------------------------------------------------------------------------------------------------------- structures


@dataclass(frozen=True)
class TreeSpec:
    """The structure of a nest. A leaf has no `type`."""

    type: Any = None
    context: Context = None
    children_specs: list[TreeSpec] = field(default_factory=list)
    definition: NodeDef | None = field(default=None, repr=False, compare=False)

    def is_leaf(self) -> bool:
        return self.type is None

    @property
    def num_children(self) -> int:
        return len(self.children_specs)

    @property
    def num_leaves(self) -> int:
        return 1 if self.is_leaf() else sum(child.num_leaves for child in self.children_specs)

    @property
    def num_nodes(self) -> int:
        return 1 + sum(child.num_nodes for child in self.children_specs)

    def children(self) -> list[TreeSpec]:
        return list(self.children_specs)

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The nest of this structure with these leaves.

        Raises:
            ValueError: there are more or fewer leaves than the structure has.
        """
        given = list(leaves)
        if len(given) != self.num_leaves:
            raise ArgumentError(
                f"treespec.unflatten(leaves): `leaves` has length {len(given)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self._take(iter(given))

    def _take(self, leaves: Iterator[Any]) -> PyTree:
        if self.definition is None:
            return next(leaves)
        return self.definition.unflatten_fn([child._take(leaves) for child in self.children_specs], self.context)

    def __repr__(self, indent: int = 0) -> str:
        if self.is_leaf():
            return "*"
        inside = f",\n{' ' * (indent + 2)}".join([child.__repr__(indent + 2) for child in self.children_specs])
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inside}])"


LEAF = TreeSpec()


def LeafSpec() -> TreeSpec:
    """The structure of a leaf."""
    return LEAF


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a nest, from left to right, and its structure.

    Args:
        is_leaf: says of a container whether it is to be taken as a leaf.

    Example:
        >>> tree_flatten((1, {"a": 2}))[0]
        [1, 2]
    """
    definition = _definition(tree, is_leaf)
    if definition is None:
        return [tree], LEAF
    children, context = definition.flatten_fn(tree)
    flat = [tree_flatten(child, is_leaf) for child in children]
    spec = TreeSpec(definition.type, context, [spec for _, spec in flat], definition)
    return [leaf for leaves, _ in flat for leaf in leaves], spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The nest of this structure with these leaves."""
    return treespec.unflatten(leaves)


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a nest, from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """The leaves of a nest, one by one."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """The structure of a nest."""
    return tree_flatten(tree, is_leaf)[1]


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether this is no container."""
    return _definition(tree, is_leaf) is None


def spread(tree: PyTree, spec: TreeSpec) -> list[Any] | None:
    """A value for each leaf of `spec` from a nest that may stop earlier: a leaf stands for all that is below it. None
    if the nest does not fit."""
    definition = _definition(tree)
    if definition is None:
        return [tree] * spec.num_leaves
    children, context = definition.flatten_fn(tree)
    if definition is not spec.definition or len(children) != spec.num_children:
        return None
    if isinstance(tree, dict):  # by key; torch pairs them by position
        if set(tree) != set(keys := _keys(spec)):
            return None
        children = [tree[key] for key in keys]
    elif context != spec.context:
        return None
    parts = [spread(child, below) for child, below in zip(children, spec.children_specs, strict=True)]
    return None if None in parts else [value for part in parts if part is not None for value in part]


def _keys(spec: TreeSpec) -> list[Any]:
    """The keys of a dict's structure."""
    return spec.context[1] if spec.type is defaultdict else spec.context


# --------------------------------------------------------------------------------------------------- leaf by leaf


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """The same nest with `func(leaf, ...)` for each leaf; further nests, of this structure or deeper, give further
    arguments.

    Raises:
        ValueError: a further nest has another structure.

    Example:
        >>> tree_map(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
        {'x': [11, 22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *[list(_up_to(rest, spec)) for rest in rests]))


def _up_to(tree: PyTree, spec: TreeSpec) -> Iterator[Any]:
    """What `tree` has in the places of the leaves of `spec`."""
    if spec.definition is None:
        yield tree
        return
    if _definition(tree) is not spec.definition:
        raise ArgumentError(f"Type mismatch; expected {spec.type!r}, but got {type(tree)!r}.")
    children, context = spec.definition.flatten_fn(tree)
    if len(children) != spec.num_children:
        raise ArgumentError(f"Node arity mismatch; expected {spec.num_children}, but got {len(children)}.")
    if isinstance(tree, dict):
        if set(tree) != set(keys := _keys(spec)):
            raise ArgumentError(f"Node keys mismatch; expected {list(keys)}, but got {list(tree)}.")
        children = [tree[key] for key in keys]
    elif context != spec.context:
        raise ArgumentError(f"Node context mismatch; expected {spec.context!r}, but got {context!r}.")
    for child, below in zip(children, spec.children_specs, strict=True):
        yield from _up_to(child, below)


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Calls `func(leaf, ...)` for each leaf, for its effect; gives the nest back."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _chooser(kinds: Any) -> Callable[[Any], bool]:
    """Whether a leaf is of these classes, or what a predicate says of it."""
    is_predicate = callable(kinds) and not isinstance(kinds, type)
    return kinds if is_predicate else lambda leaf: isinstance(leaf, kinds)


def tree_map_only(kinds: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """The same nest with `func(leaf)` for each leaf of these classes, or for which a predicate holds."""
    chosen = _chooser(kinds)
    return tree_map(lambda leaf: func(leaf) if chosen(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_map_only_(kinds: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Calls `func(leaf)` for each such leaf, for its effect; gives the nest back. See `tree_map_only`."""
    tree_map_only(kinds, func, tree, is_leaf)
    return tree


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred` holds for every leaf."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred` holds for some leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(kinds: Any, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred` holds for every leaf of these classes."""
    return all(pred(leaf) for leaf in tree_leaves(tree, is_leaf) if isinstance(leaf, kinds))


def tree_any_only(kinds: Any, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred` holds for some leaf of these classes."""
    return any(pred(leaf) for leaf in tree_leaves(tree, is_leaf) if isinstance(leaf, kinds))
