"""Convolutions: of images as networks have them, and of every other kind."""

from typing import Any

from case import Case, pair


def conv(
    n: int, c: int, o: int, size: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> list[Case]:
    padding = kernel // 2 * dilation
    out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    name = f"conv2d {kernel}x{kernel}/{stride} ({n}, {c}, {size}, {size}) -> {o}"
    name += f", {groups} groups" if groups > 1 else ""
    return pair(
        name + (f", dilation {dilation}" if dilation > 1 else ""),
        lambda t, x, w: t.nn.functional.conv2d(x, w, None, stride, padding, dilation, groups),
        (n, c, size, size),
        (o, c // groups, kernel, kernel),
        flops=2 * n * o * (c // groups) * kernel**2 * out**2,
    )


def sequence(
    n: int, c: int, o: int, size: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> list[Case]:
    name = f"conv1d {kernel}/{stride} ({n}, {c}, {size}) -> {o}"
    name += f", {groups} groups" if groups > 1 else ""
    return pair(
        name + (f", dilation {dilation}" if dilation > 1 else ""),
        lambda t, x, w: t.nn.functional.conv1d(x, w, None, stride, kernel // 2 * dilation, dilation, groups),
        (n, c, size),
        (o, c // groups, kernel),
        flops=2 * n * o * c // groups * kernel * size // stride,
    )


def volume(n: int, c: int, o: int, size: int, kernel: int, stride: int = 1, groups: int = 1) -> list[Case]:
    name = f"conv3d {kernel}x{kernel}x{kernel}/{stride} ({n}, {c}, {size}, {size}, {size}) -> {o}"
    return pair(
        name + (f", {groups} groups" if groups > 1 else ""),
        lambda t, x, w: t.nn.functional.conv3d(x, w, None, stride, kernel // 2, 1, groups),
        (n, c, size, size, size),
        (o, c // groups, kernel, kernel, kernel),
        flops=2 * n * o * c // groups * kernel**3 * (size // stride) ** 3,
    )


def transposed(dims: int, n: int, c: int, o: int, size: int, kernel: int, stride: int, **how: Any) -> list[Case]:
    shape = (n, c, *(size,) * dims)
    return pair(
        f"conv_transpose{dims}d {kernel}/{stride} {shape} -> {o}",
        lambda t, x, w: getattr(t.nn.functional, f"conv_transpose{dims}d")(x, w, stride=stride, **how),
        shape,
        (c, o, *(kernel,) * dims),
        flops=2 * n * o * c * kernel**dims * size**dims,
    )


def separable(n: int, c: int, size: int, kernel: int, stride: int = 1) -> list[Case]:
    """A depthwise convolution, as in MobileNet (3), EfficientNet (3, 5) and ConvNeXt (7)."""
    return conv(n, c, c, size, kernel, stride, groups=c)


CASES = [
    # first layers
    *conv(64, 1, 32, 28, 3),
    *conv(64, 3, 64, 32, 3),
    *conv(8, 3, 64, 224, 7, stride=2),
    *conv(1, 3, 64, 224, 7, stride=2),
    *conv(8, 3, 32, 128, 3, stride=2),
    *conv(8, 3, 96, 128, 4, stride=4),
    *conv(32, 3, 64, 64, 4, stride=2),
    # 3 x 3, 5 x 5, 7 x 7
    *conv(64, 32, 64, 26, 3),
    *conv(32, 64, 64, 32, 3),
    *conv(32, 64, 128, 32, 3, stride=2),
    *conv(32, 512, 512, 4, 3),
    *conv(1, 64, 64, 56, 3),
    *conv(1, 256, 256, 14, 3),
    *conv(1, 512, 512, 4, 3),
    *conv(1, 16, 16, 32, 3),
    *conv(8, 64, 64, 32, 3, dilation=2),
    *conv(32, 64, 64, 16, 5),
    *conv(8, 32, 32, 32, 7),
    # 1 x 1
    *conv(32, 256, 256, 8, 1),
    *conv(32, 64, 256, 16, 1),
    *conv(1, 64, 256, 56, 1),
    *conv(1, 960, 160, 7, 1),
    *conv(32, 64, 128, 32, 1, stride=2),
    *conv(8, 16, 96, 56, 1),
    *conv(32, 96, 4, 1, 1),
    # in groups
    *conv(16, 64, 64, 32, 3, groups=4),
    *conv(8, 128, 128, 32, 3, groups=32),
    *conv(8, 256, 256, 16, 3, groups=32),
    *conv(8, 256, 256, 32, 3, stride=2, groups=32),
    *conv(8, 512, 512, 8, 3, groups=32),
    *conv(1, 128, 128, 56, 3, groups=32),
    *conv(8, 1024, 1024, 8, 3, groups=32),
    *conv(8, 240, 60, 28, 1, groups=3),
    *conv(8, 60, 240, 28, 1, groups=3),
    # depthwise
    *separable(32, 96, 28, 3),
    *separable(32, 96, 28, 3, stride=2),
    *separable(8, 32, 64, 3),
    *separable(8, 96, 64, 3, stride=2),
    *separable(8, 576, 7, 3),
    *separable(1, 192, 28, 3),
    *separable(1, 960, 7, 3),
    *separable(8, 240, 14, 5),
    *separable(8, 144, 32, 5, stride=2),
    *separable(1, 672, 14, 5),
    *separable(8, 96, 32, 7),
    *separable(8, 384, 8, 7),
    *separable(1, 96, 56, 7),
    *conv(8, 32, 64, 32, 3, groups=32),
    # sequences and volumes
    *sequence(32, 64, 64, 256, 3),
    *sequence(16, 128, 128, 512, 5, dilation=2),
    *sequence(8, 1, 32, 4096, 9),
    *sequence(16, 64, 128, 512, 3, stride=2),
    *sequence(16, 256, 256, 128, 1),
    *sequence(1, 64, 64, 256, 3),
    *sequence(16, 128, 128, 256, 7, groups=128),
    *volume(2, 16, 32, 16, 3),
    *volume(2, 3, 16, 24, 3),
    *volume(2, 8, 8, 16, 3),
    *volume(2, 1, 16, 24, 5),
    *volume(2, 32, 64, 16, 3, stride=2),
    *volume(2, 64, 32, 12, 1),
    *volume(2, 32, 32, 12, 3, groups=32),
    # transposed
    *transposed(2, 16, 128, 64, 16, 4, 2, padding=1),
    *transposed(2, 16, 64, 32, 16, 2, 2),
    *transposed(2, 16, 64, 64, 16, 3, 1, padding=1),
    *transposed(2, 16, 100, 512, 1, 4, 1),
    *transposed(2, 16, 64, 3, 32, 4, 2, padding=1),
    *transposed(2, 16, 64, 32, 16, 3, 2, padding=1, output_padding=1),
    *transposed(2, 1, 64, 32, 32, 4, 2, padding=1),
    *transposed(1, 16, 64, 32, 128, 4, 2, padding=1),
    *transposed(3, 2, 32, 16, 8, 4, 2, padding=1),
]
