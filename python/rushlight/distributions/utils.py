"""What the distributions share: broadcasting of parameters, probabilities against logits, properties computed once."""

from numbers import Number

import rushlight as torch

__all__ = ["broadcast_all", "logits_to_probs", "clamp_probs", "probs_to_logits", "lazy_property", "tril_matrix_to_vec",
           "vec_to_tril_matrix"]

euler_constant = 0.57721566490153286060


def broadcast_all(*values):
    """All values as tensors of one shape. Numbers take the dtype of the first tensor, or the default dtype if there is none."""
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    if len(tensors) != len(values):
        if not all(isinstance(value, (torch.Tensor, Number)) for value in values):
            raise ValueError("Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__.")
        dtype = tensors[0].dtype if tensors else torch.get_default_dtype()
        values = [value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=dtype) for value in values]
    return torch.broadcast_tensors(*values)


def _all_numbers(*values):
    """Whether the batch of these parameters has no dimensions because all are plain numbers."""
    return all(isinstance(value, Number) for value in values)


def _standard_normal(shape, dtype, device):
    return torch.empty(shape, dtype=dtype, device=device).normal_()


def _sum_rightmost(value, dim):
    """Summed over its last dim dimensions."""
    return value if dim == 0 else value.sum(tuple(range(-min(dim, value.dim()), 0)))


def logits_to_probs(logits, is_binary=False):
    """Probabilities of logits: of one yes or no each (is_binary), or of the alternatives along the last dimension."""
    return torch.sigmoid(logits) if is_binary else torch.softmax(logits, -1)


def clamp_probs(probs):
    """Probabilities kept an epsilon of their dtype away from 0 and 1, so that logarithms are finite."""
    eps = torch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """log(p / (1 - p)) if is_binary, else log(p)."""
    probs = clamp_probs(probs)
    return torch.log(probs) - torch.log1p(-probs) if is_binary else torch.log(probs)


class lazy_property:
    """A method read as an attribute: computed when first asked for, then kept in the instance under the same name."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.__doc__, self.__name__ = wrapped.__doc__, wrapped.__name__

    def __get__(self, instance, obj_type=None):
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        with torch.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What the class shows of a lazy_property: documentation tools take it for a property."""

    def __init__(self, wrapped):
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat, diag=0):
    """The entries on and below the diagonal number diag, row by row, of matrices (..., n, n)."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = torch.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag=0):
    """The matrices (..., n, n) whose entries on and below the diagonal number diag are vec, row by row; zeros elsewhere."""
    length = vec.shape[-1]
    n = round((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * length + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    if len(torch.tril_indices(n, n, diag)[0]) != length:
        raise ValueError(f"The size of last dimension is {length} which cannot be expressed as "
                         "the lower triangular part of a square D x D matrix.")
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    rows, columns = torch.tril_indices(n, n, diag)
    mat[..., rows, columns] = vec
    return mat
