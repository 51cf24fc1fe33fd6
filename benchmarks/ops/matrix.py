"""Matrix products."""

from case import forward, pair

LINEAR = [(1, 64, 64), (64, 784, 128), (64, 64, 10), (512, 1024, 1024), (1024, 128, 384), (1024, 1024, 1024)]

CASES = [
    *[
        case
        for m, k, n in LINEAR
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
    *pair("matmul (1024, 256) @ (256, 1024)", lambda t, a, b: a @ b, (1024, 256), (256, 1024), flops=2 * 1024**2 * 256),
    forward("matrix @ vector (1024, 1024)", lambda t, a, b: a @ b, (1024, 1024), (1024,), bytes=4 * 1024**2),
    *pair("bmm 16 x (128, 128)", lambda t, a, b: t.bmm(a, b), (16, 128, 128), (16, 128, 128), flops=2 * 16 * 128**3),
    *pair("bmm 256 x (16, 16)", lambda t, a, b: t.bmm(a, b), (256, 16, 16), (256, 16, 16), flops=2 * 256 * 16**3),
    forward("bmm 64 x (64, 64)", lambda t, a, b: t.bmm(a, b), (64, 64, 64), (64, 64, 64), flops=2 * 64**4),
]
