"""Copies of a module that share its parameters."""

import copy

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """One copy per device; all hold the same parameters (detached: their values without gradients)."""
    shared = {id(t): (t.detach() if detach else t) for t in (*network.parameters(), *network.buffers())}
    return [copy.deepcopy(network, dict(shared)) for _ in devices]
