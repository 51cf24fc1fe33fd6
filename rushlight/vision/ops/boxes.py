"""Boxes (x1, y1, x2, y2) in images: areas, overlaps, and which of many overlapping ones to keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ops
from ...dtypes import float32
from ...errors import ArgumentError, ShapeError
from ...tensor import Tensor


def _wide(x: Tensor) -> Tensor:
    """In a dtype in which areas neither overflow nor wrap round."""
    return x.to(float32) if x.is_floating_point() and x.dtype.itemsize < 4 else x


def box_area(boxes: Tensor) -> Tensor:
    """(N, 4) -> (N,).

    Example:
        >>> box_area(rushlight.tensor([[0.0, 0.0, 2.0, 3.0]]))
        tensor([6.])
    """
    boxes = _wide(boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _overlaps(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 4), (M, 4) -> areas of the intersections and unions, (N, M)."""
    low = ops.maximum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    high = ops.minimum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    shared = _wide(high - low).clamp(min=0).prod(-1)
    return shared, box_area(boxes1)[..., :, None] + box_area(boxes2)[..., None, :] - shared


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union: (N, 4), (M, 4) -> (N, M).

    Example:
        >>> box_iou(rushlight.tensor([[0.0, 0.0, 2.0, 2.0]]), rushlight.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([[0.3333]])
    """
    shared, union = _overlaps(boxes1, boxes2)
    return shared / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """box_iou - (hull - union) / hull, hull being the area of the smallest box around both.

    Source: Rezatofighi et al. 2019, arXiv:1902.09630.
    """
    shared, union = _overlaps(boxes1, boxes2)
    low = ops.minimum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    high = ops.maximum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    hull = _wide(high - low).clamp(min=0).prod(-1)
    return shared / union - (hull - union) / hull


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the boxes that are kept, best first: each drops those after it that overlap it too much.

    Args:
        boxes: (N, 4).
        scores: (N,).
        iou_threshold: the overlap from above which a box is dropped.

    Raises:
        RuntimeError: shapes that do not fit.

    Example:
        >>> boxes = rushlight.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.1], [5.0, 5.0, 6.0, 6.0]])
        >>> nms(boxes, rushlight.tensor([0.5, 0.9, 0.1]), 0.5)
        tensor([1, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise ShapeError(f"nms: boxes {tuple(boxes.shape)} and scores {tuple(scores.shape)} are not (N, 4) and (N,)")
    order = ops.argsort(scores, descending=True, stable=True)
    overlap = (box_iou(boxes[order], boxes[order]) > iou_threshold).numpy()
    kept: list[int] = []
    dropped = overlap.any(axis=0) & False
    for i in range(len(dropped)):
        if not dropped[i]:
            kept.append(i)
            dropped |= overlap[i]
    return order[ops.tensor(kept, dtype=order.dtype)]


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` among the boxes of each category by itself.

    Args:
        idxs: (N,), the categories.
        others: see `nms`.
    """
    if boxes.numel() == 0:
        return ops.empty((0,), dtype=idxs.dtype)
    offsets = idxs.to(boxes.dtype) * (boxes.max() + 1)  # so far apart that categories cannot overlap
    return nms(boxes + offsets[:, None], scores, iou_threshold)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Indices of the boxes whose sides are both at least that long."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return ops.where((sides >= min_size).all(-1))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The boxes cut off at the borders of an image of (height, width)."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return ops.stack([x, y], -1).reshape(boxes.shape)


def _join(*parts: Tensor) -> Tensor:
    return ops.stack(parts, -1)


_TO_XYXY: dict[str, Callable[..., Tensor]] = {
    "xyxy": _join,
    "xywh": lambda x, y, w, h: _join(x, y, x + w, y + h),
    "cxcywh": lambda x, y, w, h: _join(x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h),
}
_FROM_XYXY: dict[str, Callable[..., Tensor]] = {
    "xyxy": _join,
    "xywh": lambda x1, y1, x2, y2: _join(x1, y1, x2 - x1, y2 - y1),
    "cxcywh": lambda x1, y1, x2, y2: _join((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
}


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes written in another way.

    Args:
        boxes: (..., 4).
        in_fmt, out_fmt: xyxy: two corners; xywh: a corner and the sides; cxcywh: the middle and the sides.

    Raises:
        ValueError: another format.
    """
    if in_fmt not in _TO_XYXY or out_fmt not in _TO_XYXY:
        raise ArgumentError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")
    if in_fmt == out_fmt:
        return boxes.clone()
    return _FROM_XYXY[out_fmt](*_TO_XYXY[in_fmt](*boxes.unbind(-1)).unbind(-1))


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The boxes around masks: (N, H, W) -> (N, 4), from the first to the last pixel."""
    boxes: list[list[Any]] = []
    for mask in masks:
        y, x = ops.where(mask != 0)
        boxes.append([x.min().item(), y.min().item(), x.max().item(), y.max().item()])
    return ops.tensor(boxes, dtype=float32).reshape(-1, 4)
