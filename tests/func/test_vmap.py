"""vmap against torch.func's: dimensions, nests, randomness, and every kind of operator with its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from both import same
from close import close, numbers

import rushlight

DIMS: dict[str, Any] = {
    "one argument": lambda vmap, x, w: vmap(lambda a: a * 2)(x),
    "in_dims 1": lambda vmap, x, w: vmap(lambda a: a.sum(0), in_dims=1)(x),
    "in_dims -1": lambda vmap, x, w: vmap(lambda a: a.sum(0), in_dims=-1)(x),
    "not all mapped": lambda vmap, x, w: vmap(lambda a, b: b @ a, (0, None))(x, w),
    "two dimensions": lambda vmap, x, w: vmap(lambda a, b: a.sum() + b, (0, 1))(x, x.T),
    "nest in": lambda vmap, x, w: vmap(lambda d: d["a"] + d["b"][0], ({"a": 0, "b": [None]},))({"a": x, "b": [x[0]]}),
    "one dimension for a nest": lambda vmap, x, w: vmap(lambda d: d["a"] + d["b"][0], 0)({"a": x, "b": (x,)}),
    "nest out": lambda vmap, x, w: vmap(lambda a: {"a": a, "b": [a.sum()]})(x),
    "out_dims": lambda vmap, x, w: vmap(lambda a: (w @ a, a), out_dims=(1, -1))(x),
    "out_dims of a nest": lambda vmap, x, w: vmap(lambda a: {"a": a, "b": a}, out_dims={"a": 1, "b": 0})(x),
    "out_dims None": lambda vmap, x, w: vmap(lambda a: (a, w), out_dims=(0, None))(x),
    "a result that is not batched": lambda vmap, x, w: vmap(lambda a: w)(x),
    "keywords": lambda vmap, x, w: vmap(lambda a, scale: a * scale)(x, scale=3),
    "nested": lambda vmap, x, w: vmap(lambda a: vmap(lambda b: a * b, out_dims=1)(w))(x),
    "nested, two dimensions": lambda vmap, x, w: vmap(vmap(lambda a: a * 2, in_dims=0), in_dims=1)(x),
    "in chunks": lambda vmap, x, w: vmap(lambda a: (w @ a, a), out_dims=(1, 0), chunk_size=2)(x),
    "in chunks of one": lambda vmap, x, w: vmap(lambda a: w @ a, chunk_size=1)(x),
    "an empty batch": lambda vmap, x, w: vmap(lambda a: a.sin().sum())(x[:0]),
    "in place": lambda vmap, x, w: vmap(lambda a: a.mul_(2).add_(w[0]))(x.clone()),
}


@pytest.mark.parametrize("name", DIMS)
def test_dimensions(name: str) -> None:
    close(lambda lib: DIMS[name](lib.func.vmap, numbers(lib, 5, 4), numbers(lib, 3, 4, seed=1)))


REFUSED: dict[str, Any] = {
    "sizes differ": lambda vmap, x: vmap(lambda a, b: a)(x, x.T),
    "nothing to map": lambda vmap, x: vmap(lambda a: a, in_dims=None)(x),
    "nothing mapped": lambda vmap, x: vmap(lambda a: a, in_dims=(None,))(x),
    "no inputs": lambda vmap, x: vmap(lambda: x)(),
    "in_dims out of range": lambda vmap, x: vmap(lambda a: a, in_dims=2)(x),
    "in_dims of another structure": lambda vmap, x: vmap(lambda a: a, in_dims=(0, 0))(x),
    "a float for in_dims": lambda vmap, x: vmap(lambda a: a, in_dims=(0.5,))(x),
    "mapping over a number": lambda vmap, x: vmap(lambda a, b: a)(x, 3),
    "out_dims out of range": lambda vmap, x: vmap(lambda a: a, out_dims=2)(x),
    "out_dims of another structure": lambda vmap, x: vmap(lambda a: (a, a), out_dims=(0, 0, 0))(x),
    "a string for out_dims": lambda vmap, x: vmap(lambda a: a, out_dims="0")(x),
    "out_dims None for a batched result": lambda vmap, x: vmap(lambda a: a, out_dims=None)(x),
    "no tensor returned": lambda vmap, x: vmap(lambda a: 3)(x),
    "randomness": lambda vmap, x: vmap(lambda a: a, randomness="some")(x),
    "chunk_size": lambda vmap, x: vmap(lambda a: a, chunk_size=0)(x),
    "branching": lambda vmap, x: vmap(lambda a: a if a.sum() > 0 else -a)(x),
    "item": lambda vmap, x: vmap(lambda a: a * a.sum().item())(x),
    "a shape that depends on values": lambda vmap, x: vmap(lambda a: a[a > 0])(x),
    "in place on what is not batched": lambda vmap, x: vmap(lambda a: x[0].clone().add_(a))(x),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    same(lambda lib: REFUSED[name](lib.func.vmap, numbers(lib, 5, 4)), message=False)


@pytest.mark.parametrize(
    "convert", [lambda a: a.numpy(), lambda a: a.tolist(), lambda a: np.asarray(a), lambda a: float(a[0])]
)
def test_values_of_single_examples_are_refused(convert: Any) -> None:
    with pytest.raises(RuntimeError, match="vmap"):
        rushlight.vmap(lambda a: a * len([convert(a)]))(rushlight.ones(3, 2))


DRAWS: dict[str, Any] = {
    "rand": lambda lib, a: a + lib.rand(4),
    "randn of many": lambda lib, a: lib.randn(20) + a[0],
    "rand_like": lambda lib, a: lib.rand_like(a),
    "rand_like of what is not batched": lambda lib, a: lib.rand_like(lib.ones(3)) + a[0],
    "randint": lambda lib, a: lib.randint(0, 10, (3,)) + a[0],
    "randperm": lambda lib, a: lib.randperm(4) + a,
    "normal": lambda lib, a: lib.normal(a, 1.0),
    "bernoulli": lambda lib, a: lib.bernoulli(a.sigmoid()),
    "multinomial": lambda lib, a: lib.multinomial(a.abs(), 3),
    "normal_": lambda lib, a: (a * 1).normal_(),
    "dropout": lambda lib, a: lib.nn.functional.dropout(a, 0.5),
}


@pytest.mark.parametrize("randomness", ["error", "same", "different"])
@pytest.mark.parametrize("name", DRAWS)
def test_randomness(name: str, randomness: str) -> None:
    def scenario(lib: Any) -> Any:
        lib.manual_seed(3)
        x = numbers(lib, 5, 4).float()
        return lib.func.vmap(lambda a: DRAWS[name](lib, a), randomness=randomness)(x).numpy().round(4)

    same(scenario, message=False)


def test_randomness_in_chunks() -> None:
    for randomness in ("same", "different"):
        close(
            lambda lib, r=randomness: (
                lib.manual_seed(0),
                lib.func.vmap(lambda a: a + lib.rand(2), randomness=r, chunk_size=2)(numbers(lib, 5, 2)),
            )[1]
        )


F = "nn.functional."
OPERATORS: dict[str, Any] = {
    "linear": lambda lib, x, w: lib.nn.functional.linear(x, w, w[:, 0]),
    "matmul": lambda lib, x, w: lib.relu(x @ w.T) @ w,
    "vectors": lambda lib, x, w: lib.dot(x[0], w[0]) + lib.mv(w, x[1]),
    "softmax": lambda lib, x, w: lib.softmax(x, -1) + lib.log_softmax(x, 0),
    "layer_norm": lambda lib, x, w: lib.nn.functional.layer_norm(x, (4,), w[0], w[1]),
    "group_norm": lambda lib, x, w: lib.nn.functional.group_norm(x[None, :2], 2),
    "batch_norm": lambda lib, x, w: lib.nn.functional.batch_norm(x, None, None, w[0], w[1], training=True),
    "reductions": lambda lib, x, w: (x.mean(), x.std(0), x.amax(1), lib.linalg.norm(x), x.prod(0), x.logsumexp(1)),
    "max with indices": lambda lib, x, w: x.max(0),
    "arg": lambda lib, x, w: (x.argmax(), x.argmin(1), (x > 0).any(0), (x > 0).all()),
    "indexing": lambda lib, x, w: (x[1:, [0, 2]], x[..., None, 0], x[[0, 1], :, None][..., 0], x[:, 1]),
    "indexing by a batched index": lambda lib, x, w: w[x.argmax(0)],
    "joining": lambda lib, x, w: (lib.cat([x, w], 1), lib.stack([w, x], 1)),
    "shape": lambda lib, x, w: (x.T.reshape(-1), x.flatten().view(2, 6), x.permute(1, 0), x.unsqueeze(1).squeeze()),
    "views": lambda lib, x, w: (x.diagonal(), x.split(2, 1)[0], x.unbind(1)[1], x.expand(2, 3, 4), x.chunk(2)[1]),
    "sorting": lambda lib, x, w: (x.sort(1)[0], x.topk(2, 0)[0], x.median(1)[0], x.cumsum(0)),
    "gather": lambda lib, x, w: lib.gather(x, 1, x.argsort(1)),
    "scatter": lambda lib, x, w: w.scatter_add(1, x.argsort(1), x),
    "where": lambda lib, x, w: lib.where(x > w, x, w) + x.clamp(-0.5, 0.5),
    "matrices": lambda lib, x, w: (lib.tril(x), lib.linalg.inv(x @ x.T + 3 * lib.eye(3, dtype=x.dtype))),
    "solve": lambda lib, x, w: lib.linalg.solve(w @ w.T + 3 * lib.eye(3, dtype=x.dtype), x[:, 0]),
    "Cholesky": lambda lib, x, w: lib.cholesky_solve(w, lib.linalg.cholesky(x @ x.T + 3 * lib.eye(3, dtype=x.dtype))),
    "grid": lambda lib, x, w: lib.nn.functional.grid_sample(
        x[None, None], (x @ w.T)[None, None, :, :2].tanh() * 1.2, align_corners=True
    ),
    "einsum": lambda lib, x, w: lib.einsum("ij,kj->ik", x, w),
    "fft": lambda lib, x, w: lib.fft.rfft(x, dim=0).abs(),
    "pad": lambda lib, x, w: lib.nn.functional.pad(x, (1, 2)),
    "conv1d": lambda lib, x, w: lib.nn.functional.conv1d(x[None], w.reshape(2, 3, 2)),
    "conv2d": lambda lib, x, w: lib.nn.functional.conv2d(x.reshape(1, 3, 2, 2), w.reshape(1, 3, 2, 2), padding=1),
    "pooling": lambda lib, x, w: lib.nn.functional.max_pool1d(x[None], 2) + lib.nn.functional.avg_pool1d(x[None], 2),
    "attention": lambda lib, x, w: lib.nn.functional.scaled_dot_product_attention(x, w, x),
    "embedding": lambda lib, x, w: lib.nn.functional.embedding((x > 0).long(), w),
    "cross entropy": lambda lib, x, w: lib.nn.functional.cross_entropy(x, w.argmax(1)),
    "cross entropy of batched targets": lambda lib, x, w: lib.nn.functional.cross_entropy(w, x.argmax(1)),
    "losses": lambda lib, x, w: lib.nn.functional.mse_loss(x, w) + lib.nn.functional.smooth_l1_loss(x, w),
    "gelu": lambda lib, x, w: lib.nn.functional.gelu(x) + lib.nn.functional.silu(x),
    "interpolate": lambda lib, x, w: lib.nn.functional.interpolate(x[None], scale_factor=2, mode="linear"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str) -> None:
    """Values, and gradients by the mapped argument and by one from outside, as a loop in PyTorch gives them."""

    def results(out: Any) -> list[Any]:
        return [out] if not isinstance(out, tuple) else list(out)

    def scenario(lib: Any) -> Any:
        x, w = numbers(lib, 5, 3, 4).requires_grad_(), numbers(lib, 3, 4, seed=1).requires_grad_()
        if lib is rushlight:
            out = results(lib.func.vmap(lambda a: tuple(results(OPERATORS[name](lib, a, w))))(x))
        else:
            rows = [results(OPERATORS[name](lib, a, w)) for a in x]
            out = [lib.stack(column) for column in zip(*rows, strict=True)]
        recorded = [o for o in out if o.requires_grad]
        if not recorded:
            return out
        total = sum((o * o.detach().cos()).sum() for o in recorded)
        return out, lib.autograd.grad(total, [x, w], allow_unused=True, materialize_grads=True)

    close(scenario, grads=False)


def test_writing_to_views_reaches_their_base() -> None:
    def scenario(lib: Any) -> Any:
        def function(a: Any) -> Any:
            y = a * 2
            y[:, 0].mul_(3)
            y[0] = y[1]
            y.add_(a)
            return (y * y).sum()

        x = numbers(lib, 5, 3, 4).requires_grad_()
        out = lib.func.vmap(function)(x)
        return out, lib.autograd.grad(out.sum(), x)

    close(scenario)


def test_what_was_saved_may_not_be_written_to() -> None:
    def function(a: rushlight.Tensor) -> rushlight.Tensor:
        y = a.sin()
        z = y * y
        y.add_(1)
        return z

    x = rushlight.ones(3, 2, requires_grad=True)
    out = rushlight.vmap(function)(x)
    with pytest.raises(RuntimeError, match="inplace"):
        rushlight.autograd.grad(out.sum(), x)


def test_backward_to_leaves_outside() -> None:
    def scenario(lib: Any) -> Any:
        x, w = numbers(lib, 5, 4).requires_grad_(), numbers(lib, 4, seed=1).requires_grad_()
        lib.func.vmap(lambda a: (a * w).sin().sum())(x).sum().backward()
        return x.grad, w.grad

    close(scenario)


def test_differentiating_by_a_tensor_from_outside_inside_is_refused() -> None:
    w = rushlight.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Make it an argument"):
        rushlight.vmap(lambda a: rushlight.autograd.grad((a * w).sum(), w)[0])(rushlight.ones(3, 2))


def test_batched_gradients() -> None:
    def scenario(lib: Any) -> Any:
        x = numbers(lib, 4).requires_grad_()
        y = x.sin() * x.sum()
        return lib.autograd.grad(y, x, lib.eye(4, dtype=x.dtype), is_grads_batched=True)

    close(scenario)


def test_the_operators_are_as_before_afterwards() -> None:
    from rushlight.autograd.tape import Operator, View

    assert "apply" not in vars(Operator) and "apply" not in vars(View)
    before = Operator.differentiate
    with pytest.raises(ZeroDivisionError):
        rushlight.vmap(lambda a: a / (1 // 0))(rushlight.ones(2))
    assert "apply" not in vars(Operator) and "apply" not in vars(View) and Operator.differentiate is before


def test_printing_a_batched_tensor() -> None:
    shown = []
    rushlight.vmap(lambda a: (shown.append(repr(a)), a)[1])(rushlight.ones(2))
    assert shown == ["BatchedTensor(value=tensor([1., 1.]))"]


class Cube(rushlight.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class OwnRule(Cube):
    generate_vmap_rule = False
    seen: tuple[Any, ...] = ()

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        OwnRule.seen = (info.batch_size, info.randomness, in_dims, tuple(x.shape))
        return OwnRule.apply(x), 0


@pytest.mark.parametrize("function", [Cube, OwnRule])
def test_functions(function: Any) -> None:
    x = rushlight.from_numpy(np.arange(6.0).reshape(3, 2)).requires_grad_()
    out = rushlight.vmap(function.apply)(x)
    np.testing.assert_allclose(out.detach().numpy(), x.detach().numpy() ** 3)
    np.testing.assert_allclose(rushlight.autograd.grad(out.sum(), x)[0].numpy(), 3 * x.detach().numpy() ** 2)
    per_example = rushlight.vmap(rushlight.func.hessian(lambda a: function.apply(a).sum()))(x.detach())
    np.testing.assert_allclose(per_example.numpy(), [np.diag(6 * row) for row in x.detach().numpy()])


def test_a_functions_own_rule_is_told_about_the_batch() -> None:
    rushlight.vmap(OwnRule.apply, randomness="same")(rushlight.ones(3, 2))
    assert OwnRule.seen == (3, "same", (0,), (3, 2))


def test_functions_without_a_rule_are_refused() -> None:
    class Without(Cube):
        generate_vmap_rule = False

    class Both(OwnRule):
        generate_vmap_rule = True

    class Old(rushlight.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

    for function, message in ((Without, "generate_vmap_rule=True"), (Both, "ambiguity"), (Old, "setup_context")):
        with pytest.raises(RuntimeError, match=message):
            rushlight.vmap(function.apply)(rushlight.ones(3, 2))
