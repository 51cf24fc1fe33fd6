"""Records torchvision's answers for the tests here: `python tests/vision/record.py`, with torchvision 0.29 at hand."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from model_cases import FORWARD, outputs, structure
from torchvision import models, transforms
from transform_cases import NAMES, fingerprint, results

GOLDEN = Path(__file__).parent.parent / "golden"


def write(name: str, content: dict[str, Any]) -> None:
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    (GOLDEN / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def rounded(values: list[Any]) -> list[Any]:
    return [float(f"{v:.7g}") if isinstance(v, float) else v for v in values]


def record_transforms() -> None:
    write(
        "vision_transforms.json",
        {name: [rounded(fingerprint(x)) for x in results(torch, transforms, name)] for name in NAMES},
    )


def record_models() -> None:
    names = [n for n in models.list_models(module=models) if not n.startswith(("swin", "regnet", "maxvit"))]
    content = {name: structure(models.get_model(name)) for name in names}
    for name in FORWARD:
        content[f"forward-{name}"] = [rounded(x.reshape(-1).tolist()) for x in outputs(torch, models, name)]
    write("vision_models.json", content)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    record_transforms()
    record_models()
