"""Stochastic depth (Huang et al. 2016): a residual branch is left out at random while training."""

import rushlight as rl
from rushlight import nn

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input, p, mode, training=True):
    """input, or zeros with probability p: for the "batch" as one, or for each "row"."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    kept = 1.0 - p
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.dim() - 1)
    noise = rl.empty(size, dtype=input.dtype).bernoulli_(kept)
    return input * (noise.div_(kept) if kept > 0.0 else noise)


class StochasticDepth(nn.Module):
    """stochastic_depth as a layer."""

    def __init__(self, p, mode):
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p}, mode={self.mode})"
