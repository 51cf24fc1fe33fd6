"""LBFGS: quasi-Newton steps along a direction made from the last steps and gradients, with or without a line search.

Everything is done on one flat vector of all parameters. The line search works on the function phi(t) = f(x + t d), of
which a `Point` holds one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..autograd.grad_mode import enable_grad
from ..autograd.tape import touch, wrap
from ..errors import OperatorError
from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT
from .rule import Array, as_real, check_lr, number, options, require

Evaluate = Callable[[float], "Point"]


class Point(NamedTuple):
    """phi at t: the loss, its gradient (n,), and the slope of phi there."""

    t: float
    loss: float
    grad: Array
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points and their slopes is least, within [low, high]; the middle if it has no least.

    Source: Nocedal, Wright 2006, "Numerical optimization", equation 3.59.
    """
    a, b = (a, b) if a.t <= b.t else (b, a)
    with np.errstate(all="ignore"):
        mean = a.slope + b.slope - 3 * np.float64(a.loss - b.loss) / (a.t - b.t)
        square = mean**2 - a.slope * b.slope
        if not square >= 0:
            return (low + high) / 2
        root = np.sqrt(square)
        t = b.t - (b.t - a.t) * ((b.slope + root - mean) / (b.slope - a.slope + 2 * root))
    return float(min(max(t, low), high))


class Wolfe:
    """The line search of Wolfe's strong conditions: phi fell enough, and its slope became flat enough.

        phi(t) <= phi(0) + c1 t phi'(0)    and    |phi'(t)| <= c2 |phi'(0)|

    Source: Nocedal, Wright 2006, algorithms 3.5 and 3.6; c1, c2 and the limits of the steps as in torch.optim.LBFGS.
    """

    c1, c2 = 1e-4, 0.9

    def __init__(self, phi: Evaluate, origin: Point, limit: int) -> None:
        self.phi = phi
        self.origin = origin
        self.limit = limit  # of further evaluations
        self.evaluations = 0

    def at(self, t: float) -> Point:
        self.evaluations += 1
        return self.phi(t)

    @property
    def exhausted(self) -> bool:
        return self.evaluations > self.limit

    def too_high(self, point: Point) -> bool:
        return point.loss > self.origin.loss + self.c1 * point.t * self.origin.slope

    def flat(self, point: Point) -> bool:
        return abs(point.slope) <= -self.c2 * self.origin.slope

    def search(self, t: float, narrowest: float) -> Point:
        """The point to go to, starting from the guess t; stops when the bracket is narrower than `narrowest`."""
        low, high = self.bracket(t)
        if high is None:
            return low
        return self.zoom(*((low, high) if low.loss <= high.loss else (high, low)), narrowest)

    def bracket(self, t: float) -> tuple[Point, Point | None]:
        """Goes outward until a point is good (returned alone) or a good one lies between two."""
        before, here = self.origin, self.at(t)
        while not self.exhausted:
            if self.too_high(here) or (self.evaluations > 2 and here.loss >= before.loss):
                return before, here
            if self.flat(here):
                return here, None
            if here.slope >= 0:
                return before, here
            t = cubic_minimum(before, here, here.t + 0.01 * (here.t - before.t), here.t * 10)
            before, here = here, self.at(t)
        return self.origin, here

    def zoom(self, low: Point, high: Point, narrowest: float) -> Point:
        """Narrows the bracket (low has the lower loss) until its low end is good."""
        stuck = False
        while not self.exhausted and abs(high.t - low.t) >= narrowest:
            t, stuck = self.trial(low, high, stuck)
            here = self.at(t)
            if self.too_high(here) or here.loss >= low.loss:
                low, high = (low, here) if low.loss <= here.loss else (here, low)
                continue
            if self.flat(here):
                return here
            if here.slope * (high.t - low.t) >= 0:
                high = low
            low = here
        return low

    @staticmethod
    def trial(low: Point, high: Point, stuck: bool) -> tuple[float, bool]:
        """The next t: the cubic's minimum, kept a tenth away from an end to which it came close twice."""
        left, right = sorted((low.t, high.t))
        margin = 0.1 * (right - left)
        t = cubic_minimum(low, high, left, right)
        if min(right - t, t - left) >= margin:
            return t, False
        if stuck or t >= right or t <= left:
            return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
        return t, True


class LBFGS(Optimizer):
    """Quasi-Newton steps: the gradient is multiplied by an inverse Hessian estimated from the last steps.

    Args:
        params: one group only.
        lr: length of the step, or the line search's first guess.
        max_iter: iterations per step.
        max_eval: evaluations of the closure per step; None means 1.25 max_iter.
        tolerance_grad: stop when no gradient is larger.
        tolerance_change: stop when neither weights nor loss change more.
        history_size: how many steps the Hessian is estimated from.
        line_search_fn: "strong_wolfe", or None for steps of fixed length.

    Raises:
        ValueError: a negative learning rate, or several groups.

    Example:
        >>> x = rushlight.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = rushlight.optim.LBFGS([x], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (x * x).sum()
        ...     loss.backward()
        ...     return loss
        >>> _ = optimizer.step(closure)
        >>> closure().item() < 1e-9
        True

    Source: Nocedal, Wright 2006, algorithm 7.5; torch.optim.LBFGS.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, options(locals()))
        require(len(self.param_groups) == 1, "LBFGS doesn't support per-parameter options (parameter groups)")

    # ------------------------------------------------------------------------ the parameters as one flat vector

    @property
    def _arrays(self) -> list[Array]:
        return [as_real(p._array) for p in self.param_groups[0]["params"]]

    def _flat_params(self) -> Array:
        return np.concatenate([a.reshape(-1) for a in self._arrays])

    def _flat_grad(self) -> Array:
        grads = [p._grad for p in self.param_groups[0]["params"]]
        return np.concatenate(
            [
                np.zeros(a.size, a.dtype) if g is None else as_real(g._array).reshape(-1)
                for a, g in zip(self._arrays, grads)
            ]
        )

    def _write(self, flat: Array) -> None:
        offset = 0
        for p, array in zip(self.param_groups[0]["params"], self._arrays):
            array[...] = flat[offset : offset + array.size].reshape(array.shape)
            offset += array.size
            touch(p._array)

    # --------------------------------------------------------------------------------------------------- the step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to `max_iter` iterations. If the closure raises, the parameters are put back.

        Args:
            closure: clears the gradients, computes the loss, goes backward and returns the loss.

        Returns:
            the loss before the step.
        """
        if closure is None:
            raise TypeError("LBFGS.step() missing 1 required positional argument: 'closure'")
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise OperatorError("only 'strong_wolfe' is supported")
        first = group["params"][0]
        memory = _Memory({"func_evals": 0, "n_iter": 0, **_bare(self.state[first])})
        begin = self._flat_params()
        try:
            loss = self._minimize(enable_grad()(closure), memory)
        except BaseException:
            self._write(begin)
            raise
        self.state[first] = _dressed(memory.entries)
        return loss

    def _minimize(self, closure: Callable[[], Any], memory: _Memory) -> Any:
        group = self.param_groups[0]
        lr, tolerance = number(group["lr"]), group["tolerance_change"]
        first_loss = closure()
        loss, grad, evaluations = float(first_loss), self._flat_grad(), 1
        memory.count("func_evals", 1)
        if _largest(grad) <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            memory.count("n_iter", 1)
            d = memory.direction(grad, group["history_size"])
            previous = loss
            t = (min(1.0, 1.0 / float(np.abs(grad).sum())) if memory.entries["n_iter"] == 1 else 1.0) * lr
            memory.remember(grad, loss, d, t)
            slope = float(grad @ d)
            if slope > -tolerance:
                break
            origin, last = Point(0.0, loss, grad, slope), iteration == group["max_iter"]
            point, spent = self._move(closure, origin, d, t, last, group["max_eval"] - evaluations)
            t, loss, grad = point.t, point.loss, point.grad
            memory.entries["t"] = t
            evaluations += spent
            memory.count("func_evals", spent)
            if last or evaluations >= group["max_eval"] or _largest(grad) <= group["tolerance_grad"]:
                break
            if _largest(d * t) <= tolerance or abs(loss - previous) < tolerance:
                break
        return first_loss

    def _move(
        self, closure: Callable[[], Any], origin: Point, d: Array, t: float, last: bool, limit: int
    ) -> tuple[Point, int]:
        """Goes along d; returns the new point and the number of evaluations. A last fixed step is not evaluated."""
        x = self._flat_params()

        def phi(t: float) -> Point:
            self._write(x + t * d)
            loss, grad = float(closure()), self._flat_grad()
            return Point(t, loss, grad, float(grad @ d))

        if self.param_groups[0]["line_search_fn"] is None:
            if not last:
                return phi(t), 1
            self._write(x + t * d)
            return origin._replace(t=t), 0
        search = Wolfe(phi, origin, limit)
        point = search.search(t, self.param_groups[0]["tolerance_change"] / _largest(d))
        self._write(x + point.t * d)
        return point, search.evaluations


class _Memory:
    """The last steps and gradients, under PyTorch's names: old_stps[i] = s, old_dirs[i] = y (how the gradient changed
    over s), ro[i] = 1 / (y s), H_diag = y s / y y, and d, t, prev_flat_grad, prev_loss of the last iteration."""

    def __init__(self, entries: dict[str, Any]) -> None:
        self.entries = entries

    def count(self, name: str, more: int) -> None:
        self.entries[name] += more

    def remember(self, grad: Array, loss: float, d: Array, t: float) -> None:
        self.entries.update(prev_flat_grad=grad, prev_loss=loss, d=d, t=t)

    def direction(self, grad: Array, history_size: int) -> Array:
        """-H grad, where H is the estimated inverse Hessian."""
        e = self.entries
        if e["n_iter"] == 1:
            e.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -grad
        self.learn(grad - e["prev_flat_grad"], e["d"] * e["t"], history_size)
        steps, changes, ro = e["old_stps"], e["old_dirs"], e["ro"]
        al = e.setdefault("al", [None] * history_size)
        q = -grad
        for i in reversed(range(len(steps))):
            al[i] = (steps[i] @ q) * ro[i]
            q -= al[i] * changes[i]
        r = q * e["H_diag"]
        for i in range(len(steps)):
            r += (al[i] - (changes[i] @ r) * ro[i]) * steps[i]
        return r

    def learn(self, y: Array, s: Array, history_size: int) -> None:
        """Takes in the newest step, if the curvature along it is positive; drops the oldest."""
        e = self.entries
        curvature = y @ s
        if curvature <= 1e-10:
            return
        if len(e["old_dirs"]) == history_size:
            for name in ("old_dirs", "old_stps", "ro"):
                e[name].pop(0)
        e["old_dirs"].append(y)
        e["old_stps"].append(s)
        e["ro"].append(1.0 / curvature)
        e["H_diag"] = curvature / (y @ y)


def _largest(x: Array) -> float:
    return float(np.abs(x).max()) if x.size else 0.0


def _bare(value: Any) -> Any:
    """Arrays for Tensors; dicts and lists are new, so that a step that fails leaves the state as it was."""
    if isinstance(value, dict):
        return {k: _bare(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_bare(v) for v in value]
    return value._array if isinstance(value, Tensor) else value


def _dressed(value: Any) -> Any:
    """Tensors for arrays and NumPy's scalars."""
    if isinstance(value, dict):
        return {k: _dressed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_dressed(v) for v in value]
    return wrap(value) if isinstance(value, (np.ndarray, np.generic)) else value
