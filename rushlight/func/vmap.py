"""`vmap`: a function of one example, mapped over a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops, random
from ..autograd.tape import TensorBase
from ..batching.mapping import Map, Unmap, is_batched
from ..batching.operators import batching
from ..errors import ArgumentError, OperatorError
from ..pytree import LEAF, TreeSpec, spread, tree_flatten

Func = Callable[..., Any]


def _name(func: Any) -> str:
    if isinstance(func, functools.partial):
        return f"functools.partial({_name(func.func)}, ...)"
    return getattr(func, "__name__", repr(func))


def vmap(
    func: Func,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Func:
    """`func` mapped over a dimension of its arguments: as a loop over the examples, but computed for all at once.

    Inside `func` a tensor has the shape of one example. Operators compute on the whole batch; those that cannot are run
    once for each example. What depends on a single example's values, such as `if x > 0` or `x.item()`, raises.

    Args:
        func: takes and returns Tensors, or nests of them.
        in_dims: the dimension to map over: an int for all arguments, or a tuple with an int, None (not mapped) or a
            nest of them for each argument.
        out_dims: where the mapped dimension is put in the results; an int or a nest of them.
        randomness: 'error' lets random operators raise, 'same' draws once for all examples, 'different' for each.
        chunk_size: examples computed at once; None computes all.

    Raises:
        ValueError: dimensions that do not fit the arguments or results, or sizes that differ.
        RuntimeError: another `randomness`; a value of a single example is asked for.

    Example:
        >>> dot = lambda a, b: (a * b).sum()
        >>> vmap(dot, in_dims=(0, None))(rushlight.ones(3, 2), rushlight.ones(2))
        tensor([2., 2., 2.])
    """
    if randomness not in ("error", "different", "same"):
        raise OperatorError(
            f"vmap: Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if not (chunk_size is None or chunk_size > 0):
        raise ArgumentError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        _check_out_dims(out_dims, func)
        leaves, dims, structure = _inputs(func, in_dims, args)
        call = functools.partial(func, **kwargs)
        if chunk_size is None:
            return _map(call, func, leaves, dims, structure, out_dims, randomness)
        return _in_chunks(call, func, leaves, dims, structure, out_dims, randomness, chunk_size)

    return mapped


def _check_out_dims(out_dims: Any, func: Func) -> None:
    if not all(dim is None or isinstance(dim, int) for dim in tree_flatten(out_dims)[0]):
        raise ArgumentError(
            f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
            "ints representing where in the outputs the vmapped dimension should appear."
        )


def _inputs(func: Func, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], list[Any], TreeSpec]:
    """The leaves of the arguments, the dimension that each is mapped over, and the arguments' structure."""
    start = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ArgumentError(
            f"{start}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ArgumentError(
            f"{start}got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no "
            "inputs. The latter is unsupported."
        )
    leaves, structure = tree_flatten(args)
    dims = spread(in_dims, structure)
    if dims is None:
        raise ArgumentError(
            f"{start}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {structure}."
        )
    return leaves, [_in_dim(start, leaf, dim) for leaf, dim in zip(leaves, dims, strict=True)], structure


def _in_dim(start: str, leaf: Any, dim: Any) -> int | None:
    """The dimension over which one argument is mapped, counted from the front."""
    if dim is None:
        return None
    start = f"{start}Got in_dim={dim} for an input but "
    if not isinstance(dim, int):
        raise ArgumentError(f"{start}in_dim must be either an integer dimension or None.")
    if not isinstance(leaf, TensorBase):
        raise ArgumentError(
            f"{start}the input is of type {type(leaf)}. We cannot vmap over non-Tensor arguments, please use None as "
            "the respective in_dim"
        )
    ndim = leaf._array.ndim
    if not -ndim <= dim < ndim:
        raise ArgumentError(
            f"{start}that input is a Tensor of dimensionality {ndim} so expected in_dim to satisfy -{ndim} <= in_dim < "
            f"{ndim}."
        )
    return dim % ndim


def _size(leaves: Sequence[Any], dims: Sequence[Any]) -> int:
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ArgumentError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ArgumentError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return int(sizes[0])


def _map(
    call: Func, func: Func, leaves: Sequence[Any], dims: Sequence[Any], structure: TreeSpec, out_dims: Any, mode: str
) -> Any:
    """`call` on all examples at once."""
    with batching(_size(leaves, dims), mode) as level:
        inside = [x if dim is None else Map.apply(x, level, dim) for x, dim in zip(leaves, dims, strict=True)]
        out = call(*structure.unflatten(inside))
        flat, out_structure = tree_flatten(out)
        places = _out_places(func, out_dims, out_structure)
        results = [_outside(func, x, dim, level) for x, dim in zip(flat, places, strict=True)]
    return out_structure.unflatten(results)


def _out_places(func: Func, out_dims: Any, structure: TreeSpec) -> list[Any]:
    """The dimension of each result that the batch becomes."""
    single = structure is LEAF and isinstance(out_dims, tuple) and len(out_dims) == 1
    places = list(out_dims) if single else spread(out_dims, structure)
    if places is None:
        raise ArgumentError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure "
            f"of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {structure}."
        )
    return places


def _outside(func: Func, x: Any, dim: int | None, level: Any) -> Any:
    """A result as the caller of the mapped function gets it."""
    name = _name(func)
    if dim is None:
        if isinstance(x, TensorBase) and is_batched(x, level):
            raise ArgumentError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return x
    if not isinstance(x, TensorBase):
        raise ArgumentError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean to set out_dims= "
            "to None for output?"
        )
    rank = x._array.ndim + 1
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    return Unmap.apply(x, level, dim % rank)


def _in_chunks(
    call: Func,
    func: Func,
    leaves: Sequence[Any],
    dims: Sequence[Any],
    structure: TreeSpec,
    out_dims: Any,
    mode: str,
    chunk_size: int,
) -> Any:
    """`call` on some examples at a time; the results are joined."""
    size = _size(leaves, dims)
    state = random.get_rng_state() if mode == "same" else None
    chunks = []
    for start in range(0, size, chunk_size):
        if state is not None:
            random.set_rng_state(state)
        count = min(chunk_size, size - start)
        part = [x if d is None else x.narrow(d, start, count) for x, d in zip(leaves, dims, strict=True)]
        chunks.append(tree_flatten(_map(call, func, part, dims, structure, out_dims, mode)))
    if not chunks:
        return _map(call, func, leaves, dims, structure, out_dims, mode)
    out_structure = chunks[0][1]
    places = _out_places(func, out_dims, out_structure)
    columns = zip(*[flat for flat, _ in chunks], strict=True)
    joined = [column[0] if d is None else ops.cat(list(column), d) for column, d in zip(columns, places, strict=True)]
    return out_structure.unflatten(joined)
