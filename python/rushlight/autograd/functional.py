"""Derivatives of functions of tensors: products with vectors, whole Jacobians and Hessians.

A function takes tensors and returns one or a tuple; results are nested in the same way. Everything is built of backward passes; a
product J v, which forward mode would give, is the derivative of the product v' J with respect to v'. strict=True is an error wherever a
result would be zero because there is no path, and not because of its values.
"""

import rushlight as rl

from . import forward_ad

__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]


def _as_tuple(value, what, name):
    """(whether value was a tuple, value as one)"""
    many = isinstance(value, tuple)
    values = value if many else (value,)
    for i, one in enumerate(values):
        if not isinstance(one, rl.Tensor):
            which = f"value at index {i}" if many else f"given {what}"
            raise TypeError(f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {which} has type "
                            f"{type(one)}.")
    return many, values


def _prepared(inputs, create_graph, need_graph=True):
    """Inputs to differentiate by: connected to the caller's graph where it is to be extended, else cut off from it."""
    return tuple(x.view_as(x) if create_graph and x.requires_grad else forward_ad._detach(x).requires_grad_(need_graph) for x in inputs)


def _released(values, create_graph):
    """Results, detached unless the graph was asked for; nested tuples too."""
    if create_graph:
        return values
    return tuple(forward_ad._detach(v, True) if isinstance(v, rl.Tensor) else _released(v, False) for v in values)


def _unwrapped(values, many):
    return values if many else values[0]


def _checked_v(v, like, many, create_graph, name):
    v = _prepared(_as_tuple(v, "v", name)[1], create_graph, need_graph=False)
    if len(v) != len(like):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}." if many
                           else "The given v should contain a single Tensor.")
    for i, (one, other) in enumerate(zip(v, like)):
        if one.shape != other.shape:
            raise RuntimeError(f"{f'Entry {i} in ' if many else ''}v has invalid size: should be {other.shape} but got {one.shape}.")
    return v


def _check_outputs(outputs, strict):
    for i, y in enumerate(outputs):
        if strict and not y.requires_grad:
            raise RuntimeError(f"Output {i} of the user-provided function does not require gradients. The outputs must be computed "
                               "in a differentiable manner from the input when running in strict mode.")


def _grad(outputs, inputs, grads=None, create_graph=False):
    """autograd.grad, for outputs that may not depend on anything: their gradients are None."""
    grads = (None,) * len(outputs) if grads is None else grads
    live = [(y, g) for y, g in zip(outputs, grads) if y is not None and y.requires_grad]
    if not live:
        return (None,) * len(inputs)
    return rl.autograd.grad([y for y, _ in live], inputs, [g for _, g in live], allow_unused=True, create_graph=create_graph,
                            retain_graph=True)


_UNRELATED = "is independent of input {}. This is not allowed in strict mode"


def _filled(grads, inputs, strict, create_graph, subject, again=None):
    """Zeros for the gradients that are None; in strict mode an error, as where a graph was asked for and ends here."""
    for i, g in enumerate(grads):
        if strict and g is None:
            raise RuntimeError(f"{subject} {_UNRELATED.format(i)}.")
        if strict and create_graph and not g.requires_grad:
            raise RuntimeError(f"{again or subject} {_UNRELATED.format(i)} when create_graph=True.")
    return tuple(rl.zeros_like(x) if g is None else g for g, x in zip(grads, inputs))


_OUTPUT = "The output of the user-provided function"
_JACOBIAN = "The jacobian of the user-provided function"
_HESSIAN = "The hessian of the user-provided function"


def _evaluated(func, inputs, strict, name):
    many, outputs = _as_tuple(func(*inputs), "outputs of the user-provided function", name)
    _check_outputs(outputs, strict)
    return many, outputs


def _scalar(func, inputs, strict, name):
    """The value of a function that must return one element."""
    many, outputs = _evaluated(func, inputs, strict, name)
    if many or not isinstance(outputs[0], rl.Tensor):
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element, "
                           f"but it has shape {tuple(outputs[0].shape)}")
    return outputs[0]


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v^T J): J is the Jacobian at inputs, v has the shape of the output."""
    with rl.enable_grad():
        many_in, inputs = _as_tuple(inputs, "inputs", "vjp")
        inputs = _prepared(inputs, create_graph)
        many_out, outputs = _evaluated(func, inputs, strict, "vjp")
        if v is not None:
            v = _checked_v(v, outputs, many_out, create_graph, "vjp")
        elif len(outputs) != 1 or outputs[0].numel() != 1:
            raise RuntimeError("The vector v can only be None if the user-provided function returns a single Tensor with a single "
                               "element.")
    with rl.set_grad_enabled(create_graph or rl.is_grad_enabled()):
        grads = _filled(_grad(outputs, inputs, v, create_graph), inputs, strict, create_graph, _OUTPUT, _JACOBIAN)
    return _unwrapped(_released(outputs, create_graph), many_out), _unwrapped(_released(grads, create_graph), many_in)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), J v): J is the Jacobian at inputs, v has the shape of the inputs."""
    with rl.enable_grad():
        many_in, inputs = _as_tuple(inputs, "inputs", "jvp")
        inputs = _prepared(inputs, create_graph)
        if v is not None:
            v = _checked_v(v, inputs, many_in, create_graph, "jvp")
        elif len(inputs) != 1 or inputs[0].numel() != 1:
            raise RuntimeError("The vector v can only be None if the input to the user-provided function is a single Tensor with a "
                               "single element.")
        many_out, outputs = _evaluated(func, inputs, strict, "jvp")
        weights = tuple(rl.zeros_like(y, requires_grad=True) for y in outputs)
        backward = _grad(outputs, inputs, weights, create_graph=True)
        for i, g in enumerate(backward):
            if strict and (g is None or not g.requires_grad):
                raise RuntimeError(f"{_OUTPUT if g is None else 'The gradient with respect to the inputs'} {_UNRELATED.format(i)}.")
    v = (rl.ones_like(inputs[0]),) if v is None else v
    with rl.set_grad_enabled(create_graph or rl.is_grad_enabled()):
        live = [(g, w) for g, w in zip(backward, v) if g is not None and g.requires_grad]
        grads = _grad([g for g, _ in live], weights, [w for _, w in live], create_graph) if live else (None,) * len(weights)
        for i, g in enumerate(grads):
            if strict and g is None:
                raise RuntimeError(f"The gradient with respect to the input is independent of entry {i} in the grad_outputs when "
                                   "using the double backward trick to compute forward mode gradients. This is not allowed in "
                                   "strict mode.")
        grads = _filled(grads, outputs, strict, create_graph, _JACOBIAN)
    return _unwrapped(_released(outputs, create_graph), many_out), _unwrapped(_released(grads, create_graph), many_out)


def _check_ways(name, strict, vectorize, strategy, argument="strategy"):
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(f'Expected {argument} to be either "forward-mode" or "reverse-mode". Hint: If your function has more '
                             'outputs than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use '
                             '"reverse-mode".')
    if vectorize and strict:
        raise RuntimeError(f"torch.autograd.functional.{name}: `strict=True` and `vectorized=True` are not supported together. "
                           "Please either set `strict=False` or `vectorize=False`.")
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(f'torch.autograd.functional.{name}: `{argument}="forward-mode"` requires vectorize=True')


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """All derivatives of func at inputs: for each output and input a tensor of the output's shape followed by the input's.

    One backward pass for each element of the outputs, or one forward product for each of the inputs; vectorize changes nothing but
    torch's checks.
    """
    _check_ways("jacobian", strict, vectorize, strategy)
    if strategy == "forward-mode":
        return _forward_jacobian(func, inputs, create_graph)
    with rl.enable_grad():
        many_in, inputs = _as_tuple(inputs, "inputs", "jacobian")
        inputs = _prepared(inputs, create_graph)
        many_out, outputs = _evaluated(func, inputs, strict, "jacobian")
        rows = tuple(_jacobian_of(i, y, inputs, create_graph, strict) for i, y in enumerate(outputs))
    rows = _released(rows, create_graph)
    return _unwrapped(tuple(_unwrapped(row, many_in) for row in rows), many_out)


def _forward_jacobian(func, inputs, create_graph):
    """A forward product for each number of the inputs."""
    many_in, inputs = _as_tuple(inputs, "inputs", "jacobian")
    inputs = _prepared(inputs, create_graph, need_graph=False)
    rows = rl.func.jacfwd(func, tuple(range(len(inputs))))(*inputs)
    many_out = isinstance(rows[0], tuple)
    rows = _released(rows if many_out else (rows,), create_graph)
    return _unwrapped(tuple(_unwrapped(row, many_in) for row in rows), many_out)


def _construct_standard_basis_for(tensors, tensor_numels):
    """For each tensor a matrix of all unit vectors over the numbers of all of them: an identity, cut by columns."""
    if len(tensors) != len(tensor_numels):
        raise AssertionError(f"Expected tensors and tensor_numels to have the same length, got {len(tensors)} and {len(tensor_numels)}")
    if not tensors:
        raise AssertionError("Expected at least one tensor")
    total, start, blocks = sum(tensor_numels), 0, []
    for tensor, length in zip(tensors, tensor_numels):
        block = tensor.new_zeros(total, length)
        block.diagonal(-start).fill_(1)
        start += length
        blocks.append(block)
    return tuple(blocks)


def _jacobian_of(i, y, inputs, create_graph, strict):
    """The derivatives of one output by all inputs."""
    columns = [[] for _ in inputs]
    for element in y.reshape(-1):
        grads = _grad((element,), inputs, create_graph=create_graph)
        for j, (g, x, column) in enumerate(zip(grads, inputs, columns)):
            if strict and g is None:
                raise RuntimeError(f"Output {i} of the user-provided function {_UNRELATED.format(j)}.")
            if strict and create_graph and not g.requires_grad:
                raise RuntimeError(f"{_JACOBIAN} {_UNRELATED.format(j)} when create_graph=True.")
            column.append(rl.zeros_like(x) if g is None else g)
    return tuple((rl.stack(column) if column else x.new_zeros((0, *x.shape))).view((*y.shape, *x.shape))
                 for column, x in zip(columns, inputs))


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """All second derivatives of a function that returns one element: for each pair of inputs a tensor of both shapes."""
    many_in, inputs = _as_tuple(inputs, "inputs", "hessian")
    _check_ways("hessian", strict, vectorize, outer_jacobian_strategy, "outer_jacobian_strategy")

    def gradient(*points):
        value = _scalar(func, points, strict, "hessian")
        grads = _grad((value,), points, create_graph=True)
        for i, g in enumerate(grads):
            if strict and (g is None or not g.requires_grad):
                raise _linear(i)
        return tuple(rl.zeros_like(x) if g is None else g for g, x in zip(grads, points))

    result = jacobian(gradient, inputs, create_graph=create_graph, strict=strict)
    return result if many_in else result[0][0]


def _linear(i):
    return RuntimeError(f"While computing the hessian, found that {_JACOBIAN.lower()} with respect to input {i} is independent of the "
                        "input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and "
                        "that the jacobian depends on the inputs (this would be violated by a linear function for example).")


def _value_and_gradient(func, inputs, v, create_graph, strict, name):
    many, inputs = _as_tuple(inputs, "inputs", name)
    inputs = _prepared(inputs, create_graph)
    if v is not None:
        v = _checked_v(v, inputs, many, create_graph, name)
    elif len(inputs) != 1 or inputs[0].numel() != 1:
        raise RuntimeError("The vector v can only be None if the input to the user-provided function is a single Tensor with a "
                           "single element.")
    else:
        v = (rl.ones_like(inputs[0]),)
    value = _scalar(func, inputs, strict, name)
    gradient = _grad((value,), inputs, create_graph=True)
    for i, g in enumerate(gradient):
        if strict and (g is None or not g.requires_grad):
            raise RuntimeError(f"{_OUTPUT} {_UNRELATED.format(i)}.") if g is None else _linear(i)
    return many, inputs, v, value, gradient


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v^T H): H is the Hessian at inputs of a function that returns one element."""
    with rl.enable_grad():
        many, inputs, v, value, gradient = _value_and_gradient(func, inputs, v, create_graph, strict, "vhp")
    with rl.set_grad_enabled(create_graph or rl.is_grad_enabled()):
        live = [(g, w) for g, w in zip(gradient, v) if g is not None and g.requires_grad]
        product = _grad([g for g, _ in live], inputs, [w for _, w in live], create_graph) if live else (None,) * len(inputs)
        product = _filled(product, inputs, strict, create_graph, _JACOBIAN, _HESSIAN)
    return _released((value,), create_graph)[0], _unwrapped(_released(product, create_graph), many)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), H v). H is symmetric where second derivatives are continuous, so vhp, which is cheaper, gives the same."""
    with rl.enable_grad():
        many, inputs, v, value, gradient = _value_and_gradient(func, inputs, v, create_graph, strict, "hvp")
        weights = tuple(rl.zeros_like(x, requires_grad=True) for x in inputs)
        live = [(g, w) for g, w in zip(gradient, weights) if g is not None and g.requires_grad]
        second = _grad([g for g, _ in live], inputs, [w for _, w in live], True) if live else (None,) * len(inputs)
        for i, g in enumerate(second):
            if strict and (g is None or not g.requires_grad):
                raise RuntimeError(f"{_JACOBIAN if g is None else _HESSIAN} {_UNRELATED.format(i)}.")
    with rl.set_grad_enabled(create_graph or rl.is_grad_enabled()):
        live = [(g, w) for g, w in zip(second, v) if g is not None and g.requires_grad]
        product = _grad([g for g, _ in live], weights, [w for _, w in live], create_graph) if live else (None,) * len(weights)
        product = _filled(product, inputs, False, create_graph, _HESSIAN)
    return _released((value,), create_graph)[0], _unwrapped(_released(product, create_graph), many)
