"""flex_attention: attention with a function of the scores and their places, and masks that are functions of places.

The functions are called once, with whole tensors of scores and of places that broadcast against each other, so they are written with
tensor operations, as a compiler would want them too. A mask is kept as one dense tensor of booleans.
"""

import math

from typing import NamedTuple

import rushlight as rl

__all__ = ["AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "create_nested_block_mask", "flex_attention", "noop_mask", "or_masks"]


_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What flex_attention is to give beside its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What it gave: the logarithm of each row's sum of exponentials, and each row's greatest score."""

    lse: rl.Tensor | None = None
    max_scores: rl.Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """Every place is seen."""
    return rl.ones((), dtype=rl.bool)


def and_masks(*mask_mods):
    """Places that all masks show."""
    if not all(map(callable, mask_mods)):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def both(b, h, q, kv):
        seen = rl.ones((), dtype=rl.bool)
        for mod in mask_mods:
            seen = seen & mod(b, h, q, kv)
        return seen

    return both


def or_masks(*mask_mods):
    """Places that one of the masks shows."""
    if not all(map(callable, mask_mods)):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def either(b, h, q, kv):
        seen = rl.zeros((), dtype=rl.bool)
        for mod in mask_mods:
            seen = seen | mod(b, h, q, kv)
        return seen

    return either


def _places(*sizes):
    """For each size its numbers, along a dim of its own."""
    return [rl.arange(n).reshape([-1 if i == d else 1 for i in range(len(sizes))]) for d, n in enumerate(sizes)]


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device="cpu", **kwargs):
    """The mask as a tensor of booleans: (B, H, Q_LEN, KV_LEN), where B and H may be None for 1."""
    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    return rl.as_tensor(mod_fn(*_places(*sizes))).to(rl.bool).broadcast_to(sizes)


class BlockMask:
    """A mask: its function, its size, and which blocks of it show anything."""

    def __init__(self, mask_mod, mask, block_size):
        self.mask_mod, self._mask, self.BLOCK_SIZE = mask_mod, mask, block_size
        self.seq_lengths = tuple(mask.shape[-2:])

    shape = property(lambda self: tuple(self._mask.shape))
    numel = property(lambda self: self._mask.numel)

    def to_dense(self):
        """1 for each block that shows anything, 0 for the others."""
        (high, wide), (rows, columns) = self.BLOCK_SIZE, self._mask.shape[-2:]
        padded = rl.nn.functional.pad(self._mask.to(rl.int32), (0, -columns % wide, 0, -rows % high))
        blocks = padded.unflatten(-1, (-1, wide)).unflatten(-3, (-1, high))
        return blocks.amax((-1, -3))

    def sparsity(self):
        """How many places lie outside of the blocks that show anything, in percent; negative where blocks reach beyond the mask."""
        return 100 * (1 - self.to_dense().sum().item() * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self._mask.numel())

    def as_mask(self):
        """The mask as a tensor of booleans."""
        return self._mask

    def __getitem__(self, index):
        return BlockMask(self.mask_mod, self._mask[index], self.BLOCK_SIZE)

    def to(self, device):
        """Itself."""
        return self

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%)"


def create_block_mask(mask_mod, B=None, H=None, Q_LEN=None, KV_LEN=None, device="cpu", BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE, _compile=False, **kwargs):
    """A mask from mask_mod(b, h, q, kv), which says whether the query at q sees the key at kv."""
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    return BlockMask(mask_mod, create_mask(mask_mod, B, H, Q_LEN, KV_LEN), size)


def create_nested_block_mask(*args, **kwargs):
    """Refused."""
    raise NotImplementedError("rushlight has no nested tensors: pad, and mask what was padded")


def _check(query, key, value, enable_gqa):
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise ValueError(f"Expected query, key and value to be 4D tensors, but got {query.dim()}D, {key.dim()}D and {value.dim()}D")
    if key.shape[:3] != value.shape[:3]:
        raise ValueError(f"Expect key and value to agree but for their last dim, got {list(key.shape)} and {list(value.shape)}")
    if query.shape[1] != key.shape[1] and (not enable_gqa or query.shape[1] % key.shape[1]):
        raise ValueError(f"Expect query and key/value to have the same number of heads, got Hq={query.shape[1]} and Hkv={key.shape[1]}: "
                         "enable_gqa=True lets several queries share a key where the one divides the other")


def flex_attention(query, key, value, score_mod=None, block_mask=None, scale=None, enable_gqa=False, return_lse=False, kernel_options=None, *, return_aux=None):
    """softmax(score_mod(query @ key^T * scale)) @ value, where block_mask shows."""
    _check(query, key, value, enable_gqa)
    share = query.shape[1] // key.shape[1]
    if share > 1:
        key, value = key.repeat_interleave(share, 1), value.repeat_interleave(share, 1)
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if score_mod is not None:
        scores = score_mod(scores, *_places(*scores.shape)).to(query.dtype)
    if block_mask is not None:
        seen = block_mask.as_mask()[..., :scores.shape[-2], :scores.shape[-1]]
        scores = scores.masked_fill(~seen, -math.inf)
    most = scores.logsumexp(-1)
    weights = rl.where(most.isneginf()[..., None], rl.zeros_like(scores), (scores - most.masked_fill(most.isneginf(), 0)[..., None]).exp())
    out = weights @ value
    if return_aux is not None:
        return out, AuxOutput(most if return_aux.lse else None, scores.amax(-1) if return_aux.max_scores else None)
    return (out, most) if return_lse else out
