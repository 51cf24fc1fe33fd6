"""Derivatives of functions that return derivatives: grad, vjp, jvp, jacobians, composable with each other and `vmap`.

Each runs the function on fresh tensors (new leaves, or views of what is itself being differentiated outside) and walks
back from its results. A walk is recorded only if something outside depends on it: an outer transform, or a tensor that
requires grad. Derivatives in forward mode are two walks, see `push_forward`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..autograd.forward_ad import Level, dual, outside, running, tangents
from ..autograd.functional import fresh, gradients, push_forward
from ..autograd.grad_mode import enable_grad, is_grad_enabled, set_grad_enabled
from ..autograd.tape import Operator, TensorBase, tick, wrap
from ..autograd.walk import discover, on_the_way
from ..errors import ArgumentError, OperatorError
from ..pytree import TreeSpec, tree_flatten, tree_leaves
from .vmap import vmap

Func = Callable[..., Any]
Argnums = int | tuple[int, ...]


# ----------------------------------------------------------------------------------------------- running the function


class Run:
    """A function's results on fresh tensors.

    Attributes:
        inputs: the fresh tensors, the leaves of the differentiated arguments, which carry `tangents` if there are any;
            `structure` puts them together.
        outputs: the leaves of the results; `out_structure` puts them together.
        aux: what came beside them, with `has_aux`.
    """

    def __init__(
        self,
        name: str,
        func: Func,
        args: tuple[Any, ...],
        nums: Any,
        has_aux: bool,
        kwargs: Any = None,
        tangents: Sequence[Any] | None = None,
    ) -> None:
        self.level = Level()
        self.recording = is_grad_enabled()
        self.start = tick()
        flat, self.structure = tree_flatten(args if nums is None else _pick(args, nums))
        for leaf in flat:
            if not isinstance(leaf, TensorBase):
                raise ArgumentError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")
        with enable_grad(), running(self.level):
            if tangents is None:
                self.inputs = fresh(tuple(flat), self.recording, True)
            else:
                self.inputs = tuple(self._dual(x, t) for x, t in zip(flat, tangents, strict=True))
            given = self.structure.unflatten(self.inputs)
            out: Any = func(*(given if nums is None else _replaced(args, given, nums)), **(kwargs or {}))
        if has_aux and not (isinstance(out, tuple) and len(out) == 2):
            raise OperatorError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
        self.aux: Any
        out, self.aux = out if has_aux else (out, None)
        self.result = out
        self.outputs, self.out_structure = tree_flatten(out)
        self.reaches_out = self.recording and any(self._reach_out(self.outputs))

    def _dual(self, x: Any, tangent: Any) -> Any:
        return dual(x if self.recording else x.detach(), tangent.to(x.dtype), self.level)

    def _reach_out(self, tensors: Sequence[Any]) -> list[bool]:
        """Of each tensor, whether it depends on something that requires grad outside of the function."""
        edges = [getattr(t, "_edge", None) for t in tensors]
        order, found = discover([edge for edge in edges if isinstance(edge, Operator)])
        wanted = {each for each in (*order, *found, *edges) if outside(each, self.start)}
        reaching = on_the_way(order, wanted) | wanted if wanted else set()
        return [edge in reaching for edge in edges]

    def released(self, values: Sequence[Any]) -> list[Any]:
        """Tensors as the caller gets them: without what the fresh leaves recorded."""
        keep = self._reach_out(values) if self.recording else [False] * len(values)
        return [
            wrap(v._array) if isinstance(v, TensorBase) and v._edge is not None and not k else v
            for v, k in zip(values, keep, strict=True)
        ]

    def result_and_aux(self) -> tuple[Any, Any]:
        """The function's results as the caller gets them."""
        flat, structure = tree_flatten((self.result, self.aux))
        result, aux = structure.unflatten(self.released(flat))
        return result, aux

    def pulled(self, cotangents: Sequence[Any] | None, retain: bool | None, create: bool) -> list[Any]:
        """J^T v for each input."""
        found = gradients(self.outputs, self.inputs, cotangents, create, retain)
        return self.released([_zeros(x) if g is None else g for g, x in zip(found, self.inputs, strict=True)])


def _zeros(like: Any) -> Any:
    return wrap(np.zeros_like(like._array))


def _tracked(tensors: Sequence[Any]) -> bool:
    return any(t._edge is not None for t in tensors)


def _check_tensors(name: str, outputs: Sequence[Any], differentiable: bool) -> None:
    if not outputs:
        raise OperatorError(f"{name}: Expected f to be a function that has non-empty output (got output = {outputs})")
    for out in outputs:
        if not isinstance(out, TensorBase):
            raise OperatorError(
                f"{name}: expected f(*primals) to return only tensors, got unsupported type {type(out)}"
            )
        if differentiable and out._array.dtype.kind in "iub":
            raise OperatorError(
                f"{name}: All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {out.dtype}"  # type: ignore[attr-defined]
            )


# -------------------------------------------------------------------------------------------------- chosen arguments


def _places(nums: Argnums, count: int) -> tuple[int, ...]:
    """The positions of the chosen arguments, counted from the front."""
    many = (nums,) if isinstance(nums, int) else nums
    if not isinstance(many, tuple) or not all(isinstance(n, int) for n in many):
        raise OperatorError(f"argnums must be int or Tuple[int, ...], got: {nums!r}")
    if not many:
        raise OperatorError("argnums must be non-empty")
    for n in many:
        if not -count <= n < count:
            raise OperatorError(f"Got argnum={n}, but only {count} positional inputs")
    places = tuple(n % count for n in many)
    if len(set(places)) < len(places):
        raise OperatorError(f"argnums elements must be unique, got {nums}")
    return places


def _pick(args: tuple[Any, ...], nums: Argnums) -> Any:
    """The chosen argument, or a tuple of them."""
    places = _places(nums, len(args))
    return args[places[0]] if isinstance(nums, int) else tuple(args[i] for i in places)


def _replaced(args: tuple[Any, ...], given: Any, nums: Argnums) -> list[Any]:
    """The arguments with others in the chosen places."""
    changed = list(args)
    for place, value in zip(_places(nums, len(args)), (given,) if isinstance(nums, int) else given, strict=True):
        changed[place] = value
    return changed


# ------------------------------------------------------------------------------------------------------------ reverse


def grad_and_value(func: Func, argnums: Argnums = 0, has_aux: bool = False) -> Func:
    """A function that returns the gradient of a scalar `func` and its value.

    Args:
        func: returns a scalar Tensor; with `has_aux` a tuple of that and anything else.
        argnums: by which argument or arguments to differentiate; each is a Tensor or a nest of Tensors.
        has_aux: the value comes back as (value, aux).

    Raises:
        RuntimeError: `func` returns something else; argnums do not fit.

    Example:
        >>> grad_and_value(lambda x: (x * x).sum())(rushlight.tensor([1., 2.]))
        (tensor([2., 4.]), tensor(5.))
    """

    @functools.wraps(func)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = Run("grad_and_value(f)(*args)", func, args, argnums, has_aux, kwargs)
        value = run.result
        if not isinstance(value, TensorBase):
            raise OperatorError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(value)}")
        if value._array.ndim:
            raise OperatorError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                f"{value._array.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        found = run.structure.unflatten(run.pulled(None, None, run.reaches_out))
        result, aux = run.result_and_aux()
        return found, (result, aux) if has_aux else result

    return differentiated


def grad(func: Func, argnums: Argnums = 0, has_aux: bool = False) -> Func:
    """A function that returns the gradient of a scalar `func`; see `grad_and_value`. With `has_aux` it returns
    (gradient, aux).

    Example:
        >>> cube = lambda x: x ** 3
        >>> grad(grad(cube))(rushlight.tensor(2.))
        tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return differentiated


def vjp(func: Func, *primals: Any, has_aux: bool = False) -> Any:
    """The results of `func` and a function v -> v^T J, J being its Jacobian at `primals`.

    Args:
        primals: Tensors, or nests of them.
        has_aux: `func` returns (results, aux); aux is returned third.

    Returns:
        (results, pull_back[, aux]); pull_back takes what the results look like and returns a tuple, one entry per
        primal.

    Raises:
        RuntimeError: results that are no floating Tensors; a v of another structure or shape.

    Example:
        >>> results, pull_back = vjp(lambda x: x * x, rushlight.tensor([1., 2.]))
        >>> pull_back(rushlight.ones(2))
        (tensor([2., 4.]),)
    """
    return _vjp(func, primals, None, has_aux)


def _vjp(func: Func, primals: tuple[Any, ...], nums: Argnums | None, has_aux: bool) -> Any:
    run = Run("vjp(f, *primals)", func, primals, nums, has_aux)
    _check_tensors("vjp(f, *primals)", run.outputs, True)

    def pull_back(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        flat, structure = tree_flatten(cotangents)
        if structure != run.out_structure:
            raise OperatorError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {structure}, primal output: {run.out_structure}"
            )
        create = is_grad_enabled() if create_graph is None else create_graph
        create = create and (run.reaches_out or _tracked(flat))
        return run.structure.unflatten(run.pulled(flat, retain_graph, create))

    results, aux = run.result_and_aux()
    return (results, pull_back, aux) if has_aux else (results, pull_back)


# ------------------------------------------------------------------------------------------------------------ forward


def jvp(func: Func, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The results of `func` and the product J v of its Jacobian at `primals` with `tangents`.

    Args:
        primals: a tuple of Tensors, or of nests of them; `tangents` has the same structure and shapes.
        strict: raise where a result does not depend on the primals, instead of giving zeros.
        has_aux: `func` returns (results, aux); aux is returned third.

    Raises:
        RuntimeError: structures that differ, results that are no Tensors.

    Example:
        >>> jvp(lambda x: x * x, (rushlight.tensor([1., 2.]),), (rushlight.ones(2),))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    return _jvp(func, primals, tangents, None, strict, has_aux)


def _jvp(func: Func, primals: Any, tangents: Any, nums: Argnums | None, strict: bool, has_aux: bool) -> Any:
    name = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise OperatorError(f"{name}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    flat = _checked_tangents(
        name, tree_flatten(primals if nums is None else _pick(primals, nums)), tree_flatten(tangents)
    )
    run = Run(name, func, primals, nums, has_aux, tangents=flat)
    _check_tensors(name, run.outputs, False)
    products = _carried(run, strict)
    results, aux = run.result_and_aux()
    found = run.out_structure.unflatten(products)
    return (results, found, aux) if has_aux else (results, found)


def _checked_tangents(name: str, primals: tuple[list[Any], TreeSpec], tangents: tuple[list[Any], TreeSpec]) -> Any:
    (points, structure), (flat, given) = primals, tangents
    if given != structure:
        raise OperatorError(
            f"{name}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {structure} and tangents with "
            f"structure {given}"
        )
    if not points:
        raise OperatorError(f"{name}: Expected primals to contain at least one Tensor.")
    for what, values in (("primals", points), ("tangents", flat)):
        for value in values:
            if not isinstance(value, TensorBase):
                raise OperatorError(f"{name}: Expected {what} to only contain Tensors, got {type(value)}")
    for point, tangent in zip(points, flat, strict=True):
        if point.shape != tangent.shape:
            raise OperatorError(
                f"{name}: Expected tangent to have the same shape as its primal, got {tuple(tangent.shape)} and "
                f"{tuple(point.shape)}"
            )
    return tuple(flat)


def _carried(run: Run, strict: bool) -> list[Any]:
    """The tangents of the results; zeros for results that depend on none of the inputs, or have no derivative."""
    with set_grad_enabled(run.recording):
        found = tangents(run.outputs, run.level)
    if strict and any(t is None for t in found):
        raise OperatorError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
            "with strict=True."
        )
    return [_zeros(out) if t is None else t for out, t in zip(run.outputs, found, strict=True)]


def _pushed(run: Run, vectors: tuple[Any, ...]) -> list[Any]:
    """J v for each result, at any time after the run."""
    found = [_zeros(out) for out in run.outputs]
    moving = [i for i, out in enumerate(run.outputs) if out._edge is not None]
    if moving:
        outputs = tuple(run.outputs[i] for i in moving)
        create = run.recording and (run.reaches_out or _tracked(vectors))
        with enable_grad():
            products = push_forward(outputs, run.inputs, vectors, create, False)
        for i, product in zip(moving, products, strict=True):
            found[i] = product
    return found if run.recording else [t.detach() for t in found]


def linearize(func: Func, *primals: Any) -> tuple[Any, Func]:
    """The results of `func` and the linear function v -> J v at `primals`, which runs `func` no more.

    Example:
        >>> results, push = linearize(lambda x: x * x, rushlight.tensor([1., 2.]))
        >>> push(rushlight.ones(2))
        tensor([2., 4.])
    """
    run = Run("linearize(f, *primals)", func, primals, None, False)
    _check_tensors("linearize(f, *primals)", run.outputs, False)

    def push(*tangents: Any) -> Any:
        flat = _checked_tangents("linearize(f, *primals)", tree_flatten(primals), tree_flatten(tangents))
        return run.out_structure.unflatten(_pushed(run, flat))

    return run.result_and_aux()[0], push


# ---------------------------------------------------------------------------------------------------------- jacobians


def _refuse_complex(name: str, values: Any, which: str) -> None:
    for i, leaf in enumerate(tree_leaves(values)):
        if isinstance(leaf, TensorBase) and leaf._array.dtype.kind == "c":
            raise OperatorError(
                f"{name}: Expected all {which} to be real but received complex tensor at flattened input idx: {i}"
            )


def _basis(tensors: Sequence[Any]) -> list[Any]:
    """The unit vectors of the space of these tensors, as (n, *shape) for each tensor, n the number of all elements."""
    sizes = [t.numel() for t in tensors]
    starts = np.cumsum([0, *sizes])
    made = []
    for tensor, start, size in zip(tensors, starts, sizes, strict=False):
        block = np.zeros((int(starts[-1]), size), tensor._array.dtype)
        block[np.arange(start, start + size), np.arange(size)] = 1
        made.append(wrap(block.reshape((int(starts[-1]), *tensor.shape))))
    return made


def _blocks(rows: Any, tensors: Sequence[Any]) -> list[Any]:
    """(n, *other) -> (*tensor.shape, *other) for each of the tensors whose unit vectors the n rows belong to."""
    parts = ops.split(rows, [t.numel() for t in tensors])
    return [part.reshape((*t.shape, *rows.shape[1:])) for part, t in zip(parts, tensors, strict=True)]


def jacrev(
    func: Func,
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Func:
    """A function that returns the Jacobian of `func`, computed by result in reverse mode.

    Args:
        func: returns a Tensor or a nest of Tensors.
        argnums: by which argument or arguments; the Jacobian has a tuple for a tuple.
        has_aux: `func` returns (results, aux), and so does the new function.
        chunk_size: elements of the results whose rows are computed at once; None computes all.

    Returns:
        For each result and each argument a Tensor of shape (*result.shape, *argument.shape).

    Raises:
        RuntimeError: complex arguments or results, argnums that do not fit. ValueError: a chunk_size below 1.

    Example:
        >>> jacrev(lambda x: x * x)(rushlight.tensor([1., 2.]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ArgumentError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        _refuse_complex("jacrev", args, "inputs")
        out, pull_back, *aux = _vjp(func, args, argnums, has_aux)
        _refuse_complex("jacrev", out, "outputs")
        outputs, out_structure = tree_flatten(out)
        in_structure = tree_flatten(_pick(args, argnums))[1]
        rows = vmap(pull_back, chunk_size=chunk_size)(out_structure.unflatten(_basis(outputs)))
        by_input = [_blocks(each, outputs) for each in tree_leaves(rows)]
        found = out_structure.unflatten([in_structure.unflatten(blocks) for blocks in zip(*by_input, strict=True)])
        return (found, aux[0]) if has_aux else found

    return jacobian


def jacfwd(func: Func, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Func:
    """A function that returns the Jacobian of `func`, computed by argument as products J v; see `jacrev`.

    Args:
        randomness: as for `vmap`, over the elements of the arguments.
    """

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        _refuse_complex("jacfwd", args, "inputs")
        inputs, in_structure = tree_flatten(_pick(args, argnums))

        def push(*basis: Any) -> Any:
            out, product, *aux = _jvp(func, args, in_structure.unflatten(basis), argnums, False, has_aux)
            _refuse_complex("jacfwd", out, "outputs")
            return product, aux

        columns, aux = vmap(push, randomness=randomness)(*_basis(inputs))
        flat, out_structure = tree_flatten(columns)
        found = out_structure.unflatten(
            [
                in_structure.unflatten([_turned(b, x) for b, x in zip(_blocks(c, inputs), inputs, strict=True)])
                for c in flat
            ]
        )
        if not has_aux:
            return found
        flat_aux, aux_structure = tree_flatten(aux[0])
        return found, aux_structure.unflatten([each[0] for each in flat_aux])

    return jacobian


def _turned(block: Any, x: Any) -> Any:
    """(*x.shape, *result.shape) -> (*result.shape, *x.shape)"""
    n = x.ndim
    return block.permute((*range(n, block.ndim), *range(n)))


def hessian(func: Func, argnums: Argnums = 0) -> Func:
    """A function that returns the Hessian of `func`: the Jacobian of its Jacobian.

    Example:
        >>> hessian(lambda x: (x ** 3).sum())(rushlight.tensor([1., 2.]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
