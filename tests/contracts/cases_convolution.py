"""linear, bilinear, convolution of every rank and its transpose."""

from harness import Case, Refusal

F = "nn.functional."


def cases():
    yield from affine()
    yield from convolutions()
    yield from transposed()


def affine():
    yield Case(F + "linear", lambda t: (t(3, 4), t(2, 4), t(2)))
    yield Case(F + "linear", lambda t: (t(3, 4), t(2, 4)), id="no-bias")
    yield Case(F + "linear", lambda t: (t(2, 3, 4), t(5, 4), t(5)), id="3-d")
    yield Case(F + "linear", lambda t: (t(4), t(2, 4), t(2)), id="1-d")
    yield Case(F + "linear", lambda t: (t(3, 4), t(4)), id="one-output")
    yield Case(F + "linear", lambda t: (t(0, 4), t(2, 4), t(2)), id="empty")
    yield Case(F + "linear", lambda t: (t(3, 4, grad=False), t(2, 4), t(2)), id="weight-only")
    yield Case(F + "linear", lambda t: (t(3, 4), t(2, 4, grad=False)), id="input-only")
    yield Case(F + "linear", lambda t: (t(40, 33), t(21, 33), t(21)), id="larger", gradgrad=False, grad=False)
    yield Case("bilinear", lambda t: (t(3, 2), t(3, 4), t(2, 2, 4), t(2)))
    yield Case(F + "bilinear", lambda t: (t(2, 2, 3), t(2, 2, 2), t(2, 3, 2)), id="3-d")


def convolutions():
    yield Case(F + "conv1d", lambda t: (t(2, 3, 7), t(4, 3, 3), t(4)), {"stride": 2, "padding": 1})
    yield Case(F + "conv1d", lambda t: (t(2, 7), t(3, 2, 2)), {"dilation": 2}, id="unbatched")
    yield Case(F + "conv1d", lambda t: (t(1, 2, 7), t(2, 2, 4), t(2)), {"padding": "same"}, id="same-even")
    yield Case(F + "conv2d", lambda t: (t(2, 2, 4, 5), t(3, 2, 2, 3), t(3)))
    yield Case(F + "conv2d", lambda t: (t(1, 2, 5, 6), t(2, 2, 3, 3), t(2)), {"stride": 2, "padding": 1}, id="stride")
    yield Case(
        F + "conv2d",
        lambda t: (t(1, 2, 5, 6), t(2, 2, 2, 3)),
        {"stride": (1, 2), "padding": (2, 0), "dilation": (2, 1)},
        id="uneven",
    )
    yield Case(F + "conv2d", lambda t: (t(1, 4, 4, 4), t(4, 2, 3, 3), t(4)), {"groups": 2, "padding": 1}, id="groups")
    yield Case(
        F + "conv2d", lambda t: (t(1, 3, 4, 4), t(6, 1, 3, 3), t(6)), {"groups": 3, "padding": 1}, id="depthwise"
    )
    yield Case(F + "conv2d", lambda t: (t(1, 2, 4, 4), t(3, 2, 3, 3)), {"padding": "same", "dilation": 2}, id="same")
    yield Case(F + "conv2d", lambda t: (t(1, 2, 4, 4), t(3, 2, 3, 3)), {"padding": "valid"}, id="valid")
    yield Case(F + "conv2d", lambda t: (t(2, 4, 4), t(3, 2, 1, 1), t(3)), id="unbatched-1x1")
    yield Case(F + "conv2d", lambda t: (t(0, 2, 4, 4), t(3, 2, 2, 2), t(3)), id="empty-batch")
    yield Case(F + "conv2d", lambda t: (t(2, 1, 6, 6, grad=False), t(3, 1, 3, 3), t(3)), id="weight-only")
    yield Case(
        F + "conv2d",
        lambda t: (t(2, 16, 8, 8), t(32, 16, 3, 3), t(32)),
        {"padding": 1},
        id="wide",
        grad=False,
        atol=1e-4,
    )
    yield Case(
        F + "conv2d",
        lambda t: (t.complex(1, 2, 4, 4), t.complex(2, 2, 2, 2), t.complex(2)),
        id="complex",
        layouts=False,
    )
    yield Case(F + "conv3d", lambda t: (t(1, 2, 3, 4, 3), t(2, 2, 2, 2, 2), t(2)), {"stride": (1, 2, 1), "padding": 1})
    yield Case(F + "conv3d", lambda t: (t(0, 2, 3, 4, 5), t(3, 2, 2, 3, 4), t(3)), id="no volumes")
    yield Case(
        F + "conv3d", lambda t: (t(0, 18, 3, 4, 5), t(4, 9, 2, 3, 4)), {"groups": 2}, id="no volumes, many channels"
    )
    yield Case(F + "conv3d", lambda t: (t(1, 18, 3, 2, 2), t(4, 9, 2, 1, 2)), {"groups": 2}, id="many channels, groups")
    yield Case(
        F + "conv3d", lambda t: (t(1, 2, 3, 3, 4), t(2, 1, 2, 1, 2)), {"groups": 2, "dilation": (1, 1, 2)}, id="groups"
    )
    yield Case(F + "conv_tbc", lambda t: (t(5, 2, 3), t(2, 3, 2), t(2)), {"pad": 1})


def transposed():
    yield Case(
        F + "conv_transpose1d",
        lambda t: (t(2, 3, 4), t(3, 2, 3), t(2)),
        {"stride": 2, "padding": 1, "output_padding": 1},
    )
    yield Case(F + "conv_transpose2d", lambda t: (t(1, 2, 3, 3), t(2, 3, 2, 3), t(3)))
    yield Case(
        F + "conv_transpose2d",
        lambda t: (t(1, 4, 3, 2), t(4, 2, 3, 3), t(4)),
        {"stride": 2, "padding": 1, "groups": 2},
        id="groups",
    )
    yield Case(
        F + "conv_transpose2d",
        lambda t: (t(1, 2, 3, 2), t(2, 2, 2, 2)),
        {"dilation": 3, "output_padding": 2},
        id="output-padding-beyond-stride",
    )
    yield Case(F + "conv_transpose2d", lambda t: (t(2, 3, 3), t(2, 2, 2, 2)), {"stride": (2, 1)}, id="unbatched")
    yield Case(
        F + "conv_transpose3d",
        lambda t: (t(1, 2, 2, 2, 2), t(2, 2, 2, 1, 2), t(2)),
        {"stride": 2, "padding": (1, 0, 0)},
    )


def refusals():
    yield Refusal(F + "linear", lambda t: (t(2, 3), t(4, 5)), RuntimeError, r"linear: .*\(2, 3\).*\(5,\)")
    yield Refusal(F + "linear", lambda t: (t(2, 5), t(4, 5), t(3)), RuntimeError, r"linear: bias \(3,\)")
    yield Refusal(F + "linear", lambda t: (t(2, 5), t.complex(4, 5)), RuntimeError, "linear: .*dtype")
    yield Refusal(F + "bilinear", lambda t: (t(2, 5), t(3, 4), t(2, 5, 4)), RuntimeError, "bilinear: batch")
    yield Refusal(
        F + "conv2d",
        lambda t: (t(1, 4, 8, 8), t(4, 3, 3, 3)),
        RuntimeError,
        "conv2d: .*expected.*3 channels, but got 4",
    )
    yield Refusal(F + "conv2d", lambda t: (t(8, 8), t(4, 3, 3, 3)), RuntimeError, "conv2d: Expected 3D .*4D")
    yield Refusal(
        F + "conv2d", lambda t: (t(1, 3, 2, 2), t(4, 3, 3, 3)), RuntimeError, "conv2d: .*Kernel size can't be greater"
    )
    yield Refusal(F + "conv2d", lambda t: (t(1, 3, 4, 4), t(4, 3, 3, 3), t(5)), RuntimeError, "conv2d: .*bias")
    yield Refusal(
        F + "conv2d",
        lambda t: (t(1, 3, 4, 4), t(4, 3, 3, 3)),
        RuntimeError,
        "conv2d: non-positive stride",
        {"stride": 0},
    )
    yield Refusal(
        F + "conv2d",
        lambda t: (t(1, 3, 4, 4), t(4, 3, 3, 3)),
        RuntimeError,
        "conv2d: negative padding",
        {"padding": -1},
    )
    yield Refusal(
        F + "conv2d",
        lambda t: (t(1, 3, 4, 4), t(4, 3, 3, 3)),
        RuntimeError,
        "conv2d: padding='same'",
        {"padding": "same", "stride": 2},
    )
    yield Refusal(
        F + "conv2d", lambda t: (t(1, 3, 4, 4), t(4, 3, 3, 3)), RuntimeError, "conv2d: .*groups=3", {"groups": 3}
    )
    yield Refusal(
        F + "conv2d",
        lambda t: (t(1, 3, 4, 4), t(4, 3, 3, 3)),
        RuntimeError,
        r"conv2d: stride \(1, 2, 3\)",
        {"stride": (1, 2, 3)},
    )
    yield Refusal(
        F + "conv_transpose2d",
        lambda t: (t(1, 2, 4, 4), t(2, 2, 3, 3)),
        RuntimeError,
        "output padding must be smaller",
        {"output_padding": 1},
    )
    yield Refusal(
        F + "conv_transpose2d",
        lambda t: (t(1, 2, 1, 1), t(2, 2, 1, 1)),
        RuntimeError,
        "Output size is too small",
        {"padding": 1},
    )
