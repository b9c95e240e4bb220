"""The graph behind backward: its nodes and edges, hooks on what they save, hooks on several gradients at once."""

import abc
import contextlib
import functools
from typing import Any, NamedTuple

import rushlight as rl
from rushlight.utils.hooks import RemovableHandle

__all__ = ["saved_tensors_hooks", "save_on_cpu", "disable_saved_tensors_hooks", "register_multi_grad_hook",
           "allow_mutation_on_saved_tensors", "Node", "GradientEdge", "get_gradient_edge", "increment_version",
           "region_activation_memory_budget", "set_warn_on_accumulate_grad_stream_mismatch", "set_override_stale_capture_stream"]


class Node(abc.ABC):
    """What tensor.grad_fn is an instance of: name(), next_functions, metadata, register_hook(fn), register_prehook(fn)."""

    @classmethod
    def __subclasshook__(cls, subclass):
        return issubclass(subclass, rl._C._Node) or NotImplemented if cls is Node else NotImplemented


class GradientEdge(NamedTuple):
    """Where gradients flow: into output output_nr of a node. It stands for a tensor in backward and grad, and keeps none alive."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def _node_of(tensor):
    """The node that a tensor's gradient flows into: grad_fn, or for a leaf its accumulator."""
    if isinstance(tensor, GradientEdge):
        return tensor.node
    if tensor.requires_grad and tensor.grad_fn is None:
        with rl.enable_grad():
            return tensor.view_as(tensor).grad_fn.next_functions[0][0]
    if tensor.grad_fn is None:
        raise AssertionError("Expected gradient function to be set: the tensor does not require grad")
    return tensor.grad_fn


def get_gradient_edge(tensor):
    """The edge that a tensor's gradient flows into."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(_node_of(tensor), tensor.output_nr)


def increment_version(tensor):
    """Say that a tensor, or each of several, has been written to by means that were not seen."""
    for one in (tensor,) if isinstance(tensor, rl.Tensor) else tensor:
        rl._C._increment_version(one)


class saved_tensors_hooks:
    """A block in which what nodes save goes through pack_hook(tensor), and comes back through unpack_hook(packed)."""

    def __init__(self, pack_hook, unpack_hook) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        rl._C._push_saved_tensors_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *args) -> None:
        rl._C._pop_saved_tensors_hooks()


class save_on_cpu(saved_tensors_hooks):
    """A block in which saved tensors are copied to the CPU's memory: they are copied, though they are there."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.detach().clone()), lambda packed: packed[1].to(packed[0]))


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str):
    """A block in which entering saved_tensors_hooks is an error with this message."""
    before = rl._C._saved_tensors_hooks_disabled_message()
    rl._C._saved_tensors_hooks_disable(error_message)
    try:
        yield
    finally:
        rl._C._saved_tensors_hooks_disable(before)


class _MultiHandle(RemovableHandle):
    """Removes several hooks."""

    def __init__(self, handles) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self):
        return self.handles

    def __setstate__(self, state):
        self.handles = state


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """In every backward call fn(gradients) once all that will come have come ("all"), or fn(gradient) at the first ("any")."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = list(tensors)
    if mode == "any":
        hook = _first_of_each_run(fn)
        return _MultiHandle(tuple(t.register_hook(hook) for t in tensors if t.requires_grad))
    nodes, waiting = [_node_of(t) for t in tensors], {}

    def arrived(i, grad):
        run = rl._C._current_run_id()
        if run not in waiting:
            waiting[run] = [sum(map(rl._C._will_run_node, nodes)), [None] * len(tensors)]
        entry = waiting[run]
        entry[0] -= 1
        entry[1][i] = grad
        if entry[0] == 0:
            del waiting[run]
            fn(entry[1])

    return _MultiHandle(tuple(t.register_hook(functools.partial(arrived, i)) for i, t in enumerate(tensors)))


def _first_of_each_run(fn):
    """fn, called at the first gradient of each backward alone."""
    last = None

    def first(grad):
        nonlocal last
        run = rl._C._current_run_id()
        if run != last:
            last = run
            fn(grad)

    return first


class _Mutable:
    """A block of allow_mutation_on_saved_tensors, for as long as it is open."""

    open = False

    def clear(self):
        """Nothing is kept here: copies live in the nodes."""


_mutable = None


@contextlib.contextmanager
def allow_mutation_on_saved_tensors():
    """A block in which tensors that backward needs may be written to: they are copied when they are saved.

    The graph must be run inside the block too.
    """
    global _mutable
    if _mutable is not None:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    _mutable = state = _Mutable()
    state.open = True

    def unpack(copy):
        if not state.open:
            raise AssertionError("Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was "
                                 "originally recorded.")
        return copy

    with saved_tensors_hooks(lambda tensor: tensor.detach().clone(), unpack):
        try:
            yield state
        finally:
            state.open, _mutable = False, None


def region_activation_memory_budget(budget: float):
    """Means something to a compiler alone: refused."""
    if isinstance(budget, bool) or not isinstance(budget, (int, float)):
        raise TypeError(f"torch.autograd.graph.region_activation_memory_budget: expects a float, got {type(budget).__name__}")
    if not 0.0 <= budget <= 1.0:
        raise ValueError(f"torch.autograd.graph.region_activation_memory_budget: must be in [0, 1], got {budget}")
    raise RuntimeError("torch.autograd.graph.region_activation_memory_budget can only be used inside a torch.compile region; it has no "
                       "effect in eager mode.")


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Means something to devices with streams: it changes nothing."""


def set_override_stale_capture_stream(enabled: bool) -> None:
    """Means something to devices with streams: it changes nothing."""
