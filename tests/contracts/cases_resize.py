"""Padding, interpolation, sampling by grids, patches and columns, pixels and channels."""

from harness import Case, Refusal

F = "nn.functional."


def cases():
    yield from padding()
    yield from interpolation()
    yield from grids()
    yield from rearranging()


def padding():
    yield Case(F + "pad", lambda t: (t(2, 3), (1, 2)))
    yield Case(F + "pad", lambda t: (t(2, 3, 4), (1, -1, 0, 2, 1, 1)), {"value": 1.5}, id="negative")
    for mode in ("reflect", "replicate", "circular"):
        yield Case(F + "pad", lambda t: (t(2, 3, 4), (2, 1)), {"mode": mode}, id=mode + "-1d")
        yield Case(F + "pad", lambda t: (t(2, 1, 3, 4), (2, 1, 0, 2)), {"mode": mode}, id=mode + "-2d")
        yield Case(F + "pad", lambda t: (t(1, 3, 3, 2), (1, 0, 1, 2, 0, 0)), {"mode": mode}, id=mode + "-3d-unbatched")
    yield Case(F + "pad", lambda t: (t(1, 2, 4, 4), (-1, 1, -2, 1)), {"mode": "circular"}, id="circular-negative")


def interpolation():
    yield Case(F + "interpolate", lambda t: (t(1, 2, 5),), {"scale_factor": 2}, id="nearest-1d")
    yield Case(F + "interpolate", lambda t: (t(1, 2, 4, 5),), {"size": (7, 3)}, id="nearest-2d")
    yield Case(F + "interpolate", lambda t: (t(1, 1, 2, 3, 2),), {"scale_factor": (2, 1.5, 0.5)}, id="nearest-3d")
    yield Case(
        F + "interpolate", lambda t: (t(1, 2, 4, 5),), {"size": (7, 3), "mode": "nearest-exact"}, id="nearest-exact"
    )
    yield Case(F + "interpolate", lambda t: (t(1, 2, 4, 5),), {"size": (2, 3), "mode": "area"}, id="area")
    for align in (False, True):
        how = {"align_corners": align}
        yield Case(F + "interpolate", lambda t: (t(1, 2, 5),), dict(size=8, mode="linear", **how), id=f"linear-{align}")
        yield Case(
            F + "interpolate",
            lambda t: (t(1, 2, 4, 3),),
            dict(scale_factor=(1.7, 2), mode="bilinear", **how),
            id=f"bilinear-{align}",
        )
        yield Case(
            F + "interpolate",
            lambda t: (t(1, 1, 4, 5),),
            dict(size=(6, 3), mode="bicubic", **how),
            id=f"bicubic-{align}",
        )
        yield Case(
            F + "interpolate",
            lambda t: (t(1, 1, 2, 3, 2),),
            dict(size=(3, 2, 4), mode="trilinear", **how),
            id=f"trilinear-{align}",
        )
    yield Case(
        F + "interpolate",
        lambda t: (t(1, 2, 5, 5),),
        {"scale_factor": 1.3, "mode": "bilinear", "recompute_scale_factor": True},
        id="recompute",
    )
    for mode in ("bilinear", "bicubic", "lanczos"):
        yield Case(
            F + "interpolate",
            lambda t: (t(1, 1, 7, 6),),
            {"size": (3, 4), "mode": mode, "antialias": True},
            id=mode + "-antialias",
        )
    yield Case(F + "interpolate", lambda t: (t(1, 1, 1, 1),), {"size": (3, 2), "mode": "bilinear"}, id="single")


def grids():
    yield Case(F + "affine_grid", lambda t: (t(2, 2, 3), (2, 1, 3, 4)), {"align_corners": False})
    yield Case(F + "affine_grid", lambda t: (t(1, 3, 4), (1, 1, 2, 2, 3)), {"align_corners": True}, id="3-d")
    for mode in ("bilinear", "nearest", "bicubic"):
        for pad in ("zeros", "border", "reflection"):
            how = {"mode": mode, "padding_mode": pad, "align_corners": pad == "border"}
            yield Case(F + "grid_sample", lambda t: (t(2, 1, 3, 4), t(2, 2, 3, 2)), how, id=f"{mode}-{pad}")
    yield Case(
        F + "grid_sample",
        lambda t: (t(1, 2, 2, 3, 3), t(1, 2, 1, 2, 3)),
        {"align_corners": False},
        id="3-d",
    )


def rearranging():
    yield Case(F + "unfold", lambda t: (t(2, 2, 4, 5), (2, 3)), {"dilation": (2, 1), "padding": 1, "stride": (1, 2)})
    yield Case(F + "unfold", lambda t: (t(2, 4, 4), 2), id="unbatched")
    yield Case(F + "fold", lambda t: (t(2, 8, 9), (4, 4), 2))
    yield Case(F + "fold", lambda t: (t(6, 6), (3, 5), (2, 3)), {"padding": (0, 1), "stride": (1, 2)}, id="unbatched")
    yield Case("pixel_shuffle", lambda t: (t(2, 8, 2, 3), 2))
    yield Case("pixel_unshuffle", lambda t: (t(8, 4, 6), 2))
    yield Case("channel_shuffle", lambda t: (t(2, 6, 2, 2), 3))
    yield Case("native_channel_shuffle", lambda t: (t(2, 6, 2, 2), 2), grad=False)


def refusals():
    yield Refusal(F + "pad", lambda t: (t(2, 3), (1,)), RuntimeError, "pad: Padding length must be divisible by 2")
    yield Refusal(F + "pad", lambda t: (t(2, 3), (1,) * 6), RuntimeError, "pad: Padding length")
    yield Refusal(
        F + "pad", lambda t: (t(1, 2, 3), (3, 0), "reflect"), RuntimeError, "pad: Padding size should be less"
    )
    yield Refusal(F + "pad", lambda t: (t(1, 2, 3), (4, 0), "circular"), RuntimeError, "wrapping around more than once")
    yield Refusal(F + "pad", lambda t: (t(2, 3), (1, 1), "mirror"), NotImplementedError, "mirror")
    yield Refusal(F + "interpolate", lambda t: (t(1, 1, 4),), ValueError, "either size or scale_factor")
    yield Refusal(
        F + "interpolate", lambda t: (t(1, 1, 4),), ValueError, "align_corners", {"size": 3, "align_corners": True}
    )
    yield Refusal(
        F + "interpolate",
        lambda t: (t(1, 1, 4),),
        NotImplementedError,
        "bilinear mode needs 4D",
        {"size": 3, "mode": "bilinear"},
    )
    yield Refusal(F + "interpolate", lambda t: (t(1, 1, 4),), RuntimeError, "greater than 0", {"size": 0})
    yield Refusal(
        F + "grid_sample",
        lambda t: (t(1, 1, 4, 4), t(2, 2, 2, 2)),
        RuntimeError,
        "batch size",
        {"align_corners": True},
    )
    yield Refusal(F + "grid_sample", lambda t: (t(1, 1, 4, 4), t(1, 2, 2, 2)), ValueError, "mode", {"mode": "cubic"})
    yield Refusal(
        F + "affine_grid", lambda t: (t(1, 2, 2), (1, 1, 2, 2)), ValueError, "affine_grid", {"align_corners": True}
    )
    yield Refusal(F + "fold", lambda t: (t(1, 4, 5), (4, 4), 2), RuntimeError, "fold: .*sliding blocks")
    yield Refusal(F + "unfold", lambda t: (t(1, 1, 2, 2), 3), RuntimeError, "unfold: .*at least one")
    yield Refusal("pixel_shuffle", lambda t: (t(3, 2, 2), 2), RuntimeError, "pixel_shuffle: .*divisible")
    yield Refusal("channel_shuffle", lambda t: (t(1, 3, 2), 2), RuntimeError, "channel_shuffle: .*divisible")
