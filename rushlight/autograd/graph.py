"""The tape as users may touch it (`torch.autograd.graph`): hooks on its entries."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..hooks import RemovableHandle, register
from .grad_mode import mode
from .tape import Operator, TensorBase, wrap


def as_tensors(grads: Any) -> tuple[Any, ...]:
    return tuple(g if g is None or isinstance(g, TensorBase) else wrap(g) for g in grads)


def as_gradients(tensors: Any) -> tuple[Any, ...]:
    """Gradients as the walk carries them: Tensors while it is recorded, else arrays."""
    return tuple(t if t is None or mode.enabled else t._array for t in tensors)


class _Hooked(Operator):
    """What an entry becomes when hooks are registered on it: its backward is followed by them."""

    post_hooks: dict[int, Any]

    def differentiate(self, grad: Any, create_graph: bool) -> Any:
        inputs = super().differentiate(grad, create_graph)
        outputs = as_tensors(grad if type(grad) is list else (grad,))
        for hook in list(self.post_hooks.values()):
            changed = hook(as_tensors(inputs), outputs)
            if changed is not None:
                inputs = as_gradients(changed if isinstance(changed, tuple) else (changed,))
        return inputs


@functools.lru_cache(maxsize=None)
def _hooked(cls: type[Operator]) -> type[_Hooked]:
    return type(cls.__name__, (_Hooked, cls), {})


def register_node_hook(node: Operator, hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(grad_inputs, grad_outputs)` after the backward of this entry; it may return other grad_inputs.

    The entry changes its class, so that only entries with hooks pay for them.
    """
    if not isinstance(node, _Hooked):
        node.__class__ = _hooked(type(node))
        node.post_hooks = {}  # type: ignore[attr-defined]
    return register(node.post_hooks, hook)  # type: ignore[attr-defined]
