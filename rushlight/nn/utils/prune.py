"""Pruning: a parameter is multiplied by a mask of zeros and ones before each forward.

The parameter is kept as `name_orig`, the mask is the buffer `name_mask`, and a hook computes `name`. Pruning again acts
on what is left (`PruningContainer`).
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from ...ops.like import ones_like, zeros_like
from ...ops.sampling import rand, rand_like
from ...ops.sorting import kthvalue, topk
from ...tensor import Tensor
from .convert_parameters import parameters_to_vector

Amount = Any  # a number of entries (int), or a fraction of them (float)


def _check_scores(scores: Any, tensor: Any, what: str) -> Any:
    if scores is None:
        return tensor
    if scores.shape != tensor.shape:
        raise AssertionError(
            f"importance_scores should have the same shape as {what}, got {scores.shape} vs {tensor.shape}"
        )
    return scores


class BasePruningMethod(ABC):
    """Base of pruning methods: a subclass says which entries go, in `compute_mask`.

    Attributes:
        PRUNING_TYPE: 'unstructured' (any entries), 'structured' (whole slices along `dim`) or 'global'.
    """

    _tensor_name: str
    PRUNING_TYPE: str

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask of t's shape: `default_mask` with further zeros."""

    def apply_mask(self, module: Any) -> Any:
        """The pruned tensor: the original times the mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any) -> Any:
        """Prunes a parameter of the module, in addition to what was pruned of it before."""
        method = cls._joined(module, name, *args, **kwargs)
        original = getattr(module, name)
        scores = _check_scores(importance_scores, original, f"parameter {name} of {module}")
        again = isinstance(method, PruningContainer)
        if again:
            before = getattr(module, name + "_mask").detach().clone()
        else:
            del module._parameters[name]
            module.register_parameter(name + "_orig", original)
            before = ones_like(original)
        try:
            module.register_buffer(name + "_mask", method.compute_mask(scores, default_mask=before))
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if not again:
                del module._parameters[name + "_orig"]
                module.register_parameter(name, original)
            raise
        return method

    @classmethod
    def _joined(cls, module: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """This method for the parameter, behind those that act on it already."""
        hooks = module._forward_pre_hooks
        mine = [k for k, h in hooks.items() if isinstance(h, BasePruningMethod) and h._tensor_name == name]
        if len(mine) > 1:
            raise AssertionError(
                f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a "
                "PruningContainer."
            )
        method = cls(*args, **kwargs)
        method._tensor_name = name
        if not mine:
            return method
        before = hooks.pop(mine[0])
        container = before if isinstance(before, PruningContainer) else PruningContainer(before)
        container.add_pruning_method(method)
        return container

    def prune(self, t: Tensor, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """`t` pruned, without a module."""
        scores = _check_scores(importance_scores, t, "tensor t")
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module: Any) -> None:
        """Makes the pruned tensor an ordinary parameter."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        weight = self.apply_mask(module)
        if hasattr(module, self._tensor_name):
            delattr(module, self._tensor_name)
        original = module._parameters.pop(self._tensor_name + "_orig")
        original.data = weight.detach()
        del module._buffers[self._tensor_name + "_mask"]
        setattr(module, self._tensor_name, original)


class PruningContainer(BasePruningMethod):
    """Several pruning methods of one parameter, each acting on what the one before left."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Adds a method for the same parameter.

        Raises:
            TypeError: no pruning method. ValueError: for another parameter.
        """
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Any) -> Any:
        """The last method's mask on the part that is not pruned yet."""
        method = self._pruning_methods[-1]
        part = _left_over(method, t, default_mask)
        mask = default_mask.to(dtype=t.dtype).clone()
        mask[part] = method.compute_mask(t[part], default_mask=default_mask[part]).to(dtype=mask.dtype)
        return mask


def _left_over(method: Any, t: Any, mask: Any) -> Any:
    """The index of the entries on which a further method may act."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * t.ndim
    if method.PRUNING_TYPE != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    if not hasattr(method, "dim"):
        raise AttributeError('Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.')
    dim = method.dim if method.dim >= 0 else t.ndim + method.dim
    if dim < 0:
        raise IndexError(f"Index is out of bounds for tensor with dimensions {t.ndim}")
    kept = mask.sum(dim=[d for d in range(t.ndim) if d != dim]) != 0
    return tuple(kept if d == dim else slice(None) for d in range(t.ndim))


# ------------------------------------------------------------------------------------------------------- the methods


def _check_amount(amount: Amount) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count(amount: Amount, size: int) -> int:
    """How many of `size` entries go."""
    count = int(amount) if isinstance(amount, numbers.Integral) else round(amount * size)
    if count > size:
        raise ValueError(f"amount={count} should be smaller than the number of parameters to prune={size}")
    return count


def _check_slices(t: Any, dim: int) -> None:
    if t.ndim <= 1:
        raise ValueError(
            f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {t.shape} "
            f"with {t.ndim} dims"
        )
    if dim >= t.ndim:
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _slices(t: Any, dim: int, chosen: Any) -> Any:
    """A mask that keeps the chosen slices along `dim`."""
    mask = zeros_like(t)
    index: list[Any] = [slice(None)] * t.ndim
    index[dim] = chosen
    mask[tuple(index)] = 1
    return mask


class Identity(BasePruningMethod):
    """Prunes nothing: for a parameter that is only to get a mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes entries at random."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Amount) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        count = _count(self.amount, t.numel())
        mask = default_mask.clone().contiguous()
        if count:
            mask.view(-1)[topk(rand_like(t).view(-1), k=count).indices] = 0
        return mask


class L1Unstructured(BasePruningMethod):
    """Prunes the entries of smallest magnitude."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Amount) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        count = _count(self.amount, t.numel())
        mask = default_mask.clone().contiguous()
        if count:
            mask.view(-1)[topk(t.abs().reshape(-1), k=count, largest=False).indices] = 0
        return mask


class RandomStructured(BasePruningMethod):
    """Prunes slices along a dimension at random."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        _check_slices(t, self.dim)
        size = t.shape[self.dim]
        count = _count(self.amount, size)
        if not count:
            return default_mask
        draw = rand(size)
        return _slices(t, self.dim, draw > kthvalue(draw, k=count).values) * default_mask.to(dtype=t.dtype)


class LnStructured(BasePruningMethod):
    """Prunes the slices along a dimension that have the smallest norm of order n."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, n: Any, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        _check_slices(t, self.dim)
        size = t.shape[self.dim]
        count = _count(self.amount, size)
        if not count:
            return default_mask
        norms = t.norm(p=self.n, dim=[d for d in range(t.ndim) if d != self.dim % t.ndim])
        kept = topk(norms, k=size - count, largest=True).indices
        return _slices(t, self.dim, kept) * default_mask.to(dtype=t.dtype)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Any) -> Any:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)


# --------------------------------------------------------------------------------------------------------- functions


def identity(module: Any, name: str) -> Any:
    """Gives a parameter a mask of ones; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Amount) -> Any:
    """Prunes entries of a parameter at random; returns the module.

    Args:
        amount: how many (int), or which fraction (float), of those that are left.

    Raises:
        TypeError, ValueError: amount is no number, or out of range.
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Amount, importance_scores: Any = None) -> Any:
    """Prunes the entries of smallest magnitude of a parameter (or of `importance_scores`); see
    `random_unstructured`."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Amount, dim: int) -> Any:
    """Prunes slices of a parameter along `dim` at random; see `random_unstructured`."""
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(module: Any, name: str, amount: Amount, n: Any, dim: int, importance_scores: Any = None) -> Any:
    """Prunes the slices of a parameter along `dim` with the smallest norm of order n; see `random_unstructured`."""
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prunes a parameter by a mask; returns the module."""
    CustomFromMask.apply(module, name, mask=mask)
    return module


def global_unstructured(parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any) -> None:
    """Prunes several parameters together, as if they were one.

    Args:
        parameters: pairs of module and name.
        pruning_method: the class of an unstructured method; `kwargs` go to it.
        importance_scores: by pair, what to judge by instead of the parameter.

    Raises:
        TypeError: not an iterable, not a dict, or a method that is not unstructured.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = [(module, name, getattr(module, name)) for module, name in parameters]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    container = PruningContainer()
    container._tensor_name = method._tensor_name = "temp"
    container.add_pruning_method(method)
    mask = container.compute_mask(
        parameters_to_vector([scores.get((module, name), param) for module, name, param in pairs]),
        parameters_to_vector([_mask_of(*pair) for pair in pairs]),
    )
    start = 0
    for module, name, param in pairs:
        custom_from_mask(module, name, mask=mask[start : start + param.numel()].view_as(param))
        start += param.numel()


def _mask_of(module: Any, name: str, param: Tensor) -> Any:
    return getattr(module, name + "_mask") if hasattr(module, name + "_mask") else ones_like(param)


def remove(module: Any, name: str) -> Any:
    """Makes a pruned parameter an ordinary one, with its zeros; returns the module.

    Raises:
        ValueError: it is not pruned.
    """
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Any) -> bool:
    """Whether a parameter of the module, or of one below it, is pruned."""
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())
