"""Kullback-Leibler divergences: a table from pairs of families to formulas, and the search in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..errors import DTypeError, UnsupportedError
from ..tensor import Tensor
from .distribution import Distribution

Formula = Callable[[Any, Any], Tensor]
_REGISTRY: dict[tuple[type, type], Formula] = {}
_FOUND: dict[tuple[type, type], Formula | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """Decorates a formula for kl_divergence(p, q), for p and q of these classes and of classes derived from them.

    Args:
        type_p, type_q: Distributions.

    Raises:
        TypeError: one is no class.

    Example:
        >>> from rushlight.distributions import Normal
        >>> class Mine(Normal): pass
        >>> @register_kl(Mine, Normal)
        ... def formula(p, q): return p.loc - q.loc
        >>> kl_divergence(Mine(3.0, 1.0), Normal(1.0, 1.0))
        tensor(2.)
    """
    for name, given in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(given, type):  # torch: any class will do, a mix-in say
            raise DTypeError(f"Expected {name} to be a Distribution subclass but got {given}")

    def register(formula: Formula) -> Formula:
        _REGISTRY[type_p, type_q] = formula
        _FOUND.clear()
        return formula

    return register


def _closest(matches: list[tuple[type, ...]]) -> tuple[type, ...]:
    """The pair that is most derived in its first class, and among those in its second."""
    best = matches[0]
    for pair in matches[1:]:
        first, other = next(((a, b) for a, b in zip(pair, best) if a is not b), (object, object))
        if issubclass(first, other):
            best = pair
    return best


def _search(type_p: type, type_q: type) -> Formula | None:
    matches = [pair for pair in _REGISTRY if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not matches:
        return None
    p, q = _closest([*matches])
    other_q, other_p = _closest([(b, a) for a, b in matches])
    if _REGISTRY[p, q] is not _REGISTRY[other_p, other_q]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({p.__name__}, {other_q.__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _REGISTRY[p, q]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E[log p(x) - log q(x)], x drawn from p; of the batch shape.

    Args:
        p, q: distributions of a pair that has a formula.

    Raises:
        NotImplementedError: there is no formula for the pair.

    Example:
        >>> from rushlight.distributions import Normal
        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        tensor(0.5000)
    """
    pair = type(p), type(q)
    if pair not in _FOUND:
        _FOUND[pair] = _search(*pair)
    formula = _FOUND[pair]
    if formula is None:
        raise UnsupportedError(
            f"No KL(p || q) is implemented for p type {pair[0].__name__} and q type {pair[1].__name__}"
        )
    return formula(p, q)
