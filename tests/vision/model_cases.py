"""One table of networks for both libraries, and what is recorded of them: `record.py` asks torchvision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

# One of each family, small, with M the module `models`; and the size of the images it is given.
FORWARD: dict[str, tuple[Callable[[Any], Any], int]] = {
    "resnet18": (lambda M: M.resnet18(num_classes=10), 40),
    "resnet-wide": (lambda M: M.ResNet(M.resnet.Bottleneck, [1, 1, 2, 1], 10, True, 4, 24, [False, True, True]), 40),
    "vgg": (lambda M: M.vgg.make_layers(M.vgg.cfgs["A"], batch_norm=True), 40),
    "squeezenet1_0": (lambda M: M.squeezenet1_0(num_classes=10), 60),
    "squeezenet1_1": (lambda M: M.squeezenet1_1(num_classes=10), 60),
    "densenet": (lambda M: M.DenseNet(8, (2, 3), 16, num_classes=10), 40),
    "googlenet": (lambda M: M.googlenet(num_classes=10, init_weights=True, transform_input=True), 40),
    "inception_v3": (lambda M: M.inception_v3(num_classes=10, init_weights=False, aux_logits=False), 80),
    "mobilenet_v2": (lambda M: M.mobilenet_v2(num_classes=10, width_mult=0.4), 40),
    "mobilenet_v3_small": (lambda M: M.mobilenet_v3_small(num_classes=10), 40),
    "mobilenet_v3_dilated": (
        lambda M: M.mobilenet_v3_large(num_classes=10, width_mult=0.5, reduced_tail=True, dilated=True), 40,
    ),
    "shufflenet_v2_x0_5": (lambda M: M.shufflenet_v2_x0_5(num_classes=10), 40),
    "mnasnet0_5": (lambda M: M.mnasnet0_5(num_classes=10), 40),
    "efficientnet_b0": (lambda M: M.efficientnet_b0(num_classes=10), 40),
    "efficientnet_v2": (
        lambda M: M.EfficientNet(
            [M.efficientnet.FusedMBConvConfig(1, 3, 1, 8, 8, 2), M.efficientnet.FusedMBConvConfig(4, 3, 2, 8, 16, 2),
             M.efficientnet.MBConvConfig(4, 3, 2, 16, 24, 2)], 0.2, num_classes=10, last_channel=64), 40,
    ),
    "convnext": (
        lambda M: M.ConvNeXt([M.convnext.CNBlockConfig(8, 16, 2), M.convnext.CNBlockConfig(16, None, 1)], 0.1, 0.5, 10),
        40,
    ),
    "vit": (lambda M: M.VisionTransformer(32, 8, 2, 4, 24, 48, num_classes=10, representation_size=12), 32),
}  # fmt: skip


def structure(model: Any) -> list[Any]:
    """Number of parameters, number of entries of the state dict, and a digest of their names and shapes."""
    state = model.state_dict()
    lines = "\n".join(f"{name} {tuple(x.shape)}" for name, x in state.items())
    count = sum(p.numel() for p in model.parameters())
    return [count, len(state), hashlib.sha256(lines.encode()).hexdigest()[:16]]


def images(size: int, n: int = 2) -> np.ndarray:
    return np.random.RandomState(size).rand(n, 3, size, size).astype(np.float32)


def outputs(torch: Any, models: Any, name: str) -> list[np.ndarray]:
    """What a network of seed 0 begins with (the sum of its weights), and what it makes of images after its small
    parameters were changed, so that none is 0 or 1."""
    make, size = FORWARD[name]
    torch.manual_seed(0)
    model = make(models).eval()
    start = [float(np.abs(p.detach().numpy().astype(np.float64)).sum()) for p in model.parameters()]
    rng = np.random.RandomState(1)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 1 or not bool((p != 0).any()):
                p.add_(torch.from_numpy(rng.uniform(-0.1, 0.1, tuple(p.shape)).astype(np.float32)))
        result = model(torch.from_numpy(images(size))).numpy()
    return [np.array([sum(start)]), result.reshape(2, -1)[:, :10]]
