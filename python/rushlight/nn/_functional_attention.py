"""Attention: one scaled dot product, and multi_head_attention_forward around it with every form of mask.

A mask is boolean (True: not allowed) or floating (added to the scores); before use all become floating ones of the
queries' type, and a padding mask is merged into the attention mask.
"""

import math
import warnings

import rushlight as rl

from .._asking import ask_first
from ._rows import _nn

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


scaled_dot_product_attention = _nn.scaled_dot_product_attention


def _none_or_dtype(input):
    """input's dtype, None for None."""
    if input is None:
        return None
    if isinstance(input, rl.Tensor):
        return input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """mask as a floating one of target_type: -inf for True, 0 for False."""
    if mask is None:
        return None
    if mask.dtype != rl.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported, got {mask.dtype}")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both "
                      "instead.", stacklevel=2)
    if mask.is_floating_point():
        return mask
    return rl.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the inputs have a batch; raises where the ranks of inputs and masks do not fit together."""
    if query.dim() not in (2, 3):
        raise AssertionError("query should be unbatched 2D or batched 3D tensor but received "
                             f"{query.dim()}-D query tensor")
    rank = query.dim()
    kind = "batched" if rank == 3 else "unbatched"
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(f"For {kind} ({rank}-D) `query`, expected `key` and `value` to be {rank}-D but found "
                             f"{key.dim()}-D and {value.dim()}-D tensors respectively")
    if key_padding_mask is not None and key_padding_mask.dim() != rank - 1:
        raise AssertionError(f"For {kind} ({rank}-D) `query`, expected `key_padding_mask` to be `None` or "
                             f"{rank - 1}-D but found {key_padding_mask.dim()}-D tensor instead")
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(f"For {kind} ({rank}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but "
                             f"found {attn_mask.dim()}-D tensor instead")
    if rank == 2 and attn_mask is not None and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {tuple(attn_mask.shape)}")
    return rank == 3


def _in_projection_packed(q, k, v, w, b=None):
    """q, k, v through the three thirds of w; one product where they are the same tensor."""
    e = q.size(-1)
    if k is v:
        if q is k:
            proj = _nn.linear(q, w, b)
            return [part.contiguous() for part in proj.chunk(3, -1)]
        w_q, w_kv = w.split([e, 2 * e])
        b_q, b_kv = (None, None) if b is None else b.split([e, 2 * e])
        both = _nn.linear(k, w_kv, b_kv)
        return [_nn.linear(q, w_q, b_q), *(part.contiguous() for part in both.chunk(2, -1))]
    w_q, w_k, w_v = w.chunk(3)
    b_q, b_k, b_v = (None, None, None) if b is None else b.chunk(3)
    return [_nn.linear(q, w_q, b_q), _nn.linear(k, w_k, b_k), _nn.linear(v, w_v, b_v)]


def _in_projection(q, k, v, w_q, w_k, w_v, b_q=None, b_k=None, b_v=None):
    """q, k, v through a weight each."""
    e = q.size(-1)
    for name, w, shape in (("query", w_q, (e, e)), ("key", w_k, (e, k.size(-1))), ("value", w_v, (e, v.size(-1)))):
        if tuple(w.shape) != shape:
            raise AssertionError(f"expecting {name} weights shape of {shape}, but got {tuple(w.shape)}")
    return _nn.linear(q, w_q, b_q), _nn.linear(k, w_k, b_k), _nn.linear(v, w_v, b_v)


def _project(query, key, value, in_proj_weight, in_proj_bias, separate):
    """The three projections, packed or separate."""
    if separate is None:
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        return _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)
    for name, weight in zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), separate):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name} is None")
    biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
    return _in_projection(query, key, value, *separate, *biases)


def _checked_attn_mask(attn_mask, length, source, batch_heads):
    """attn_mask of shape (1 or N heads, L, S)."""
    if attn_mask is None:
        return None
    expected = (length, source) if attn_mask.dim() == 2 else (batch_heads, length, source)
    if tuple(attn_mask.shape) != expected:
        raise RuntimeError(f"The shape of the {attn_mask.dim()}D attn_mask is {tuple(attn_mask.shape)}, but should "
                           f"be {expected}.")
    return attn_mask.unsqueeze(0) if attn_mask.dim() == 2 else attn_mask


def _widened(mask, columns=1):
    """mask with more columns of zeros, for keys that everyone may see."""
    if mask is None:
        return None
    return rl.cat([mask, mask.new_zeros(*mask.shape[:-1], columns)], -1)


def _heads(tensor, batch_heads, head_dim):
    """(S, N, E) -> (N heads, S, head_dim)."""
    return tensor.view(tensor.shape[0], batch_heads, head_dim).transpose(0, 1)


def _given_heads(given, projected, batch_heads, head_dim, name):
    """The heads of a projection, or the keys and values that were given outright."""
    if given is None:
        return _heads(projected, batch_heads, head_dim)
    if given.size(0) != batch_heads:
        raise AssertionError(f"expecting {name}.size(0) of {batch_heads}, but got {given.size(0)}")
    if given.size(2) != head_dim:
        raise AssertionError(f"expecting {name}.size(2) of {head_dim}, but got {given.size(2)}")
    return given


def _attend(q, k, v, mask, dropout_p, need_weights, is_causal, bsz, num_heads):
    """(N heads, L, d) each -> the joined heads (L N, E) and the weights where they are wanted."""
    length, source, head_dim = q.size(1), k.size(1), q.size(2)
    if need_weights:
        scaled = q * math.sqrt(1.0 / head_dim)
        if is_causal and mask is None:
            raise AssertionError("is_causal not implemented for need_weights: give the mask")
        scores = rl.bmm(scaled, k.transpose(-2, -1)) if mask is None else rl.baddbmm(mask, scaled,
                                                                                     k.transpose(-2, -1))
        weights = rl.softmax(scores, -1)
        if dropout_p > 0.0:
            weights = _nn.dropout(weights, dropout_p, True)
        joined = rl.bmm(weights, v).transpose(0, 1).reshape(length * bsz, num_heads * head_dim)
        return joined, weights.view(bsz, num_heads, length, source)
    if mask is not None:
        whole = mask.size(0) == 1 and mask.dim() == 3
        mask = mask.unsqueeze(0) if whole else mask.view(bsz, num_heads, -1, source)
    out = scaled_dot_product_attention(
        q.view(bsz, num_heads, length, head_dim), k.view(bsz, num_heads, source, head_dim),
        v.view(bsz, num_heads, source, head_dim), mask, dropout_p, is_causal)
    return out.permute(2, 0, 1, 3).reshape(length * bsz, num_heads * head_dim), None


def _check_sizes(query, key, value, embed_dim_to_check, num_heads, separate):
    """embed_dim must be the layer's and divide into heads; keys and values must go together."""
    embed_dim = query.shape[2]
    if embed_dim != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}")
    if embed_dim // num_heads * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if separate is not None:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's "
                                 f"{tuple(value.shape[:2])}")
    elif key.shape != value.shape:
        raise AssertionError(f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")


def _check_key_padding_mask(key_padding_mask, src_len, bsz):
    if tuple(key_padding_mask.shape) != (bsz, src_len):
        raise AssertionError(f"expecting key_padding_mask shape of {(bsz, src_len)}, but got "
                             f"{tuple(key_padding_mask.shape)}")


def _merged(attn_mask, key_padding_mask, bsz, num_heads):
    """Both masks as one: (N heads, 1 or L, S)."""
    if key_padding_mask is None:
        return attn_mask
    source = key_padding_mask.size(1)
    per_head = key_padding_mask.view(bsz, 1, 1, source).expand(-1, num_heads, -1, -1)
    per_head = per_head.reshape(bsz * num_heads, 1, source)
    return per_head if attn_mask is None else attn_mask + per_head


def multi_head_attention_forward(
        query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v,
        add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True, key_padding_mask=None,
        need_weights=True, attn_mask=None, use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None,
        v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True, is_causal=False):
    """MultiheadAttention as a function: (L, N, E), (S, N, kdim), (S, N, vdim) -> (L, N, E), weights or None."""
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same = (key is query, value is key)
        query = query.unsqueeze(1)
        key = query if same[0] else key.unsqueeze(1)
        value = key if same[1] else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, bsz, embed_dim = query.shape
    source = key.shape[0]
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask",
                                       query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        is_causal = is_causal and key_padding_mask is None and not need_weights
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, separate)
    head_dim = embed_dim // num_heads
    q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias, separate)
    attn_mask = _checked_attn_mask(attn_mask, length, source, bsz * num_heads)
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k, v = rl.cat([k, bias_k.repeat(1, bsz, 1)]), rl.cat([v, bias_v.repeat(1, bsz, 1)])
        attn_mask, key_padding_mask = _widened(attn_mask), _widened(key_padding_mask)
    elif bias_k is not None or bias_v is not None:
        raise AssertionError("bias_k and bias_v come together: one of them is None")
    q = _heads(q, bsz * num_heads, head_dim)
    k = _given_heads(static_k, k, bsz * num_heads, head_dim, "static_k")
    v = _given_heads(static_v, v, bsz * num_heads, head_dim, "static_v")
    if add_zero_attn:
        zeros = k.new_zeros(bsz * num_heads, 1, head_dim)
        k, v = rl.cat([k, zeros], 1), rl.cat([v, zeros], 1)
        attn_mask, key_padding_mask = _widened(attn_mask), _widened(key_padding_mask)
    if key_padding_mask is not None:
        _check_key_padding_mask(key_padding_mask, k.size(1), bsz)
    mask = _merged(attn_mask, key_padding_mask, bsz, num_heads)
    joined, weights = _attend(q, k, v, mask, dropout_p if training else 0.0, need_weights, is_causal, bsz, num_heads)
    output = _nn.linear(joined, out_proj_weight, out_proj_bias).view(length, bsz, out_proj_weight.size(0))
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if not batched:
        output = output.squeeze(1)
        weights = None if weights is None else weights.squeeze(0)
    return output, weights


ask_first(globals())
