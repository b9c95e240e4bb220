"""Losses, bags and pools under torch's own names, which take numbers where nn.functional takes words.

A reduction is 0 for none, 1 for mean, 2 for sum.  torch's parser makes none of the default, whatever its tables say, and so do these.
"""

import rushlight as rl

from ._asking import ask_first

_F = rl.nn.functional
_REDUCTIONS = {1: "mean", 2: "sum"}
_BAGS = ("sum", "mean", "max")


def _word(reduction):
    return _REDUCTIONS.get(reduction, "none")


def kl_div(input, target, reduction=0, *, log_target=False):
    """nn.functional.kl_div with a number for the reduction."""
    return _F.kl_div(input, target, reduction=_word(reduction), log_target=log_target)


def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """nn.functional.binary_cross_entropy_with_logits with a number for the reduction."""
    return _F.binary_cross_entropy_with_logits(input, target, weight, pos_weight=pos_weight, reduction=_word(reduction))


def hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """nn.functional.hinge_embedding_loss with a number for the reduction."""
    return _F.hinge_embedding_loss(input, target, margin, reduction=_word(reduction))


def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """nn.functional.cosine_embedding_loss with a number for the reduction."""
    return _F.cosine_embedding_loss(input1, input2, target, margin, reduction=_word(reduction))


def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """nn.functional.margin_ranking_loss with a number for the reduction."""
    return _F.margin_ranking_loss(input1, input2, target, margin, reduction=_word(reduction))


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction=0):
    """nn.functional.triplet_margin_loss with a number for the reduction."""
    return _F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=_word(reduction))


def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """nn.functional.poisson_nll_loss with a number for the reduction."""
    return _F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_word(reduction))


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False):
    """nn.functional.ctc_loss with a number for the reduction."""
    return _F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _word(reduction), zero_infinity)


def adaptive_max_pool1d(input, output_size):
    """nn.functional.adaptive_max_pool1d and the indices of the maxima."""
    return _F.adaptive_max_pool1d(input, output_size, return_indices=True)


def embedding_bag(weight, indices, offsets, scale_grad_by_freq=False, mode=0, sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None):
    """nn.functional.embedding_bag with a number for the mode, 0 sum, 1 mean, 2 max; beside it the bag of each index, the sizes of the bags and where maxima come from."""
    result = _F.embedding_bag(indices, weight, offsets, scale_grad_by_freq=scale_grad_by_freq, mode=_BAGS[mode], sparse=sparse, per_sample_weights=per_sample_weights,
                              include_last_offset=include_last_offset, padding_idx=padding_idx)
    if mode == 0:       # torch leaves these unset as well
        return result, indices.new_empty(0), indices.new_zeros(len(offsets)), indices.new_zeros(len(offsets))
    begins = offsets[:-1] if include_last_offset else offsets
    bags = rl.searchsorted(begins, rl.arange(len(indices), dtype=begins.dtype), right=True).to(indices.dtype) - 1
    sizes = rl.bincount(bags, minlength=len(begins)).to(indices.dtype)
    if mode == 1:
        return result, bags, sizes, sizes.clone()
    best = indices.new_zeros(result.shape)
    for bag, inside in enumerate(indices.split(sizes.tolist())):
        if len(inside):
            best[bag] = inside[weight.detach()[inside].argmax(0)]
    return result, bags, sizes, best


ask_first(globals())
