"""Norms, softmax and losses of rows, each forward and both ways."""

from typing import Any

from case import Call, Case, pair

SHAPES = [(4, 8), (64, 128), (1024, 512), (4096, 1024)]
PAIRS = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cosine_similarity"]


def functional(name: str) -> Any:
    return lambda torch, *operands: getattr(torch.nn.functional, name)(*operands)


def classes(name: str, function: Any, shape: tuple[int, ...]) -> Case:
    """`function(torch, logits, target)` both ways, with class indices along dimension 1."""

    def make(torch: Any) -> Call:
        logits = torch.randn(*shape).requires_grad_()
        target = torch.randint(0, shape[1], (shape[0], *shape[2:]))

        def call() -> Any:
            logits.grad = None
            function(torch, logits, target).backward()

        return call

    size = 1
    for n in shape:
        size *= n
    return Case(f"{name} {shape}, both ways", make, bytes=12 * size)


def probabilities(name: str, function: Any, shape: tuple[int, ...]) -> Case:
    """`function(torch, logits, target)` both ways, with targets between 0 and 1."""

    def make(torch: Any) -> Call:
        logits, target = torch.randn(*shape).requires_grad_(), torch.rand(*shape)

        def call() -> Any:
            logits.grad = None
            function(torch, logits, target).backward()

        return call

    return Case(f"{name} {shape}, both ways", make, bytes=16 * shape[0] * shape[1])


def of_shape(shape: tuple[int, ...]) -> list[Case]:
    R, C = shape
    size = 4 * R * C
    F = "cross_entropy"
    return [
        *pair(f"softmax {shape}", lambda t, x: t.softmax(x, 1), shape, bytes=2 * size),
        *pair(f"softmax over columns {shape}", lambda t, x: t.softmax(x, 0), shape, bytes=2 * size),
        *pair(f"log_softmax {shape}", lambda t, x: t.log_softmax(x, 1), shape, bytes=2 * size),
        *pair(f"layer_norm {shape}", lambda t, x, w, b: t.nn.functional.layer_norm(x, (C,), w, b), shape, (C,), (C,),
              bytes=2 * size),
        *pair(f"rms_norm {shape}", lambda t, x, w: t.nn.functional.rms_norm(x, (C,), w), shape, (C,), bytes=2 * size),
        *pair(f"normalize {shape}", functional("normalize"), shape, bytes=2 * size),
        *pair(f"glu {shape}", functional("glu"), shape, bytes=2 * size),
        *[case for name in PAIRS for case in pair(f"{name} {shape}", functional(name), shape, shape, bytes=2 * size)],
        classes(F, lambda t, x, y: t.nn.functional.cross_entropy(x, y), shape),
        classes(f"{F} with smoothing", lambda t, x, y: t.nn.functional.cross_entropy(x, y, label_smoothing=0.1), shape),
        classes(f"{F} with weights",
                lambda t, x, y: t.nn.functional.cross_entropy(x, y, t.ones(shape[1])), shape),
        *pair(f"softmin {shape}", lambda t, x: t.nn.functional.softmin(x, 1), shape, bytes=2 * size),
        *pair(f"hinge_embedding_loss {shape}",
              lambda t, x: t.nn.functional.hinge_embedding_loss(x, t.ones(1)), shape, bytes=2 * size),
        *pair(f"soft_margin_loss {shape}", lambda t, x: t.nn.functional.soft_margin_loss(x, t.ones(1)), shape),
        *pair(f"triplet_margin_loss {shape}", functional("triplet_margin_loss"), shape, shape, shape),
        *pair(f"pairwise_distance {shape}", functional("pairwise_distance"), shape, shape),
        classes("nll_loss", lambda t, x, y: t.nn.functional.nll_loss(x, y), shape),
        probabilities(f"{F} of soft targets", lambda t, x, y: t.nn.functional.cross_entropy(x, y), shape),
        probabilities("binary_cross_entropy_with_logits",
                      lambda t, x, y: t.nn.functional.binary_cross_entropy_with_logits(x, y), shape),
        probabilities("binary_cross_entropy",
                      lambda t, x, y: t.nn.functional.binary_cross_entropy(x.sigmoid(), y), shape),
        probabilities("poisson_nll_loss", lambda t, x, y: t.nn.functional.poisson_nll_loss(x, y), shape),
        probabilities("kl_div", lambda t, x, y: t.nn.functional.kl_div(x, y), shape),
    ]  # fmt: skip


CASES = [
    *[case for shape in SHAPES for case in of_shape(shape)],
    classes("cross_entropy of pixels", lambda t, x, y: t.nn.functional.cross_entropy(x, y), (8, 21, 64, 64)),
    *pair(
        "group_norm (32, 64, 32, 32)", lambda t, x: t.nn.functional.group_norm(x, 8), (32, 64, 32, 32), bytes=8 << 21
    ),
]
