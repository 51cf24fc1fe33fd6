"""The list of models: building them by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from ...errors import ArgumentError
from .weights import BUILDERS, Build, WeightsEnum


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of all models.

    Args:
        module: only those of it.
        include, exclude: patterns with * and ?.

    Example:
        >>> list_models(include="vgg1?")
        ['vgg11', 'vgg13', 'vgg16', 'vgg19']
    """
    names = [n for n, b in BUILDERS.items() if module is None or b.__module__.rpartition(".")[0] == module.__name__]
    if include:
        names = [name for pattern in _listed(include) for name in fnmatch.filter(names, pattern)]
    left_out = {name for pattern in _listed(exclude or ()) for name in fnmatch.filter(names, pattern)}
    return sorted(set(names) - left_out)


def _listed(patterns: Iterable[str] | str) -> list[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns)


def get_model_builder(name: str) -> Build:
    """The function that builds a model.

    Raises:
        ValueError: unknown.
    """
    try:
        return BUILDERS[name.lower()]
    except KeyError:
        raise ArgumentError(f"Unknown model {name}") from None


def get_model(name: str, **config: Any) -> Any:
    """The model, built with these options."""
    return get_model_builder(name)(**config)


def get_model_weights(name: Build | str) -> type[WeightsEnum]:
    """The enum of a model's published weights."""
    builder: Any = get_model_builder(name) if isinstance(name, str) else name
    return builder.weights_enum


def get_weight(name: str) -> WeightsEnum:
    """Published weights by their full name.

    Example:
        >>> get_weight("ResNet50_Weights.IMAGENET1K_V2").meta["num_params"]
        25557032

    Raises:
        ValueError: unknown enum.
    """
    enum, _, member = name.partition(".")
    if not member:
        raise ArgumentError(f"Invalid weight name provided: '{name}'.")
    for builder in BUILDERS.values():
        found: Any = builder.weights_enum  # type: ignore[attr-defined]
        if found.__name__ == enum:
            return found[member]
    raise ArgumentError(f"The weight enum '{enum}' for the specific method couldn't be retrieved.")


def register_model(name: str | None = None) -> Callable[[Build], Build]:
    """Decorates a builder of one's own: it is listed.

    Raises:
        ValueError: the name is taken.
    """

    def register(build: Build) -> Build:
        key = name or build.__name__
        if key in BUILDERS:
            raise ArgumentError(f"An entry is already registered under the name '{key}'.")
        BUILDERS[key] = build
        return build

    return register
