"""What a training step does besides the model: optimizers, and batches from memory."""

from typing import Any

from case import Call, Case

SMALL = [(32, 1, 3, 3), (32,), (64, 800), (64,), (10, 64), (10,)]
LARGE = [(1024, 1024)] * 8


def step(name: str, shapes: list[tuple[int, ...]], label: str, traffic: int, **options: Any) -> Case:
    """One step of an optimizer; `traffic` is how many arrays of the parameters' size it reads and writes."""

    def make(torch: Any) -> Call:
        params = [torch.randn(*shape).requires_grad_() for shape in shapes]
        for p in params:
            p.grad = torch.randn(*p.shape)
        return getattr(torch.optim, name)(params, lr=1e-6, **options).step  # type: ignore[no-any-return]

    size = 4 * sum(_product(shape) for shape in shapes)
    return Case(f"{name}{' momentum' if options else ''}, {label}", make, bytes=traffic * size)


def _product(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def loader(torch: Any) -> Call:
    """An epoch of 100 batches of 64, shuffled."""
    data = torch.utils.data.TensorDataset(torch.randn(6400, 784), torch.randint(0, 10, (6400,)))
    batches = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)
    return lambda: [None for _ in batches]


# Every rule, by how many arrays of the parameters' size one step reads and writes.
RULES = {
    "SGD": 3, "Adam": 7, "AdamW": 7, "NAdam": 7, "RAdam": 7, "Adamax": 7, "Adagrad": 5, "Adadelta": 7, "RMSprop": 5,
    "Rprop": 7, "ASGD": 5,
}  # fmt: skip

CASES = [
    *[step(name, SMALL, "6 small tensors", traffic) for name, traffic in RULES.items()],
    step("SGD", SMALL, "6 small tensors", 5, momentum=0.9),
    step("SGD", LARGE, "8 of (1024, 1024)", 5, momentum=0.9),
    *[step(name, LARGE, "8 of (1024, 1024)", traffic) for name, traffic in RULES.items()],
    Case("DataLoader, 100 batches of (64, 784)", loader, bytes=2 * 4 * 6400 * 784),
]
