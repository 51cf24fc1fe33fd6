"""Convolutions of images."""

from case import Case, pair


def conv(n: int, c: int, o: int, size: int, kernel: int, stride: int = 1) -> list[Case]:
    out = (size + 2 * (kernel // 2) - kernel) // stride + 1
    name = f"conv2d {kernel}x{kernel}/{stride} ({n}, {c}, {size}, {size}) -> {o}"
    shapes = (n, c, size, size), (o, c, kernel, kernel)
    flops = 2 * n * o * c * kernel**2 * out**2
    return pair(
        name, lambda t, x, w: t.nn.functional.conv2d(x, w, stride=stride, padding=kernel // 2), *shapes, flops=flops
    )


CASES = [
    *conv(64, 1, 32, 28, 3),
    *conv(64, 32, 64, 26, 3),
    *conv(32, 64, 64, 32, 3),
    *conv(32, 64, 128, 32, 3, stride=2),
    *conv(32, 256, 256, 8, 1),
]
