"""State dicts: saving a module's tensors under dotted names, and loading them back without ever loading half.

`load` first has every module check names and shapes and note its copies (`Problems.copies`); only when all is well are
the copies made. PyTorch copies as it checks; here a call that raises has changed nothing.
"""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..autograd.grad_mode import no_grad
from ..autograd.tape import TensorBase, touch
from ..ops.moving import to_device
from ..ops.promotion import cast
from .parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from .module import Module

EXTRA_STATE = "_extra_state"


class IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


class Problems(list):  # type: ignore[type-arg]
    """The error messages of one `load`, and the copies that wait until there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[Callable[[], None]] = []
        self.targets: list[tuple[Module, str, Any]] = []


# ------------------------------------------------------------------------------------------------------------- saving


def save(module: Module, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """`module.state_dict(...)`."""
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = metadata
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_dict_hooks.values():
        changed = hook(module, destination, prefix, metadata)
        if changed is not None and getattr(hook, "_from_public_api", False):
            raise RuntimeError("state_dict post-hook must return None")
        destination = destination if changed is None else changed
    return destination


def save_own(module: Module, destination: Any, prefix: str, keep_vars: bool, no_extra: Any) -> None:
    for name, tensor in _own_state(module).items():
        destination[prefix + name] = tensor if keep_vars else tensor.detach()
    if type(module).get_extra_state is not no_extra:
        destination[prefix + EXTRA_STATE] = module.get_extra_state()


def _own_state(module: Module) -> dict[str, Any]:
    """The module's own parameters and persistent buffers."""
    own: dict[str, Any] = {k: v for k, v in module._parameters.items() if v is not None}
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            own[name] = buffer
    return own


# ------------------------------------------------------------------------------------------------------------ loading


def load(module: Module, state_dict: Any, strict: bool, assign: bool) -> IncompatibleKeys:
    """`module.load_state_dict(...)`."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    metadata = getattr(state_dict, "_metadata", None)
    state_dict = OrderedDict(state_dict)
    if metadata is not None:
        state_dict._metadata = metadata
    keys = IncompatibleKeys([], [])
    problems = Problems()
    _check(module, state_dict, "", metadata or {}, assign, keys, problems)
    if problems:
        _raise_for(module, problems, keys, strict)
    _commit(module, problems, keys, strict)
    return keys


def _check(
    module: Module, state_dict: Any, prefix: str, metadata: Any, assign: bool, keys: Any, problems: Problems
) -> None:
    local_metadata = metadata.get(prefix[:-1], {})
    if assign:
        local_metadata = {**local_metadata, "assign_to_params_buffers": True}
    module._load_from_state_dict(state_dict, prefix, local_metadata, True, *keys, problems)  # type: ignore[call-arg]
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = {k: v for k, v in state_dict.items() if k.startswith(below)}
            _check(child, part, below, metadata, assign, keys, problems)


def _commit(module: Module, problems: Problems, keys: IncompatibleKeys, strict: bool) -> None:
    """Makes the copies and runs the hooks, which may forgive missing and unexpected keys; takes all back if they do
    not."""
    hooked = [(m, h) for m in _children_first(module) for h in list(m._load_state_dict_post_hooks.values())]
    wrong = strict and any(keys)
    if wrong and not hooked:
        _raise_for(module, problems, keys, strict)
    before = [_snapshot(*target) for target in problems.targets] if wrong else []
    for copy in problems.copies:
        copy()
    for owner, hook in hooked:
        if hook(owner, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                "values, if incompatible_keys need to be modified, it should be done inplace."
            )
    if strict and any(keys):
        for restore in before:
            restore()
        _raise_for(module, problems, keys, strict)


def _children_first(module: Module) -> list[Module]:
    """The order in which PyTorch calls post-hooks."""
    return [m for child in module._modules.values() if child is not None for m in _children_first(child)] + [module]


def _snapshot(module: Module, name: str, tensor: Any) -> Callable[[], None]:
    array = None if is_lazy(tensor) else tensor._array.copy()

    def restore() -> None:
        if array is not None:
            tensor._array[...] = array
        members = module._parameters if name in module._parameters else module._buffers
        members[name] = tensor

    return restore


def _raise_for(module: Module, problems: Problems, keys: IncompatibleKeys, strict: bool) -> None:
    messages = list(problems)
    for word, names in (("Unexpected", keys.unexpected_keys), ("Missing", keys.missing_keys)):
        if strict and names:
            messages.insert(0, f"{word} key(s) in state_dict: {', '.join(map(_quoted, names))}. ")
    raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(messages))


def _quoted(key: str) -> str:
    return f'"{key}"'


def load_own(
    module: Module,
    state_dict: Any,
    prefix: str,
    metadata: Any,
    strict: bool,
    problems: tuple[Any, Any, Any],
    no_extra: Any,
) -> None:
    """The default `_load_from_state_dict`: checks this module's own entries, and copies or notes the copies."""
    missing, unexpected, errors = problems
    own = _own_state(module)
    assign = metadata.get("assign_to_params_buffers", False)
    for name, tensor in own.items():
        key = prefix + name
        if key in state_dict:
            _load_tensor(module, name, tensor, key, state_dict[key], assign, errors)
        elif strict:
            missing.append(key)
    _load_extra_state(module, state_dict, prefix + EXTRA_STATE, strict, problems, no_extra)
    if strict:
        for key in state_dict:
            if key.startswith(prefix) and key != prefix + EXTRA_STATE:
                first, *rest = key[len(prefix) :].split(".", 1)
                if first not in (module._modules if rest else own):
                    unexpected.append(key)


def _load_extra_state(module: Module, state_dict: Any, key: str, strict: bool, problems: Any, no_extra: Any) -> None:
    missing, unexpected, errors = problems
    if type(module).set_extra_state is not no_extra:
        if key in state_dict:
            _do_or_note(lambda: module.set_extra_state(state_dict[key]), errors)
        elif strict:
            missing.append(key)
    elif strict and key in state_dict:
        unexpected.append(key)


def _do_or_note(action: Callable[[], None], errors: Any) -> None:
    """At once where `_load_from_state_dict` is called by hand, after all checks within `load`."""
    if isinstance(errors, Problems):
        errors.copies.append(action)
    else:
        action()


def _load_tensor(module: Module, name: str, tensor: Any, key: str, given: Any, assign: bool, errors: Any) -> None:
    if not isinstance(given, TensorBase):
        errors.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
            f"but received {type(given)}"
        )
        return
    if not is_lazy(tensor):
        if tensor._array.ndim == 0 and given._array.shape == (1,):
            given = given[0]  # type: ignore[index]  # torch: scalars were saved with one dimension before version 0.4
        if given._array.shape != tensor._array.shape:
            errors.append(
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the shape in "
                f"current model is {tensor.shape}."
            )
            return
    if isinstance(errors, Problems):
        errors.targets.append((module, name, tensor))
    _do_or_note(lambda: _take(module, name, tensor, given) if assign else _copy(tensor, given), errors)


def _copy(tensor: Any, given: Any) -> None:
    with no_grad():
        given = to_device(given, tensor.device)
        given = given if given._array.dtype == tensor._array.dtype else cast(given, tensor.dtype)
    tensor._array[...] = given._array
    touch(tensor._array)


def _take(module: Module, name: str, tensor: Any, given: Any) -> None:
    """The given tensor itself becomes the parameter or buffer."""
    if isinstance(tensor, Parameter):
        given = (
            given.requires_grad_(tensor.requires_grad)
            if isinstance(given, Parameter)
            else Parameter(given, tensor.requires_grad)
        )
    setattr(module, name, given)
