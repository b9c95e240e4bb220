"""torch.nn.functional's names: layers, activations and losses as functions.

Most are rows of the op table and are passed on as they are. Written in Python is what is a decision rather than a
computation: flags that choose between two ops, older arguments, defaults that depend on the input. Losses, windows,
images and attention have files of their own; this one holds the rest and gathers all names.
"""

import math
import warnings

import rushlight as rl

from .._asking import ask_first
from .._keywords import along, also_called
from ._functional_attention import *
from ._functional_attention import _canonical_mask, _none_or_dtype
from ._functional_images import *
from ._functional_losses import *
from ._functional_windows import *
from ._rows import _nn, as_given, unless_row

# ---- activations -----------------------------------------------------------------------------------------------


def relu(input, inplace=False):
    """max(x, 0)."""
    return _nn.relu_(input) if inplace else _nn.relu(input)


def relu6(input, inplace=False):
    """min(max(x, 0), 6)."""
    return _nn.hardtanh_(input, 0.0, 6.0) if inplace else _nn.hardtanh(input, 0.0, 6.0)


def elu(input, alpha=1.0, inplace=False):
    """x, or alpha (exp(x) - 1) where x < 0."""
    return _nn.elu_(input, alpha) if inplace else _nn.elu(input, alpha)


def selu(input, inplace=False):
    """scale times elu with a fixed alpha: keeps mean 0 and variance 1."""
    return _nn.selu_(input) if inplace else _nn.selu(input)


def celu(input, alpha=1.0, inplace=False):
    """x, or alpha (exp(x / alpha) - 1) where x < 0."""
    return _nn.celu_(input, alpha) if inplace else _nn.celu(input, alpha)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x, or negative_slope x where x < 0."""
    return _nn.leaky_relu_(input, negative_slope) if inplace else _nn.leaky_relu(input, negative_slope)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x cut off at min_val and max_val."""
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val: {min_val} > {max_val}")
    return _nn.hardtanh_(input, min_val, max_val) if inplace else _nn.hardtanh(input, min_val, max_val)


def hardsigmoid(input, inplace=False):
    """min(max(x + 3, 0), 6) / 6."""
    return _nn.hardsigmoid_(input) if inplace else _nn.hardsigmoid(input)


def hardswish(input, inplace=False):
    """x min(max(x + 3, 0), 6) / 6."""
    return _nn.hardswish_(input) if inplace else _nn.hardswish(input)


def silu(input, inplace=False):
    """x sigmoid(x)."""
    return _nn.silu_(input) if inplace else _nn.silu(input)


def mish(input, inplace=False):
    """x tanh(softplus(x))."""
    return _nn.mish_(input) if inplace else _nn.mish(input)


def threshold(input, threshold, value, inplace=False):
    """x where x > threshold, value elsewhere."""
    return _nn.threshold_(input, threshold, value) if inplace else _nn.threshold(input, threshold, value)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """x, or a x where x < 0, a drawn from U(lower, upper) in training and their mean otherwise."""
    if inplace:
        return _nn.rrelu_(input, lower, upper, training)
    return _nn.rrelu(input, lower, upper, training)


def sigmoid(input):
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def tanh(input):
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return input.tanh()


def softsign(input):
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input):
    """x - tanh(x)."""
    return input - input.tanh()


def _get_softmax_dim(name, ndim, stacklevel):
    """The dimension of a softmax called without one: 0 for 0, 1 and 3 dimensions, 1 for others; with a warning."""
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  "argument.", stacklevel=stacklevel)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) scaled to sum to 1 along dim."""
    if dim is None:
        dim = _get_softmax_dim("softmax", input.dim(), _stacklevel)
    return rl.softmax(input, dim) if dtype is None else rl.softmax(input, dim, dtype=dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """exp(-x) scaled to sum to 1 along dim."""
    if dim is None:
        dim = _get_softmax_dim("softmin", input.dim(), _stacklevel)
    return rl.softmax(-input, dim) if dtype is None else rl.softmax(-input, dim, dtype=dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """The logarithm of softmax, without the detour."""
    if dim is None:
        dim = _get_softmax_dim("log_softmax", input.dim(), _stacklevel)
    return rl.log_softmax(input, dim) if dtype is None else rl.log_softmax(input, dim, dtype=dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """softmax((logits + g) / tau) with g from Gumbel(0, 1); hard: one-hot forward, soft gradient."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    gumbels = -rl.empty_like(logits, memory_format=rl.legacy_contiguous_format).exponential_().log()
    soft = rl.softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one = rl.zeros_like(logits, memory_format=rl.legacy_contiguous_format).scatter_(dim, index, 1.0)
    return one - soft.detach() + soft


# ---- dropout ---------------------------------------------------------------------------------------------------


def _check_probability(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False):
    """Zeroes elements with probability p and scales the rest by 1/(1-p); the identity outside training."""
    _check_probability(p)
    return _nn.dropout_(input, p, training) if inplace else _nn.dropout(input, p, training)


def _channel_noise(input, p):
    """Noise of shape (N, C, 1, ...): 0 with probability p, 1 otherwise."""
    shape = list(input.shape[:2]) + [1] * (input.dim() - 2)
    return input.new_empty(shape).bernoulli_(1 - p)


def _times(input, factor, inplace):
    return input.mul_(factor) if inplace else input * factor


def _feature_dropout(input, p, training, inplace):
    """Dropout of whole channels of (N, C, *)."""
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return _times(input, 0.0, inplace)
    return _times(input, _channel_noise(input, p).div_(1 - p), inplace)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, L) or (C, L)."""
    _check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that "
                           "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension.")
    if input.dim() == 2:
        result = _feature_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
        return input if inplace else result
    return _feature_dropout(input, p, training, inplace)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, H, W)."""
    _check_probability(p)
    if input.dim() not in (3, 4):
        warnings.warn(f"dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated and will "
                      "result in an error in a future release. To keep the behaviour, use dropout instead; for one "
                      "or three spatial dimensions, use dropout1d or dropout3d.", stacklevel=2)
    if input.dim() == 3:
        warnings.warn("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
                      "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel dim. "
                      "This behavior will change in a future release to interpret the input as one without a batch "
                      "dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please "
                      "switch to using dropout1d instead.", stacklevel=2)
    return _feature_dropout(input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    _check_probability(p)
    if input.dim() not in (4, 5):
        warnings.warn(f"dropout3d: Received a {input.dim()}-D input to dropout3d, which is deprecated and will "
                      "result in an error in a future release. To keep the behaviour, use dropout instead; for one "
                      "or two spatial dimensions, use dropout1d or dropout2d.", stacklevel=2)
    if input.dim() == 4:
        result = _feature_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
        return input if inplace else result
    return _feature_dropout(input, p, training, inplace)


def _alpha_affine(input, noise, p, inplace):
    """noise 1 keeps an element, 0 sends it to SELU's lower limit; then both are rescaled to mean 0, variance 1."""
    alpha = 1.7580993408473766
    a = 1.0 / math.sqrt((alpha * alpha * p + 1) * (1 - p))
    b = noise.add(-1).mul_(alpha * a).add_(alpha * a * p)
    noise.mul_(a)
    return input.mul_(noise).add_(b) if inplace else input.mul(noise).add(b)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps zero mean and unit variance, for SELU networks."""
    _check_probability(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return _times(input, 0.0, inplace)
    return _alpha_affine(input, rl.empty_like(input).bernoulli_(1 - p), p, inplace)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """alpha_dropout of whole channels."""
    _check_probability(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return _times(input, 0.0, inplace)
    return _alpha_affine(input, _channel_noise(input, p), p, inplace)


# ---- tables of rows --------------------------------------------------------------------------------------------


@also_called(input="tensor")
@unless_row
def one_hot(tensor, num_classes=-1):
    """(*) of class numbers -> (*, num_classes) of zeros with a 1 at each number."""
    if tensor.dtype != rl.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_zeros(*tensor.shape, num_classes)
    if int(tensor.min()) < 0:
        raise RuntimeError(f"Class values must be non-negative, got {int(tensor.min())}.")
    top = int(tensor.max())
    if num_classes == -1:
        num_classes = top + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif top >= num_classes:
        raise RuntimeError(f"Class values must be smaller than num_classes: {top} >= {num_classes}.")
    return tensor.new_zeros(*tensor.shape, num_classes).scatter_(-1, tensor.unsqueeze(-1), 1)


def _wrapped_padding_idx(padding_idx, rows):
    """padding_idx as a row number; None stays."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError(f"Padding_idx must be within num_embeddings: {padding_idx} for {rows} rows")
    return padding_idx + rows if padding_idx < 0 else padding_idx


def _no_grad_embedding_renorm_(weight, input, max_norm, norm_type):
    """Scales every row of weight that input names and whose norm is above max_norm down to it, in place."""
    if not (weight.is_floating_point() or weight.is_complex()):
        raise RuntimeError(f"norm(): input dtype should be either floating point or complex. Got {weight.dtype} instead.")
    with rl.no_grad():
        if weight.dtype in (rl.float32, rl.float64):
            rl.embedding_renorm_(weight, input.reshape(-1).contiguous(), max_norm, norm_type)
            return
        at = input.unique()
        length = rl.linalg.vector_norm(weight[at].to(rl.promote_types(weight.dtype, rl.float32)), norm_type, 1, keepdim=True)
        weight[at] = (weight[at] * rl.where(length > max_norm, max_norm / (length + 1e-7), 1.0)).to(weight.dtype)


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Row i of weight for every index i; the row padding_idx gets no gradient."""
    padding_idx = -1 if padding_idx is None else _wrapped_padding_idx(padding_idx, weight.size(0))
    if max_norm is not None:
        _no_grad_embedding_renorm_(weight, input, max_norm, norm_type)
    return rl.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def _check_bags(input, weight, offsets, per_sample_weights, mode, scale_grad_by_freq, sparse):
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ValueError("max mode does not support " + ("scaling the gradient by the frequency" if scale_grad_by_freq else "sparse weights"))
    if per_sample_weights is not None:
        if input.shape != per_sample_weights.shape:
            raise ValueError(f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not None, "
                             f"then it must have the same shape as the input ({tuple(input.shape)})")
        if mode != "sum":
            raise NotImplementedError("embedding_bag: per_sample_weights was not None. per_sample_weights is only "
                                      f"supported for mode='sum' (got mode='{mode}').")
    if not weight.dim() == 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2 and offsets is not None:
        raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
                         f"length sequences. However, found offsets of type {type(offsets)}")
    if input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    elif input.dim() != 2:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")


def embedding_bag(input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode="mean",
                  sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None):
    """Sum, mean or maximum of the embedded indices of each bag: rows of a 2-d input, or slices between offsets."""
    if weight.dtype == rl.long and input.is_floating_point():
        warnings.warn("Argument order of nn.functional.embedding_bag was changed. "
                      "Usage `embedding_bag(weight, input, ...)` is deprecated, "
                      "and should now be `embedding_bag(input, weight, ...)`.", stacklevel=2)
        weight, input = input, weight
    _check_bags(input, weight, offsets, per_sample_weights, mode, scale_grad_by_freq, sparse)
    if input.dim() == 2:
        rows, width = input.shape
        offsets = rl.arange(0, rows * width, width, dtype=input.dtype) if width else input.new_zeros(rows)
        include_last_offset = False
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    if max_norm is not None:
        _no_grad_embedding_renorm_(weight, input, max_norm, norm_type)
    if padding_idx is not None and not -weight.size(0) <= padding_idx < weight.size(0):
        raise RuntimeError(f"padding_idx must be within the number of embeddings, {-weight.size(0)} through {weight.size(0) - 1}, but got {padding_idx}")
    padding_idx = _wrapped_padding_idx(padding_idx, weight.size(0))
    return _bags(input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset,
                 padding_idx)


def _bags(input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset,
          padding_idx):
    """embedding_bag of a flat input, by segments."""
    if int(offsets[0]) != 0 if offsets.numel() else False:
        raise RuntimeError("offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
                           f"position 0. However, got {int(offsets[0])}")
    if include_last_offset:
        offsets = offsets[:-1]
    if offsets.numel() and int(offsets[-1]) > input.numel():
        raise RuntimeError(f"offsets[-1] can not be greater than input's length {input.numel()} but got offsets[-1] of {int(offsets[-1])}")
    return rl._C._ops._bags(weight, input, offsets, ("sum", "mean", "max").index(mode),
                            -1 if padding_idx is None else padding_idx, scale_grad_by_freq, per_sample_weights)[0]


# ---- affine maps and distances ---------------------------------------------------------------------------------


@unless_row
def conv_tbc(input, weight, bias, pad=0):
    """conv1d with time first: input (T, N, C_in), weight (kernel, C_in, C_out), bias (C_out)."""
    if input.dim() != 3 or weight.dim() != 3 or bias.dim() != 1:
        raise RuntimeError("conv_tbc: input and weight must have 3 dims and bias 1, got shapes "
                           f"{list(input.shape)}, {list(weight.shape)} and {list(bias.shape)}")
    return _nn.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)


@unless_row
@as_given
def bilinear(input1, input2, weight, bias=None):
    """x1^T A_k x2 + b_k."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(f"bilinear(): input batch dimensions do not match: got {tuple(input1.shape)} and "
                           f"{tuple(input2.shape)}")
    if input1.size(-1) != weight.size(1) or input2.size(-1) != weight.size(2):
        raise RuntimeError(f"bilinear(): inputs of size {input1.size(-1)} and {input2.size(-1)} do not match weight "
                           f"of shape {tuple(weight.shape)}")
    out_features, in1, in2 = weight.shape
    partial = rl.matmul(input1, weight.permute(1, 0, 2).reshape(in1, out_features * in2))
    partial = partial.view(*input1.shape[:-1], out_features, in2)
    out = rl.matmul(partial, input2.unsqueeze(-1)).squeeze(-1)
    return out if bias is None else out + bias


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """A product per group: offs says where the groups of a 2-d operand end; 3-d operands hold one matrix per group."""
    if mat_a.dim() == 3 and mat_b.dim() == 3:
        out = rl.bmm(mat_a, mat_b)
    else:
        if offs is None:
            raise RuntimeError("grouped_mm(): a 2-d operand needs offs, the ends of its groups")
        ends = offs.tolist()
        groups = list(zip([0, *ends[:-1]], ends))
        if mat_a.dim() == 2 and mat_b.dim() == 2:
            out = rl.stack([rl.mm(mat_a[:, i:j], mat_b[i:j]) for i, j in groups])
        elif mat_a.dim() == 2:
            out = rl.cat([rl.mm(mat_a[i:j], mat_b[k]) for k, (i, j) in enumerate(groups)])
        else:
            out = rl.cat([rl.mm(mat_a[k], mat_b[:, i:j]) for k, (i, j) in enumerate(groups)], 1)
    if bias is not None:
        out = out + bias
    return out if out_dtype is None else out.to(out_dtype)


def scaled_mm(mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None,
              bias=None, output_dtype=rl.bfloat16, contraction_dim=(), use_fast_accum=False):
    """Refused: it multiplies 8-bit floating point numbers, which there are none of here."""
    raise NotImplementedError("scaled_mm multiplies float8 matrices, which rushlight does not have: scale the "
                              "operands and use torch.mm")


def scaled_grouped_mm(mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None,
                      bias=None, offs=None, output_dtype=rl.bfloat16, contraction_dim=(), use_fast_accum=False):
    """Refused: it multiplies 8-bit floating point numbers, which there are none of here."""
    raise NotImplementedError("scaled_grouped_mm multiplies float8 matrices, which rushlight does not have: scale the "
                              "operands and use grouped_mm")


@unless_row
@along
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (||x1|| ||x2||) along dim, each norm at least eps."""
    common = rl.promote_types(x1.dtype, x2.dtype)
    if not common.is_floating_point:
        raise RuntimeError(f"cosine_similarity: expected common dtype to be floating point, yet common dtype is {common}")
    x1, x2 = rl.broadcast_tensors(*(x if x.is_floating_point() else x.to(common) for x in (x1, x2)))
    n1 = x1.norm(2, dim, keepdim=True).clamp(min=eps)
    n2 = x2.norm(2, dim, keepdim=True).clamp(min=eps)
    return ((x1 / n1) * (x2 / n2)).sum(dim)


@unless_row
@along
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """||x1 - x2 + eps||_p over the last dimension."""
    return rl.norm(x1 - x2 + eps, p, -1, keepdim)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """input divided by its p-norm along dim, which counts as at least eps."""
    norm = input.norm(p, dim, keepdim=True)
    if out is None:
        return input / norm.clamp_min(eps).expand_as(input)
    return rl.div(input, norm.clamp_min_(eps).expand_as(input), out=out)


# ---- normalisation ---------------------------------------------------------------------------------------------


def _verify_batch_size(size):
    """A batch normalisation in training needs more than one value per channel."""
    count = size[0]
    for n in size[2:]:
        count *= n
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def _verify_spatial_size(size):
    """An instance normalisation needs more than one value per channel of a sample."""
    count = 1
    for n in size[2:]:
        count *= n
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {size}")


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias per channel; the batch's statistics in training."""
    if training:
        _verify_batch_size(input.size())
    if eps < 0 or (training and eps <= 0):
        raise ValueError(f"batch_norm eps must be {'positive during training' if training else 'non-negative'}, but got {eps}")
    if input.dim() == 1 and input.numel() == 0:
        return input.clone()
    return rl.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, False)


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
                  momentum=0.1, eps=1e-5):
    """batch_norm of every sample by itself."""
    if use_input_stats:
        _verify_spatial_size(input.size())
    elif running_mean is None or running_var is None:
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    return rl.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last len(normalized_shape) dimensions."""
    return rl.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Each of num_groups groups of channels normalised together, then scaled and shifted per channel."""
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    if num_groups > 0:
        _verify_batch_size([input.size(0) * input.size(1) // num_groups, num_groups, *input.shape[2:]])
    return rl.group_norm(input, num_groups, weight, bias, eps)


@unless_row
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean(x^2) + eps) * weight over the last len(normalized_shape) dimensions."""
    shape = list(normalized_shape)
    if not shape:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
                           "element, but got normalized_shape = []")
    if weight is not None and list(weight.shape) != shape:
        raise RuntimeError("Expected weight to be of same shape as normalized_shape, but got weight of shape "
                           f"{list(weight.shape)} and normalized_shape = {shape}")
    if list(input.shape[input.dim() - len(shape):]) != shape:
        raise RuntimeError(f"Given normalized_shape={shape}, expected input with shape "
                           f"[*, {', '.join(map(str, shape))}], but got input of size{list(input.shape)}")
    if eps is None:
        eps = rl.finfo(input.dtype).eps
    dims = tuple(range(-len(shape), 0))
    out = input * rl.rsqrt(input.square().mean(dims, keepdim=True) + eps)
    return out if weight is None else out * weight


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta."""
    if input.dim() < 3:
        raise ValueError("Expected 3D or higher dimensionality input (got {} dimensions)".format(input.dim()))
    if input.numel() == 0:
        return input
    channels = input.size(1)
    squares = input.mul(input)
    front, back = size // 2, (size - 1) // 2
    padded = _nn.pad(squares, [0, 0] * (input.dim() - 2) + [front, back])
    total = padded[:, :channels]
    for i in range(1, size):
        total = total + padded[:, i:i + channels]
    mean = total / size if input.is_floating_point() else rl.div(total, size, rounding_mode="trunc")
    return input / mean.mul(alpha).add(k).pow(beta)


# ---- channels and pixels ---------------------------------------------------------------------------------------


@unless_row
def channel_shuffle(input, groups):
    """(N, groups * C, *) with the channels of all groups interleaved."""
    if input.dim() < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes "
                           f"{list(input.shape)}")
    c = input.size(1)
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if c % groups != 0:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    mixed = input.reshape(input.size(0), groups, c // groups, *input.shape[2:]).transpose(1, 2).reshape(input.shape)
    if input.dim() == 4 and not input.is_contiguous() and input.is_contiguous(memory_format=rl.channels_last):
        return mixed.contiguous(memory_format=rl.channels_last)
    return mixed


def native_channel_shuffle(input, groups):
    """channel_shuffle under the name of torch's kernel."""
    return channel_shuffle(input, groups)


for _name in dir(_nn):
    if not _name.startswith(("_", "upsample_")) and _name not in ("im2col", "col2im"):  # torch has these elsewhere
        globals().setdefault(_name, getattr(_nn, _name))
del _name
ask_first(globals())


def __getattr__(name):
    if name == "grad":      # torch's module of the convolutions' gradients is an attribute of this one too
        from . import grad
        return grad
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
