"""FlopCounterMode: multiplications and additions of the layers of a module, counted by forward hooks.

Linear, convolution and attention layers are counted, forward alone; operations that a forward calls by themselves are not seen.
"""

from collections import defaultdict

import rushlight as rl
from rushlight import nn

__all__ = ["FlopCounterMode"]


def _flops(module, inputs, output):
    """Two for each multiplication and addition of a layer."""
    if isinstance(module, nn.Linear):
        return 2 * output.numel() * module.in_features
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        return 2 * inputs[0].numel() * module.weight[0].numel()
    if isinstance(module, nn.modules.conv._ConvNd):
        return 2 * output.numel() * module.weight[0].numel()
    return 0


class FlopCounterMode:
    """A block in which the layers of all modules count what they compute."""

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        self.depth, self.display, self.flop_counts = depth, display, defaultdict(lambda: defaultdict(int))
        self._handle = None

    def _count(self, module, inputs, output):
        if isinstance(output, rl.Tensor) and (found := _flops(module, inputs, output)):
            for name in ("Global", type(module).__name__):
                self.flop_counts[name][type(module).__name__] += found

    def __enter__(self):
        self.flop_counts.clear()
        self._handle = nn.modules.module.register_module_forward_hook(self._count)
        return self

    def __exit__(self, *exc):
        self._handle.remove()
        if self.display:
            print(self.get_table(self.depth))
        return False

    def get_total_flops(self):
        """The sum over all layers."""
        return sum(self.flop_counts["Global"].values()) if "Global" in self.flop_counts else 0

    def get_flop_counts(self):
        """{"Global": {kind of layer: count}, kind: ...}"""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth=None):
        """The counts as text."""
        total = max(self.get_total_flops(), 1)
        rows = [("Global", self.get_total_flops()), *(self.flop_counts["Global"].items() if "Global" in self.flop_counts else ())]
        return "\n".join([f"{'Module':<20}{'FLOP':>16}{'% Total':>10}", *(f"{name:<20}{count:>16}{100 * count / total:>9.2f}%" for name, count in rows)])
