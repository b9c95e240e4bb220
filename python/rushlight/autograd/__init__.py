"""Automatic differentiation: backward, grad, custom Functions, and what is built on them."""

import warnings
from collections.abc import Mapping

import rushlight as rl

from . import forward_ad, functional, grad_mode, graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, NestedIOFunction
from .grad_mode import (enable_grad, enforce_grad_layout_policy, inference_mode, no_grad, set_grad_enabled,
                        set_multithreading_enabled)
from .gradcheck import gradcheck, gradgradcheck
from .graph import GradientEdge
from .variable import Variable

__all__ = ["Variable", "Function", "backward", "grad_mode", "NestedIOFunction", "detect_anomaly", "enable_grad", "grad", "gradcheck",
           "gradgradcheck", "inference_mode", "no_grad", "set_detect_anomaly", "set_grad_enabled", "set_multithreading_enabled",
           "enforce_grad_layout_policy", "variable"]


def _as_roots(tensors):
    """A tensor, an edge, or a sequence of them, as a tuple."""
    return (tensors,) if isinstance(tensors, (rl.Tensor, GradientEdge)) else tuple(tensors)


def _as_inputs(inputs, name):
    if isinstance(inputs, Mapping):
        if type(inputs) is not dict:
            raise TypeError(f"`inputs` argument to `{name}()` must be a dict, not {type(inputs).__name__}. Other Mapping types are "
                            "not supported.")
        inputs = tuple(inputs.values())
    inputs = _as_roots(inputs)
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{name}()` cannot be empty.")
    return inputs


def _as_grads(grads, length):
    if grads is None:
        return (None,) * length
    return (grads,) if isinstance(grads, rl.Tensor) else tuple(grads)


def _shape_and_dtype(root):
    if isinstance(root, GradientEdge):
        meta = root.node._input_metadata[root.output_nr]
        return rl.Size(meta.shape), meta.dtype
    return root.shape, root.dtype


def _checked_grads(roots, grads, batched=False):
    """The gradients that backward starts from: those given, checked, and ones where a scalar was given none."""
    checked = []
    for i, (root, grad) in enumerate(zip(roots, grads)):
        if grad is None and isinstance(root, rl.Tensor) and root.numel() == 1 and root.is_floating_point():
            checked.append(None)                         # the engine begins with a one
            continue
        shape, dtype = _shape_and_dtype(root)
        if isinstance(grad, rl.Tensor):
            _check_grad(i, grad, shape, dtype, batched)
        elif grad is not None:
            raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
        elif isinstance(root, GradientEdge) or root.requires_grad:
            if shape.numel() != 1:
                raise RuntimeError(f"grad can be implicitly created only for scalar outputs, but output[{i}] has shape "
                                   f"{tuple(shape)}: reduce it, as with .sum() or .mean(), or give a gradient of that shape")
            if not dtype.is_floating_point:
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {dtype}")
            grad = rl.ones(shape, dtype=dtype)
        checked.append(grad)
    return tuple(checked)


def _check_grad(i, grad, shape, dtype, batched):
    own = grad.shape[1:] if batched else grad.shape
    if own != shape and batched:
        raise RuntimeError("If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. "
                           "The sizes of the remaining dimensions are expected to match the shape of corresponding output, but a "
                           f"mismatch was detected: grad_output[{i}] has a shape of {grad.shape} and output[{i}] has a shape of "
                           f"{shape}.")
    if own != shape:
        raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {grad.shape} and output[{i}] has a shape of {shape}.")
    if dtype.is_complex != grad.dtype.is_complex:
        raise RuntimeError("For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
                           f"grad_output[{i}] has a dtype of {grad.dtype} and output[{i}] has a dtype of {dtype}.")


def backward(tensors, grad_tensors=None, retain_graph: bool | None = None, create_graph: bool = False, grad_variables=None,
             inputs=None) -> None:
    """Add the gradients of tensors, weighted by grad_tensors, to the .grad of the leaves, or of inputs alone."""
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError("`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only "
                               "use `grad_tensors`.")
        grad_tensors = grad_variables
    wanted = () if inputs is None else _as_inputs(inputs, "backward")
    roots = _as_roots(tensors)
    grads = _checked_grads(roots, _as_grads(grad_tensors, len(roots)))
    keep = create_graph if retain_graph is None else retain_graph
    rl._C._run_backward(roots, grads, keep, create_graph, wanted, True, True)


def grad(outputs, inputs, grad_outputs=None, retain_graph: bool | None = None, create_graph: bool = False,
         only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False,
         materialize_grads: bool = False):
    """The gradients of outputs, weighted by grad_outputs, with respect to inputs: a tuple, or a dict where inputs is one."""
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    if not only_inputs:
        warnings.warn("only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other "
                      "parts of the graph, please use torch.autograd.backward.", FutureWarning, stacklevel=2)
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    roots, wanted = _as_roots(outputs), _as_inputs(inputs, "grad")
    grads = _checked_grads(roots, _as_grads(grad_outputs, len(roots)), is_grads_batched)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        result = _batched(roots, grads, keep, create_graph, wanted, allow_unused)
    else:
        result = rl._C._run_backward(roots, grads, keep, create_graph, wanted, allow_unused, False)
    if materialize_grads:
        if any(r is None and isinstance(x, GradientEdge) for r, x in zip(result, wanted)):
            raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
        result = tuple(rl.zeros_like(x, requires_grad=create_graph) if r is None else r for r, x in zip(result, wanted))
    return dict(zip(inputs, result)) if type(inputs) is dict else tuple(result)


def _batched(roots, grads, keep, create_graph, wanted, allow_unused):
    """One backward for each entry of the gradients' first dimension, their results stacked."""
    lengths = {len(g) for g in grads if g is not None}
    if len(lengths) != 1:
        raise ValueError(f"is_grads_batched expects grad_outputs of one batch size, got {sorted(lengths)}")
    length, rows = lengths.pop(), []
    for i in range(length):
        row = tuple(None if g is None else g[i] for g in grads)
        rows.append(rl._C._run_backward(roots, row, keep or i + 1 < length, create_graph, wanted, allow_unused, False))
    if not rows:
        return tuple(x.new_zeros((0, *x.shape)) for x in wanted)
    return tuple(None if column[0] is None else rl.stack(column) for column in zip(*rows))


def variable(*args, **kwargs):
    """Gone; rushlight.tensor makes tensors."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


def _is_checkpoint_valid():
    """Whether a backward inside the running one may add to all leaves."""
    return not rl._C._runs_for_inputs()


def is_multithreading_enabled() -> bool:
    """What set_multithreading_enabled last said."""
    return set_multithreading_enabled._value


def __getattr__(name):
    if name == "profiler":
        import importlib
        return importlib.import_module(".profiler", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
