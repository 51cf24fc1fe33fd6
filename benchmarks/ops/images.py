"""What vision networks do between convolutions: pooling, normalisation, resizing, padding and sliding windows."""

from typing import Any

from case import Case, both_ways, forward, pair

IMAGES = [(32, 64, 32, 32), (8, 256, 14, 14), (1, 64, 56, 56)]
Sizes = tuple[int, ...]


def bytes_of(shape: Sizes) -> int:
    count = 4
    for n in shape:
        count *= n
    return count


def simple(name: str, shape: Sizes, function: Any, traffic: float = 2) -> list[Case]:
    """`function(F, x)` of images; `traffic` is how often as many numbers as x holds are read or written."""
    return pair(
        f"{name} {shape}", lambda t, x: function(t.nn.functional, x), shape, bytes=int(traffic * bytes_of(shape))
    )


def pooling(shape: Sizes) -> list[Case]:
    return [
        *simple("max_pool2d 2x2", shape, lambda F, x: F.max_pool2d(x, 2), 1.25),
        *simple("max_pool2d 3x3/2", shape, lambda F, x: F.max_pool2d(x, 3, 2, 1), 1.25),
        *simple("max_pool2d 3x3/1", shape, lambda F, x: F.max_pool2d(x, 3, 1, 1)),
        *simple("avg_pool2d 2x2", shape, lambda F, x: F.avg_pool2d(x, 2), 1.25),
        *simple("avg_pool2d 3x3/1", shape, lambda F, x: F.avg_pool2d(x, 3, 1, 1)),
        *simple("adaptive_avg_pool2d to 1", shape, lambda F, x: F.adaptive_avg_pool2d(x, 1), 1),
        *simple("adaptive_avg_pool2d to 7", shape, lambda F, x: F.adaptive_avg_pool2d(x, 7), 1),
        *simple("adaptive_max_pool2d to 7", shape, lambda F, x: F.adaptive_max_pool2d(x, 7), 1),
    ]


def pooling_elsewhere() -> list[Case]:
    """Of sequences and volumes, and the rarer kinds."""
    sequences, volumes = (32, 64, 1024), (2, 32, 32, 32, 32)
    return [
        *simple("max_pool1d 2", sequences, lambda F, x: F.max_pool1d(x, 2), 1.5),
        *simple("avg_pool1d 2", sequences, lambda F, x: F.avg_pool1d(x, 2), 1.5),
        *simple("adaptive_avg_pool1d to 8", sequences, lambda F, x: F.adaptive_avg_pool1d(x, 8), 1),
        *simple("adaptive_max_pool1d to 8", sequences, lambda F, x: F.adaptive_max_pool1d(x, 8), 1),
        *simple("max_pool3d 2", volumes, lambda F, x: F.max_pool3d(x, 2), 1.125),
        *simple("avg_pool3d 2", volumes, lambda F, x: F.avg_pool3d(x, 2), 1.125),
        *simple("adaptive_avg_pool3d to 1", volumes, lambda F, x: F.adaptive_avg_pool3d(x, 1), 1),
        *simple("lp_pool2d 2x2", IMAGES[1], lambda F, x: F.lp_pool2d(x, 2, 2), 1.25),
    ]


def normalisation(shape: Sizes) -> list[Case]:
    C, size = (shape[1],), bytes_of(shape)
    return [
        *pair(
            f"batch_norm {shape}",
            lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, training=True),
            shape, C, C, bytes=3 * size,
        ),
        *pair(
            f"batch_norm, evaluating {shape}",
            lambda t, x, m, v, w, b: t.nn.functional.batch_norm(x, m.detach(), v.detach().abs(), w, b),
            shape, C, C, C, C, bytes=2 * size,
        ),
        *pair(
            f"group_norm 8 {shape}",
            lambda t, x, w, b: t.nn.functional.group_norm(x, 8, w, b), shape, C, C, bytes=3 * size,
        ),
        *simple("instance_norm", shape, lambda F, x: F.instance_norm(x), 3),
        *pair(
            f"layer_norm of images {shape}",
            lambda t, x, w, b: t.nn.functional.layer_norm(x, shape[1:], w, b),
            shape, shape[1:], shape[1:], bytes=2 * size,
        ),
        *pair(
            f"layer_norm over channels {shape}",
            lambda t, x, w, b: t.nn.functional.layer_norm(x.permute(0, 2, 3, 1), C, w, b).permute(0, 3, 1, 2),
            shape, C, C, bytes=2 * size,
        ),
    ]  # fmt: skip


def normalisation_elsewhere() -> list[Case]:
    rows, C = (2048, 1024), (1024,)
    size = bytes_of(rows)
    return [
        *pair(
            "batch_norm of vectors (256, 1024)",
            lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, training=True),
            (256, 1024), C, C, bytes=12 * 256 * 1024,
        ),
        *pair(
            "batch_norm of sequences (16, 64, 512)",
            lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, training=True),
            (16, 64, 512), (64,), (64,), bytes=12 * 16 * 64 * 512,
        ),
        *pair(
            "layer_norm",
            lambda t, x, w, b: t.nn.functional.layer_norm(x, C, w, b), rows, C, C, bytes=2 * size,
        ),
        *pair("rms_norm", lambda t, x, w: t.nn.functional.rms_norm(x, C, w), rows, C, bytes=2 * size),
        *simple("local_response_norm", IMAGES[0], lambda F, x: F.local_response_norm(x, 5)),
        *simple("normalize", rows, lambda F, x: F.normalize(x)),
    ]  # fmt: skip


def resizing(shape: Sizes) -> list[Case]:
    """Up to twice and down to half the size."""
    modes: list[tuple[str, dict[str, Any]]] = [
        ("nearest", {}), ("bilinear", {}), ("bilinear", {"align_corners": True}), ("bicubic", {}), ("area", {}),
    ]  # fmt: skip
    return [
        case
        for mode, options in modes
        for factor in (2, 0.5)
        for case in pair(
            f"interpolate {mode}{' aligned' if options else ''} x{factor} {shape}",
            lambda t, x, f=factor, m=mode, o=options: t.nn.functional.interpolate(x, scale_factor=f, mode=m, **o),
            shape,
            bytes=int((1 + factor**2) * bytes_of(shape)),
        )
    ]


def resizing_elsewhere() -> list[Case]:
    shape = (8, 16, 32, 32)
    grid = (8, 32, 32, 2)
    return [
        *simple("interpolate linear x2", (16, 64, 256), lambda F, x: F.interpolate(x, scale_factor=2, mode="linear")),
        *simple(
            "interpolate trilinear x2", (2, 8, 16, 16, 16),
            lambda F, x: F.interpolate(x, scale_factor=2, mode="trilinear"), 9,
        ),
        *simple(
            "interpolate antialiased x0.5", (8, 3, 128, 128),
            lambda F, x: F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True), 1.25,
        ),
        *simple("pixel_shuffle 2", shape, lambda F, x: F.pixel_shuffle(x, 2)),
        *simple("pixel_unshuffle 2", shape, lambda F, x: F.pixel_unshuffle(x, 2)),
        *simple("channel_shuffle 4", shape, lambda F, x: F.channel_shuffle(x, 4)),
        *pair("grid_sample bilinear", lambda t, x, g: t.nn.functional.grid_sample(x, t.tanh(g), align_corners=False),
              shape, grid),
        *pair("grid_sample nearest", lambda t, x, g: t.nn.functional.grid_sample(
            x, t.tanh(g), mode="nearest", align_corners=False), shape, grid),
        *simple("unfold 3x3", shape, lambda F, x: F.unfold(x, 3, padding=1), 10),
        *simple("unfold 4x4/4", shape, lambda F, x: F.unfold(x, 4, stride=4)),
        *simple("fold 3x3", (8, 144, 1024), lambda F, x: F.fold(x, (32, 32), 3, padding=1), 1.1),
    ]  # fmt: skip


def padding(shape: Sizes) -> list[Case]:
    return [
        *simple("pad constant", shape, lambda F, x: F.pad(x, (1, 1, 1, 1))),
        *simple("pad reflect", shape, lambda F, x: F.pad(x, (1, 1, 1, 1), mode="reflect")),
        *simple("pad replicate", shape, lambda F, x: F.pad(x, (1, 1, 1, 1), mode="replicate")),
        *simple("pad circular", shape, lambda F, x: F.pad(x, (1, 1, 1, 1), mode="circular")),
    ]


def joining(shape: Sizes) -> list[Case]:
    """The skips of U-Nets and DenseNets."""
    return [
        forward(f"cat channels {shape}", lambda t, x, y: t.cat([x, y], 1), shape, shape, bytes=4 * bytes_of(shape)),
        both_ways(f"cat channels {shape}", lambda t, x, y: t.cat([x, y], 1), shape, shape, bytes=8 * bytes_of(shape)),
        *simple("dropout2d", shape, lambda F, x: F.dropout2d(x, 0.5)),
        *simple("flatten", shape, lambda F, x: x.flatten(1) * 2),
        *simple("mean over space", shape, lambda F, x: x.mean((2, 3)), 1),
    ]


CASES = [
    *[case for shape in IMAGES for kind in (pooling, normalisation, padding, joining) for case in kind(shape)],
    *[case for shape in ((8, 16, 32, 32), (1, 64, 56, 56)) for case in resizing(shape)],
    *pooling_elsewhere(),
    *normalisation_elsewhere(),
    *resizing_elsewhere(),
]
