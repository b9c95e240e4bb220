"""Losses of detectors: the focal loss, and one minus an overlap of boxes that are paired."""

import math

import rushlight as rl
from rushlight.nn import functional as F

__all__ = ["complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss", "sigmoid_focal_loss"]


def _reduced(loss, reduction):
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'")


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Binary cross-entropy with less weight where the answer is clear."""
    p = rl.sigmoid(inputs)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def _pairs(boxes1, boxes2, eps):
    """(overlap, union, corners around) of boxes that are paired."""
    low, high = rl.max(boxes1[..., :2], boxes2[..., :2]), rl.min(boxes1[..., 2:], boxes2[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area1, area2 = ((b[..., 2:] - b[..., :2]).prod(-1) for b in (boxes1, boxes2))
    union = area1 + area2 - both
    around = rl.max(boxes1[..., 2:], boxes2[..., 2:]) - rl.min(boxes1[..., :2], boxes2[..., :2])
    return both / (union + eps), union, around


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - generalized_box_iou of paired boxes."""
    iou, union, around = _pairs(boxes1, boxes2, eps)
    area = around.prod(-1)
    return _reduced(1 - (iou - (area - union) / (area + eps)), reduction)


def _distance_loss(boxes1, boxes2, eps):
    iou, _, around = _pairs(boxes1, boxes2, eps)
    apart = (((boxes1[..., :2] + boxes1[..., 2:]) - (boxes2[..., :2] + boxes2[..., 2:])) / 2).square().sum(-1)
    return 1 - iou + apart / (around.square().sum(-1) + eps), iou


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - distance_box_iou of paired boxes."""
    return _reduced(_distance_loss(boxes1, boxes2, eps)[0], reduction)


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - complete_box_iou of paired boxes."""
    loss, iou = _distance_loss(boxes1, boxes2, eps)
    angle1, angle2 = (rl.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2))
    v = (4 / math.pi ** 2) * (angle2 - angle1) ** 2
    with rl.no_grad():
        weight = v / (1 - iou + v + eps)
    return _reduced(loss + weight * v, reduction)
