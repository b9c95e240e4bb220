"""Boxes (x1, y1, x2, y2): areas, overlaps, conversions, and the choice of the best among many that overlap."""

import math

import numpy as np

import rushlight as rl

__all__ = ["batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou", "distance_box_iou",
           "generalized_box_iou", "masks_to_boxes", "nms", "remove_small_boxes"]


def _wide(t):
    """Sums and products of coordinates need room."""
    if t.is_floating_point():
        return t if t.dtype in (rl.float32, rl.float64) else t.float()
    return t if t.dtype in (rl.int32, rl.int64) else t.int()


def nms(boxes, scores, iou_threshold):
    """The numbers of the boxes that no better one overlaps by more than iou_threshold, best first."""
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise RuntimeError(f"boxes should be a 2d tensor of shape [N, 4], got {list(boxes.shape)}")
    if scores.dim() != 1 or scores.shape[0] != boxes.shape[0]:
        raise RuntimeError(f"boxes and scores should have same number of elements in dimension 0, got {boxes.shape[0]} and {list(scores.shape)}")
    corners = _wide(boxes).detach().numpy()
    x1, y1, x2, y2 = corners.T
    areas = (x2 - x1) * (y2 - y1)
    order = scores.detach().sort(stable=True, descending=True)[1].numpy()
    gone, kept = np.zeros(len(order), bool), []
    for i in order:
        if gone[i]:
            continue
        kept.append(int(i))
        wide = np.clip(np.minimum(x2, x2[i]) - np.maximum(x1, x1[i]), 0, None)
        high = np.clip(np.minimum(y2, y2[i]) - np.maximum(y1, y1[i]), 0, None)
        both = wide * high
        with np.errstate(invalid="ignore", divide="ignore"):
            gone |= both / (areas + areas[i] - both) > iou_threshold
    return rl.tensor(kept, dtype=rl.int64)


def batched_nms(boxes, scores, idxs, iou_threshold):
    """nms within each class: idxs says which class a box is of."""
    if boxes.numel() == 0:
        return rl.empty((0,), dtype=rl.int64)
    shift = idxs.to(boxes.dtype) * (boxes.max() + 1)
    return nms(boxes + shift[:, None], scores, iou_threshold)


def remove_small_boxes(boxes, min_size):
    """The numbers of the boxes with both sides at least min_size."""
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return rl.where((wide >= min_size) & (high >= min_size))[0]


def clip_boxes_to_image(boxes, size):
    """The boxes, cut at the borders of a picture of size (height, width)."""
    x, y = boxes[..., 0::2].clamp(min=0, max=size[1]), boxes[..., 1::2].clamp(min=0, max=size[0])
    return rl.stack((x, y), dim=boxes.dim()).reshape(boxes.shape)


_TO_CORNERS = {
    "xyxy": lambda a, b, c, d: (a, b, c, d),
    "xywh": lambda x, y, w, h: (x, y, x + w, y + h),
    "cxcywh": lambda x, y, w, h: (x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h),
}
_FROM_CORNERS = {
    "xyxy": lambda a, b, c, d: (a, b, c, d),
    "xywh": lambda a, b, c, d: (a, b, c - a, d - b),
    "cxcywh": lambda a, b, c, d: ((a + c) / 2, (b + d) / 2, c - a, d - b),
}


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes given as xyxy, xywh or cxcywh, in another of these forms."""
    if in_fmt not in _TO_CORNERS or out_fmt not in _TO_CORNERS:
        raise ValueError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")
    if in_fmt == out_fmt:
        return boxes.clone()
    return rl.stack(_FROM_CORNERS[out_fmt](*_TO_CORNERS[in_fmt](*boxes.unbind(-1))), dim=-1)


def box_area(boxes):
    """Width times height."""
    boxes = _wide(boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _shared(boxes1, boxes2):
    """The areas in common of each box of the first with each of the second, and of both together."""
    low = rl.max(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    high = rl.min(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    both = _wide(high - low).clamp(min=0).prod(-1)
    return both, box_area(boxes1)[..., :, None] + box_area(boxes2)[..., None, :] - both


def _hull(boxes1, boxes2):
    """Width and height of the smallest box around each pair."""
    low = rl.min(boxes1[:, None, :2], boxes2[:, :2])
    high = rl.max(boxes1[:, None, 2:], boxes2[:, 2:])
    return _wide(high - low).clamp(min=0)


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """How much each pair overlaps: the area in common over the area of both together."""
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    both, union = _shared(boxes1, boxes2)
    return both / union


def generalized_box_iou(boxes1, boxes2):
    """box_iou, less the share of the smallest box around a pair that neither fills."""
    both, union = _shared(boxes1, boxes2)
    around = _hull(boxes1, boxes2).prod(-1)
    return both / union - (around - union) / around


def _distance(boxes1, boxes2, eps):
    """box_iou, less the squared distance of the centres over that of the corners around."""
    iou = box_iou(boxes1, boxes2)
    diagonal = (_hull(boxes1, boxes2) ** 2).sum(-1) + eps
    centre1, centre2 = (boxes1[:, :2] + boxes1[:, 2:]) / 2, (boxes2[:, :2] + boxes2[:, 2:]) / 2
    return iou - ((centre1[:, None] - centre2[None]) ** 2).sum(-1) / diagonal, iou


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """box_iou, less how far the centres are apart."""
    return _distance(_wide(boxes1), _wide(boxes2), eps)[0]


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """distance_box_iou, less how much the shapes differ."""
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    distance, iou = _distance(boxes1, boxes2, eps)
    angle1, angle2 = (rl.atan((b[:, 2] - b[:, 0]) / (b[:, 3] - b[:, 1])) for b in (boxes1, boxes2))
    v = (4 / math.pi ** 2) * (angle1[:, None] - angle2[None]) ** 2
    with rl.no_grad():
        weight = v / (1 - iou + v + eps)
    return distance - weight * v


def masks_to_boxes(masks):
    """The smallest box around each mask of (N, height, width)."""
    found = rl.zeros((masks.shape[0], 4), dtype=rl.float32)
    for i, mask in enumerate(masks):
        y, x = rl.where(mask != 0)
        found[i] = rl.stack([x.min(), y.min(), x.max(), y.max()]).float()
    return found
