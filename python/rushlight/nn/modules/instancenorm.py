"""Instance normalisation: every channel of every sample normalised by itself."""

import warnings

from .. import functional as F
from .batchnorm import _LazyNormBase, _need_rank, _NormBase

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
           "LazyInstanceNorm3d"]


class _InstanceNorm(_NormBase):
    """Statistics over space alone; by default without weights and without running statistics."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, device=None,
                 dtype=None, *, bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype,
                         bias=bias)

    def _get_no_batch_dim(self):
        raise NotImplementedError(f"{type(self).__name__} does not say which rank an unbatched input has")

    def _handle_no_batch_input(self, input):
        return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)

    def _apply_instance_norm(self, input):
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias,
                               self.training or not self.track_running_stats,
                               self.momentum if self.momentum is not None else 0.0, self.eps)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                              error_msgs):
        """Very old files carry running statistics that this layer does not track: say how to get rid of them."""
        version = local_metadata.get("version", None)
        if version is None and not self.track_running_stats:
            stray = [prefix + n for n in ("running_mean", "running_var") if prefix + n in state_dict]
            if stray:
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {' and '.join(map(repr, stray))} for {type(self).__name__} "
                    "with track_running_stats=False. If the statistics are wanted, create the layer with "
                    "track_running_stats=True; if not, delete these keys from the state dict before loading it.")
                for key in stray:
                    state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                                      error_msgs)

    def forward(self, input):
        self._check_input_dim(input)
        feature_dim = input.dim() - self._get_no_batch_dim()
        if input.size(feature_dim) != self.num_features:
            if self.affine:
                raise ValueError(f"expected input's size at dim={feature_dim} to match num_features "
                                 f"({self.num_features}), but got: {input.size(feature_dim)}.")
            warnings.warn(f"input's size at dim={feature_dim} does not match num_features: {input.size(feature_dim)} "
                          f"against {self.num_features}, which plays no part while affine=False", stacklevel=2)
        if input.dim() == self._get_no_batch_dim():
            return self._handle_no_batch_input(input)
        return self._apply_instance_norm(input)


class _Rank1:
    """Takes (N, C, L) and (C, L)."""

    def _get_no_batch_dim(self):
        return 2

    def _check_input_dim(self, input):
        _need_rank(input, 2, 3)


class _Rank2:
    """Takes (N, C, H, W) and (C, H, W)."""

    def _get_no_batch_dim(self):
        return 3

    def _check_input_dim(self, input):
        _need_rank(input, 3, 4)


class _Rank3:
    """Takes (N, C, D, H, W) and (C, D, H, W)."""

    def _get_no_batch_dim(self):
        return 4

    def _check_input_dim(self, input):
        _need_rank(input, 4, 5)


class InstanceNorm1d(_Rank1, _InstanceNorm):
    """Instance normalisation of (N, C, L) or (C, L)."""


class InstanceNorm2d(_Rank2, _InstanceNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W)."""


class InstanceNorm3d(_Rank3, _InstanceNorm):
    """Instance normalisation of (N, C, D, H, W) or (C, D, H, W)."""


class LazyInstanceNorm1d(_Rank1, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d that reads num_features off its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_Rank2, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d that reads num_features off its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_Rank3, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d that reads num_features off its first input."""

    cls_to_become = InstanceNorm3d
