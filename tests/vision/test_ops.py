"""Boxes and shared layers."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight.vision import ops

BOXES = rushlight.tensor([[0.0, 0.0, 4.0, 4.0], [2.0, 2.0, 6.0, 6.0], [0.0, 0.0, 4.0, 3.9], [9.0, 9.0, 10.0, 12.0]])


def test_overlaps():
    assert ops.box_area(BOXES).tolist() == pytest.approx([16, 16, 15.6, 3])
    iou = ops.box_iou(BOXES, BOXES[:2]).numpy()
    np.testing.assert_allclose(iou, [[1, 4 / 28], [4 / 28, 1], [15.6 / 16, 3.8 / 27.8], [0, 0]], rtol=1e-6)
    giou = ops.generalized_box_iou(BOXES[:1], BOXES[1:]).numpy()
    np.testing.assert_allclose(giou, [[4 / 28 - 8 / 36, 15.6 / 16, -101 / 120]], rtol=1e-5)


def test_which_boxes_are_kept():
    scores = rushlight.tensor([0.5, 0.7, 0.9, 0.1])
    assert ops.nms(BOXES, scores, 0.5).tolist() == [2, 1, 3]
    assert ops.nms(BOXES, scores, 0.1).tolist() == [2, 3]
    assert ops.nms(BOXES[:0], scores[:0], 0.1).tolist() == []
    assert ops.batched_nms(BOXES, scores, rushlight.tensor([0, 0, 1, 1]), 0.1).tolist() == [2, 1, 3]
    with pytest.raises(RuntimeError, match=r"boxes \(4, 4\) and scores \(3,\)"):
        ops.nms(BOXES, scores[:3], 0.5)


@pytest.mark.parametrize("fmt", ["xyxy", "xywh", "cxcywh"])
def test_formats_of_boxes(fmt):
    there = ops.box_convert(BOXES, "xyxy", fmt)
    assert there[1].tolist() == {"xyxy": [2, 2, 6, 6], "xywh": [2, 2, 4, 4], "cxcywh": [4, 4, 4, 4]}[fmt]
    np.testing.assert_allclose(ops.box_convert(there, fmt, "xyxy").numpy(), BOXES.numpy(), rtol=1e-6)
    with pytest.raises(ValueError, match="Unsupported Bounding Box"):
        ops.box_convert(BOXES, fmt, "yxyx")


def test_boxes_in_images():
    assert ops.clip_boxes_to_image(BOXES, (5, 9)).tolist()[3] == [9, 5, 9, 5]
    assert ops.remove_small_boxes(BOXES, 2.0).tolist() == [0, 1, 2]
    masks = rushlight.zeros(2, 5, 6)
    masks[0, 1:3, 2:6] = masks[1, 4, 0] = 1
    assert ops.masks_to_boxes(masks).tolist() == [[2, 1, 5, 2], [0, 4, 0, 4]]


def test_focal_loss():
    x, y = rushlight.tensor([0.3, -1.0]), rushlight.tensor([1.0, 0.0])
    p = 1 / (1 + np.exp(-x.numpy()))
    expected = [0.25 * (1 - p[0]) ** 2 * -np.log(p[0]), 0.75 * p[1] ** 2 * -np.log(1 - p[1])]
    np.testing.assert_allclose(ops.sigmoid_focal_loss(x, y).numpy(), expected, rtol=1e-5)
    assert ops.sigmoid_focal_loss(x, y, reduction="sum").item() == pytest.approx(sum(expected), rel=1e-5)
    with pytest.raises(ValueError, match="reduction"):
        ops.sigmoid_focal_loss(x, y, reduction="all")


def test_branches_left_out():
    rushlight.manual_seed(0)
    x = rushlight.ones(200, 2, 3)
    y = ops.stochastic_depth(x, 0.25, "row")
    assert y.flatten(1).std(1).abs().max() == 0 and sorted(set(y[:, 0, 0].tolist())) == pytest.approx([0, 4 / 3])
    assert 0.6 < (y[:, 0, 0] != 0).float().mean() < 0.9
    assert len(set(ops.stochastic_depth(x, 0.5, "batch").reshape(-1).tolist())) == 1
    assert ops.stochastic_depth(x, 1.0, "row").abs().sum() == 0
    assert ops.StochasticDepth(0.5, "row").eval()(x) is x
    with pytest.raises(ValueError, match="between 0 and 1"):
        ops.stochastic_depth(x, 1.5, "row")
    with pytest.raises(ValueError, match="either 'batch' or 'row'"):
        ops.stochastic_depth(x, 0.5, "column")


def test_convolutions_keep_the_size():
    layer = ops.Conv2dNormActivation(3, 4, kernel_size=(3, 5), dilation=(2, 1), groups=1)
    assert tuple(layer(rushlight.ones(1, 3, 8, 9)).shape) == (1, 4, 8, 9) and layer[0].bias is None
    bare = ops.Conv2dNormActivation(3, 4, norm_layer=None, activation_layer=nn.Tanh, inplace=None)
    assert [type(m).__name__ for m in bare] == ["Conv2d", "Tanh"] and bare[0].bias is not None
    deep = ops.Conv3dNormActivation(2, 3, norm_layer=nn.BatchNorm3d, stride=2)
    assert tuple(deep(rushlight.ones(1, 2, 4, 4, 4)).shape) == (1, 3, 2, 2, 2)


def test_frozen_batch_norm_is_batch_norm_in_evaluation():
    usual = nn.BatchNorm2d(3)
    for p in usual.state_dict().values():
        if p.is_floating_point():
            p.uniform_(0.5, 2.0)
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(usual.state_dict())
    x = rushlight.rand(2, 3, 4, 4)
    np.testing.assert_allclose(frozen(x).numpy(), usual.eval()(x).detach().numpy(), rtol=1e-4, atol=1e-6)
    assert not list(frozen.parameters()) and repr(frozen) == "FrozenBatchNorm2d(3, eps=1e-05)"


def test_a_perceptron():
    mlp = ops.MLP(3, [5, 2], norm_layer=nn.LayerNorm, dropout=0.1)
    assert [type(m).__name__ for m in mlp] == ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear", "Dropout"]
    assert tuple(mlp(rushlight.ones(4, 3)).shape) == (4, 2)
    assert tuple(ops.Permute([1, 0])(rushlight.ones(4, 3)).shape) == (3, 4)
    gate = ops.SqueezeExcitation(4, 2)
    x = rushlight.rand(1, 4, 3, 3)
    assert bool((gate(x).abs() < x.abs() + 1e-6).all())
