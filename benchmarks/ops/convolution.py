"""Convolutions: of images as networks have them, and of every other kind."""

from typing import Any

from case import Case, pair


def conv(n: int, c: int, o: int, size: int, kernel: int, stride: int = 1, groups: int = 1) -> list[Case]:
    out = (size + 2 * (kernel // 2) - kernel) // stride + 1
    name = f"conv2d {kernel}x{kernel}/{stride} ({n}, {c}, {size}, {size}) -> {o}"
    shapes = (n, c, size, size), (o, c // groups, kernel, kernel)
    flops = 2 * n * o * (c // groups) * kernel**2 * out**2
    return pair(
        name if groups == 1 else f"{name}, {groups} groups",
        lambda t, x, w: t.nn.functional.conv2d(x, w, stride=stride, padding=kernel // 2, groups=groups),
        *shapes,
        flops=flops,
    )


def sequence(n: int, c: int, o: int, size: int, kernel: int, dilation: int = 1) -> list[Case]:
    return pair(
        f"conv1d {kernel} ({n}, {c}, {size}) -> {o}" + (f", dilation {dilation}" if dilation > 1 else ""),
        lambda t, x, w: t.nn.functional.conv1d(x, w, padding=kernel // 2 * dilation, dilation=dilation),
        (n, c, size),
        (o, c, kernel),
        flops=2 * n * o * c * kernel * size,
    )


def volume(n: int, c: int, o: int, size: int, kernel: int) -> list[Case]:
    return pair(
        f"conv3d {kernel}x{kernel}x{kernel} ({n}, {c}, {size}, {size}, {size}) -> {o}",
        lambda t, x, w: t.nn.functional.conv3d(x, w, padding=kernel // 2),
        (n, c, size, size, size),
        (o, c, kernel, kernel, kernel),
        flops=2 * n * o * c * kernel**3 * size**3,
    )


def transposed(n: int, c: int, o: int, size: int, kernel: int, stride: int, **how: Any) -> list[Case]:
    return pair(
        f"conv_transpose2d {kernel}x{kernel}/{stride} ({n}, {c}, {size}, {size}) -> {o}",
        lambda t, x, w: t.nn.functional.conv_transpose2d(x, w, stride=stride, **how),
        (n, c, size, size),
        (c, o, kernel, kernel),
        flops=2 * n * o * c * kernel**2 * size**2,
    )


CASES = [
    *conv(64, 1, 32, 28, 3),
    *conv(64, 32, 64, 26, 3),
    *conv(64, 3, 64, 32, 3),
    *conv(8, 3, 64, 224, 7, stride=2),
    *conv(32, 64, 64, 32, 3),
    *conv(32, 64, 128, 32, 3, stride=2),
    *conv(32, 64, 128, 32, 1, stride=2),
    *conv(32, 64, 64, 16, 5),
    *conv(32, 256, 256, 8, 1),
    *conv(1, 64, 64, 56, 3),
    *conv(16, 64, 64, 32, 3, groups=4),
    *conv(32, 96, 96, 28, 3, groups=96),
    *conv(32, 96, 96, 28, 3, stride=2, groups=96),
    *sequence(32, 64, 64, 256, 3),
    *sequence(16, 128, 128, 512, 5, dilation=2),
    *sequence(8, 1, 32, 4096, 9),
    *volume(2, 16, 32, 16, 3),
    *volume(2, 3, 16, 24, 3),
    *transposed(16, 128, 64, 16, 4, 2, padding=1),
    *transposed(16, 64, 32, 16, 2, 2),
    *transposed(16, 64, 64, 16, 3, 1, padding=1),
]
