"""The tape as users may touch it (`torch.autograd.graph`): hooks on its entries."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

from .grad_mode import mode
from .tape import Operator, TensorBase, wrap

_ids = itertools.count()


def _as_tensors(grads: Any) -> tuple[Any, ...]:
    return tuple(g if g is None or isinstance(g, TensorBase) else wrap(g) for g in grads)


def _as_gradients(tensors: Any) -> tuple[Any, ...]:
    """Gradients as the walk carries them: Tensors while it is recorded, else arrays."""
    return tuple(t if t is None or mode.enabled else t._array for t in tensors)


def _differentiate_with_hooks(ref: weakref.ref[Operator], hooks: dict[int, Any], grad: Any, create_graph: bool) -> Any:
    """An entry's `differentiate`, followed by its hooks, which may replace its result."""
    node: Any = ref()
    inputs = type(node).differentiate(node, grad, create_graph)
    outputs = _as_tensors(grad if type(grad) is list else (grad,))
    for hook in list(hooks.values()):
        changed = hook(_as_tensors(inputs), outputs)
        if changed is not None:
            inputs = _as_gradients(changed if isinstance(changed, tuple) else (changed,))
    return inputs


def register_node_hook(node: Operator, hook: Callable[..., Any]) -> Callable[[], None]:
    """Calls `hook(grad_inputs, grad_outputs)` after the backward of this entry; returns what removes it again.

    Only an entry with hooks pays for them: its `differentiate` is replaced by one that calls them.
    """
    hooks = vars(node).setdefault("_post_hooks", {})
    id_ = next(_ids)
    hooks[id_] = hook
    ref = weakref.ref(node)
    node.differentiate = lambda grad, create_graph: _differentiate_with_hooks(ref, hooks, grad, create_graph)  # type: ignore[method-assign]
    return lambda: hooks.pop(id_, None)
