"""Variable, the old name of a tensor that may require grad."""

import rushlight as rl

__all__ = ["VariableMeta", "Variable"]


class VariableMeta(type):
    """Every tensor is a Variable."""

    def __instancecheck__(cls, other):
        return isinstance(other, rl.Tensor)

    def __subclasscheck__(cls, other):
        return issubclass(other, rl.Tensor)


class _Engine:
    """What packages ask of the engine itself."""

    @staticmethod
    def queue_callback(function):
        """Call function() when the backward that is running has ended."""
        rl._C._queue_callback(function)


class Variable(metaclass=VariableMeta):
    """Variable(tensor, requires_grad=False): the tensor itself, detached, marked as asked."""

    _execution_engine = _Engine()

    def __new__(cls, data=None, requires_grad=False, volatile=None):
        data = rl.empty(0) if data is None else data
        if not isinstance(data, rl.Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
