"""Modules that learn the size of their input from the first batch: `LazyModuleMixin`, under LazyLinear and its kin."""

from __future__ import annotations

from typing import Any

from .module import Module
from .parameter import is_lazy


class LazyModuleMixin:
    """Mixed into a Module whose parameters are Uninitialized: `initialize_parameters(input)` is called before the first
    forward, and the module then becomes an ordinary one of class `cls_to_become`.

    Example:
        >>> layer = rushlight.nn.LazyLinear(2)
        >>> layer(rushlight.ones(3, 5)).shape, layer
        (torch.Size([3, 2]), Linear(in_features=5, out_features=2, bias=True))
    """

    cls_to_become: type[Any] | None = None
    _parameters: Any
    _buffers: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        self._load_hook = module._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = module.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Uninitialized tensors are saved as they are."""
        Module._save_to_state_dict(self, destination, prefix, keep_vars)  # type: ignore[arg-type]

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """A state dict with shapes gives this module its shapes."""
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            if given is not None and is_lazy(tensor) and not is_lazy(given):
                tensor.materialize(given.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives the parameters their shapes, from the arguments of the first forward."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer still waits for its shape."""
        return any(is_lazy(tensor) for tensor in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> None:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to "
            "correctly "
            "initialize the modules"
        )
