"""Matrix products."""

from case import forward, pair

CASES = [
    *[
        case
        for m, k, n in [(64, 784, 128), (512, 1024, 1024), (1024, 1024, 1024)]
        for case in pair(
            f"linear ({m}, {k}) -> {n}",
            lambda t, x, w, b: t.nn.functional.linear(x, w, b),
            (m, k),
            (n, k),
            (n,),
            flops=2 * m * k * n,
        )
    ],
    forward("matmul (512, 512)", lambda t, a, b: a @ b, (512, 512), (512, 512), flops=2 * 512**3),
    forward("matmul (512, 512), left transposed", lambda t, a, b: a.T @ b, (512, 512), (512, 512), flops=2 * 512**3),
    forward("bmm 64 x (64, 64)", lambda t, a, b: t.bmm(a, b), (64, 64, 64), (64, 64, 64), flops=2 * 64**4),
]
