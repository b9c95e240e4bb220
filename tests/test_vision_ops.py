"""torchvision.ops: boxes, regions, layers; numbers worked out by hand or from the definition."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.vision import ops

BOXES = [[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 11.0, 11.0], [20.0, 20.0, 30.0, 25.0], [0.0, 0.0, 10.0, 9.0]]


def test_overlaps():
    boxes = rl.tensor(BOXES)
    iou = ops.box_iou(boxes, boxes)
    assert iou.diagonal().tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(iou[0].numpy(), [1, 81 / 119, 0, 0.9], rtol=1e-6)
    assert ops.box_area(boxes).tolist() == [100, 100, 50, 90] and ops.box_area(boxes.to(rl.uint8)).tolist() == [100, 100, 50, 90]
    np.testing.assert_allclose(ops.generalized_box_iou(boxes, boxes)[0, 2].item(), 0 - (30 * 25 - 150) / (30 * 25), rtol=1e-6)
    np.testing.assert_allclose(ops.distance_box_iou(boxes, boxes)[0, 1].item(), 81 / 119 - 2 / (11 ** 2 * 2), rtol=1e-5)
    same_shape = ops.complete_box_iou(boxes, boxes)[0, 1].item()
    np.testing.assert_allclose(same_shape, 81 / 119 - 2 / 242, rtol=1e-5)      # equal shapes: nothing more is taken away
    np.testing.assert_allclose(1 - ops.distance_box_iou_loss(boxes[:1], boxes[1:2]).item(), 81 / 119 - 2 / 242, rtol=1e-5)
    np.testing.assert_allclose(1 - ops.generalized_box_iou_loss(boxes[:1], boxes[2:3], reduction="mean").item(), -600 / 750, rtol=1e-5)
    np.testing.assert_allclose(ops.complete_box_iou_loss(boxes, boxes, reduction="sum").item(), 0, atol=1e-5)


def test_the_best_of_many():
    boxes, scores = rl.tensor(BOXES), rl.tensor([0.8, 0.9, 0.1, 0.7])
    assert ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert ops.nms(boxes, scores, 0.7).tolist() == [1, 0, 2]
    assert ops.batched_nms(boxes, scores, rl.tensor([0, 1, 0, 0]), 0.5).tolist() == [1, 0, 2]
    assert ops.nms(boxes[:0], scores[:0], 0.5).tolist() == []
    with pytest.raises(RuntimeError, match=r"\[N, 4\]"):
        ops.nms(boxes[:, :3], scores, 0.5)
    assert ops.remove_small_boxes(boxes, 6).tolist() == [0, 1, 3]
    assert ops.clip_boxes_to_image(boxes, (8, 9))[1].tolist() == [1, 1, 9, 8]


@pytest.mark.parametrize("form", ["xyxy", "xywh", "cxcywh"])
def test_forms_of_boxes(form):
    boxes = rl.tensor(BOXES)
    other = ops.box_convert(boxes, "xyxy", form)
    assert other[1].tolist() == {"xyxy": [1, 1, 11, 11], "xywh": [1, 1, 10, 10], "cxcywh": [6, 6, 10, 10]}[form]
    assert ops.box_convert(other, form, "xyxy").equal(boxes)
    with pytest.raises(ValueError, match="Unsupported"):
        ops.box_convert(boxes, form, "polar")


def test_masks():
    masks = rl.zeros(2, 5, 6)
    masks[0, 1:3, 2:5] = 1
    masks[1, 4, 0] = 1
    assert ops.masks_to_boxes(masks).tolist() == [[2, 1, 4, 2], [0, 4, 0, 4]]


def test_regions():
    x = rl.arange(32.0).reshape(1, 2, 4, 4).requires_grad_()
    boxes = rl.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    aligned = ops.roi_align(x, boxes, 2, sampling_ratio=2, aligned=True)
    np.testing.assert_allclose(aligned.detach().numpy()[0, 0], [[2.5, 4.5], [10.5, 12.5]], rtol=1e-6)      # means of 2 x 2 cells: a plane is exact
    aligned.sum().backward()
    np.testing.assert_allclose(x.grad.sum().item(), 8, rtol=1e-6)
    pooled = ops.roi_pool(x.detach(), [rl.tensor([[0.0, 0.0, 3.0, 3.0]])], (2, 2))
    assert pooled[0, 1].tolist() == [[21, 23], [29, 31]]
    assert ops.RoIAlign(2, 1.0, -1)(x, [rl.zeros(0, 4)]).shape == (0, 2, 2, 2)


def test_layers():
    rl.manual_seed(0)
    x = rl.randn(2, 4, 5, 5)
    frozen, norm = ops.FrozenBatchNorm2d(4), rl.nn.BatchNorm2d(4).eval()
    norm.running_mean.uniform_()
    norm.weight.data.uniform_()
    frozen.load_state_dict(norm.state_dict())
    np.testing.assert_allclose(frozen(x).numpy(), norm(x).detach().numpy(), rtol=1e-5, atol=1e-6)      # the same numbers in another order
    assert ops.Conv2dNormActivation(4, 6, kernel_size=5, stride=2)(x).shape == (2, 6, 3, 3)
    assert list(ops.Conv2dNormActivation(4, 6).state_dict())[:2] == ["0.weight", "1.weight"]
    assert ops.SqueezeExcitation(4, 2)(x).shape == x.shape and ops.MLP(5, [7, 3])(x).shape == (2, 4, 5, 3)
    assert ops.Permute([0, 2, 3, 1])(x).shape == (2, 5, 5, 4)
    assert ops.StochasticDepth(0.5, "row").eval()(x) is x
    dropped = ops.stochastic_depth(rl.ones(200, 3), 0.25, "row")
    assert sorted(set(dropped.flatten().tolist())) == [0.0, pytest.approx(4 / 3)] and (dropped.amax(1) == dropped.amin(1)).all()


def test_focal_loss():
    x, y = rl.tensor([0.3, -1.2]), rl.tensor([1.0, 0.0])
    p = 1 / (1 + np.exp([-0.3, 1.2]))
    expected = [0.25 * (1 - p[0]) ** 2 * -np.log(p[0]), 0.75 * p[1] ** 2 * -np.log(1 - p[1])]
    np.testing.assert_allclose(ops.sigmoid_focal_loss(x, y).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(ops.sigmoid_focal_loss(x, y, reduction="mean").item(), np.mean(expected), rtol=1e-5)
