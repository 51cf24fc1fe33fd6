"""Records torchvision's answers for the tests here: `python tests/vision/record.py`, with torchvision 0.29 at hand."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torchvision import transforms
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


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    record_transforms()
