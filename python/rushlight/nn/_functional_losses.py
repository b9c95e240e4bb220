"""The losses. Each public function settles the older arguments and the shapes; the sum itself is a row of the op
table, or the composition of ops below until there is one."""

import math
import warnings

import rushlight as rl

from .._asking import ask_first
from . import _reduction as _Reduction
from ._rows import _nn, in_single, reduced, unless_row

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy",
           "ctc_loss", "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss",
           "linear_cross_entropy", "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss",
           "multilabel_soft_margin_loss", "nll_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
           "triplet_margin_loss", "triplet_margin_with_distance_loss"]


def _settled(size_average, reduce, reduction):
    """reduction, unless the older pair says otherwise; a ValueError where it is no reduction at all."""
    if size_average is not None or reduce is not None:
        return _Reduction.legacy_get_string(size_average, reduce)
    if reduction not in ("mean", "sum", "none"):
        _Reduction.get_enum(reduction)
    return reduction


def _warn_of_broadcasting(input, target):
    if target.size() != input.size():
        warnings.warn(f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). "
                      "This will likely lead to incorrect results due to broadcasting. "
                      "Please ensure they have the same size.", stacklevel=3)


def _weighted(loss, weight, reduction):
    """reduced(loss * weight), the mean taken over the sum of the weights."""
    if weight.size() != loss.size():
        raise ValueError(f"Weights and input must have the same size: {tuple(weight.shape)} and {tuple(loss.shape)}.")
    loss = loss * weight
    if reduction == "mean":
        return loss.sum() / weight.sum()
    return reduced(loss, reduction)


# ---- regression ------------------------------------------------------------------------------------------------


@unless_row
def _l1_loss(input, target, *, reduction):
    return reduced((input - target).abs(), reduction)


def _regression(row, input, target, weight, reduction, **options):
    """Both sides broadcast, then the row; a weight needs the unreduced loss first."""
    _warn_of_broadcasting(input, target)
    input, target = rl.broadcast_tensors(input, target)
    if weight is None:
        return row(input, target, reduction=reduction, **options)
    return _weighted(row(input, target, reduction="none", **options), weight, reduction)


@in_single
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|."""
    return _regression(_l1_loss, input, target, weight, _settled(size_average, reduce, reduction))


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target)^2."""
    return _regression(_nn.mse_loss, input, target, weight, _settled(size_average, reduce, reduction))


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d^2 / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere, d = input - target."""
    return _regression(_nn.smooth_l1_loss, input, target, None, _settled(size_average, reduce, reduction), beta=beta)


@in_single
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """d^2 / 2 where |d| <= delta, delta (|d| - delta / 2) elsewhere, d = input - target."""
    return _regression(_nn.huber_loss, input, target, weight, reduction, delta=delta)


@unless_row
def _poisson_nll_loss(input, target, *, log_input, full, eps, reduction):
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


@in_single
def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
                     reduction="mean"):
    """exp(input) - target * input, or input - target * log(input + eps) without log_input."""
    reduction = _settled(size_average, reduce, reduction)
    return _poisson_nll_loss(input, target, log_input=log_input, full=full, eps=eps, reduction=reduction)


def _one_size_apart(size, other):
    """Whether the sizes differ in exactly one place, where the other has a 1."""
    apart = [b for a, b in zip(size, other) if a != b]
    return len(size) == len(other) and apart == [1]


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log var + (input - target)^2 / var) / 2, var at least eps; var may lack the last dimension or be a number."""
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError(f"var has negative entry/entries: {var}")
        var = var * rl.ones_like(input)
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not _one_size_apart(input.size(), var.size()):
            raise ValueError(f"var is of incorrect size: {tuple(var.shape)} for an input of {tuple(input.shape)}")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with rl.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


# ---- classification --------------------------------------------------------------------------------------------


def _check_smoothing(input, weight, label_smoothing):
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    classes = input.size(1 if input.dim() > 1 else 0)
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(f"cross_entropy: weight tensor should be defined either for all {classes} classes or no "
                           f"classes but got weight tensor of shape: {list(weight.shape)}")


def _per_class(input, weight):
    """weight, shaped so that it multiplies the classes of input."""
    return weight.view([1, -1] + [1] * (input.dim() - 2)) if input.dim() > 1 else weight


def _of_probabilities(input, target, weight, ignore_index, reduction, label_smoothing):
    """cross_entropy with a distribution over the classes as target."""
    if not target.is_floating_point():
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype}")
    if ignore_index >= 0:
        raise RuntimeError(f"ignore_index is not supported for floating point target, got {ignore_index}")
    _check_smoothing(input, weight, label_smoothing)
    dim = 1 if input.dim() > 1 else 0
    log_p = rl.log_softmax(input, dim)
    if label_smoothing > 0.0:
        target = target * (1 - label_smoothing) + label_smoothing / max(input.size(dim), 1)
    if weight is not None:
        log_p = log_p * _per_class(input, weight)
    loss = -(log_p * target)
    if reduction == "mean":
        return loss.sum() / (input.numel() / max(input.size(dim), 1))
    return loss.sum() if reduction == "sum" else loss.sum(dim)


def _smoothed(input, target, weight, ignore_index, reduction, label_smoothing):
    """cross_entropy with classes as target, of which every other class gets a share."""
    _check_smoothing(input, weight, label_smoothing)
    dim = 1 if input.dim() > 1 else 0
    log_p = rl.log_softmax(input, dim)
    sharp = _nn.nll_loss(log_p, target, weight=weight, ignore_index=ignore_index, reduction=reduction)
    even = -(log_p if weight is None else log_p * _per_class(input, weight)).sum(dim)
    kept = target != ignore_index
    even = even.masked_fill(kept.logical_not(), 0.0)
    if reduction == "mean":
        counts = kept.sum() if weight is None else (weight[target.masked_fill(~kept, 0)] * kept).sum()
        even = even.sum() / counts
    elif reduction == "sum":
        even = even.sum()
    return (1 - label_smoothing) * sharp + label_smoothing / input.size(dim) * even


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """-log softmax(input)[target]; target holds classes, or probabilities shaped like input."""
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    if target.shape == input.shape:
        return _of_probabilities(input, target, weight, ignore_index, _settled(None, None, reduction), label_smoothing)
    if label_smoothing != 0.0:
        return _smoothed(input, target, weight, ignore_index, _settled(None, None, reduction), label_smoothing)
    return _nn.cross_entropy(input, target, weight=weight, ignore_index=ignore_index, reduction=reduction)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """-weight[target] * input[target]; input holds log-probabilities."""
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    return _nn.nll_loss(input, target, weight=weight, ignore_index=ignore_index, reduction=reduction)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-weight (target log input + (1 - target) log(1 - input)), logarithms at least -100."""
    reduction = _settled(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Using a target size ({target.size()}) that is different to the input size "
                         f"({input.size()}) is deprecated. Please ensure they have the same size.")
    if weight is not None:
        weight = weight.expand(rl.broadcast_shapes(target.size(), weight.size()))
    return _nn.binary_cross_entropy(input, target, weight=weight, reduction=reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """binary_cross_entropy of sigmoid(input), computed without leaving the logarithms."""
    reduction = _settled(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return _nn.binary_cross_entropy_with_logits(input, target, weight=weight, reduction=reduction,
                                                pos_weight=pos_weight)


@unless_row
def _kl_div(input, target, *, reduction, log_target):
    if log_target:
        return reduced(target.exp() * (target - input), reduction)
    return reduced(rl.xlogy(target, target) - target * input, reduction)


@in_single
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target * (log target - input): input holds log-probabilities, target too with log_target."""
    if reduction != "batchmean" or size_average is not None or reduce is not None:
        reduction = _settled(size_average, reduce, reduction)
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size."
                      "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
                      "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
                      stacklevel=2)
    if reduction == "batchmean":
        total = _kl_div(input, target, reduction="sum", log_target=log_target)
        return total / input.size(0) if input.dim() != 0 else total
    return _kl_div(input, target, reduction=reduction, log_target=log_target)


# ---- margins ---------------------------------------------------------------------------------------------------


@unless_row
def _hinge_embedding_loss(input, target, *, margin, reduction):
    zero = rl.zeros_like(input)
    loss = rl.where(target != 1, (margin - input).clamp_min(0), zero) + rl.where(target != -1, input, zero)
    return reduced(loss, reduction)


@in_single
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = _settled(size_average, reduce, reduction)
    return _hinge_embedding_loss(input, target, margin=margin, reduction=reduction)


@unless_row
def _soft_margin_loss(input, target, *, reduction):
    return reduced((-target * input).exp().log1p(), reduction)


@in_single
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)), target 1 or -1."""
    return _soft_margin_loss(input, target, reduction=_settled(size_average, reduce, reduction))


@unless_row
def _margin_ranking_loss(input1, input2, target, *, margin, reduction):
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@in_single
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, -target * (x1 - x2) + margin)."""
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: "
                           f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} ")
    return _margin_ranking_loss(input1, input2, target, margin=float(margin),
                                reduction=_settled(size_average, reduce, reduction))


@unless_row
def _cosine_embedding_loss(input1, input2, target, *, margin, reduction):
    if target.dim() not in (0, 1):
        raise RuntimeError(f"0D or 1D target tensor expected, multi-target not supported: got {tuple(target.shape)}")
    if target.dim() + 1 != input1.dim():
        raise RuntimeError(f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found "
                           f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}.")
    tiny = 1e-12
    dot = (input1 * input2).sum(-1)
    norms = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cos = dot / norms.sqrt()
    zero = rl.zeros_like(cos)
    loss = rl.where(target == 1, 1 - cos, zero) + rl.where(target == -1, (cos - margin).clamp_min(0), zero)
    return reduced(loss, reduction)


@in_single
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos(x1, x2) where target is 1, max(0, cos(x1, x2) - margin) where it is -1."""
    return _cosine_embedding_loss(input1, input2, target, margin=margin,
                                  reduction=_settled(size_average, reduce, reduction))


@in_single
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None,
                      reduction="mean"):
    """Sum over classes i other than the target y of max(0, margin - input[y] + input[i])^p / C."""
    reduction = _settled(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.dim() != 1:
        raise ValueError(f"weight must be one-dimensional, got {weight.dim()}D")
    return _nn.multi_margin_loss(input, target, p, margin, weight, reduction)


@in_single
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Sum over labels y (up to the first -1) and other classes i of max(0, 1 - (input[y] - input[i])) / C."""
    return _nn.multilabel_margin_loss(input, target, _settled(size_average, reduce, reduction))


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """binary_cross_entropy_with_logits with a weight per class, averaged over classes."""
    reduction = _settled(size_average, reduce, reduction)
    loss = -(target * _nn.logsigmoid(input) + (1 - target) * _nn.logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input.size(-1), reduction)


@unless_row
def _triplet_margin_loss(anchor, positive, negative, *, margin, p, eps, swap, reduction):
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of "
                           f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative "
                           f"{negative.dim()}D inputs")

    def distance(a, b):
        return rl.norm(a - b + eps, p, -1)

    return _triplet(distance, anchor, positive, negative, margin, swap, reduction)


def _triplet(distance, anchor, positive, negative, margin, swap, reduction):
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = rl.minimum(far, distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)


@in_single
def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
                        reduce=None, reduction="mean"):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm distance."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _triplet_margin_loss(anchor, positive, negative, margin=margin, p=p, eps=eps, swap=swap,
                                reduction=_settled(size_average, reduce, reduction))


def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False,
                                      reduction="mean"):
    """triplet_margin_loss under any distance; pairwise_distance unless given."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of "
                           f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative "
                           f"{negative.dim()}D inputs")
    if distance_function is None:
        from .functional import pairwise_distance as distance_function
    return _triplet(distance_function, anchor, positive, negative, margin, swap, reduction)


# ---- sequences -------------------------------------------------------------------------------------------------


def _lengths(lengths, count, name):
    """Lengths as a list of ints, one per sample."""
    if isinstance(lengths, rl.Tensor) and (lengths.is_floating_point() or lengths.is_complex()):
        raise RuntimeError(f"{name} must be integral, but they are {lengths.dtype}")
    values = lengths.tolist() if hasattr(lengths, "tolist") else list(lengths)
    values = [values] if isinstance(values, int) else [int(v) for v in values]
    if len(values) != count:
        raise RuntimeError(f"{name} must be of size batch_size, got {len(values)} for {count} samples")
    return values


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """-log of the summed probability of every alignment of the targets: log_probs (T, N, C) or (T, C)."""
    single, reduction = log_probs.dim() == 2, _settled(None, None, reduction)
    if single:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: {blank} is not in [0, {classes})")
    input_lengths = _lengths(input_lengths, batch, "input_lengths")
    target_lengths = _lengths(target_lengths, batch, "target_lengths")
    loss = rl._C._ops._ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)[0]
    if reduction == "mean":
        lengths = rl.tensor([max(n, 1) for n in target_lengths], dtype=loss.dtype)
        return (loss / lengths).mean()
    if reduction == "sum":
        return loss.sum()
    return loss.squeeze(0) if single else loss


# ---- a linear layer and its cross-entropy ----------------------------------------------------------------------


def _check_linear_cross_entropy(input, weight, target, bias, class_weight, ignore_index, label_smoothing):
    """Ranks and sizes of the linear layer, and what goes with targets that are probabilities."""
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.dim()}")
    if input.size(-1) != weight.size(-1):
        raise RuntimeError("expected equal input and linear_weight last dimensions (in_features), got "
                           f"{input.size(-1)} and {weight.size(-1)}, respectively")
    if input.dim() == 1 and weight.dim() > 2:
        raise RuntimeError(f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched "
                           f"input, (N, {input.size(0)}), got unbatched input with shape {tuple(input.shape)}")
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise RuntimeError(f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}")
    if class_weight is not None and tuple(class_weight.shape) != (weight.size(0),):
        raise RuntimeError(f"expected weight shape to be {(weight.size(0),)}, got {tuple(class_weight.shape)}")
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
    expected = (*input.shape[:-1], *weight.shape[:-1])
    probabilities = tuple(target.shape) == expected
    if probabilities and ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if probabilities and not target.is_floating_point():
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype}")


def linear_cross_entropy(input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean",
                         ignore_index=None, label_smoothing=0.0, options=None):
    """cross_entropy(linear(input, linear_weight, linear_bias), target); weights may be (C, d1, ..., in_features)."""
    _check_linear_cross_entropy(input, linear_weight, target, linear_bias, weight, ignore_index, label_smoothing)
    classes, features = linear_weight.size(0), linear_weight.shape[1:-1]
    flat = linear_weight.reshape(-1, linear_weight.size(-1))
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = _nn.linear(input, flat, bias)
    if features:
        logits = logits.reshape(*input.shape[:-1], classes, *features)
    if ignore_index is None:
        ignore_index = -100
    return cross_entropy(logits, target, weight=weight, ignore_index=ignore_index, reduction=reduction,
                         label_smoothing=label_smoothing)


ask_first(globals())
