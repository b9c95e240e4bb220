"""Parameters as one vector, and back."""

import rushlight as rl

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """All elements of all parameters, one after the other; differentiable."""
    return rl.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Let the parameters' data be the vector's parts, in order."""
    if not isinstance(vec, rl.Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        p.data = vec[start:start + p.numel()].view_as(p).data
        start += p.numel()
