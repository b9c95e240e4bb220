"""gradcheck: derivatives that backward gives, against differences of function values.

All numbers are taken as real: a complex input or output counts as two. The Jacobian of each output by each input is built twice, column
by column from differences (numerical) and row by row from backward passes (analytical), and the two are compared. fast_mode compares
one random weighting of rows and columns instead.
"""

import contextlib
import warnings

import rushlight as rl

from . import forward_ad

__all__ = ["gradcheck", "gradgradcheck", "GradcheckError", "get_numerical_jacobian", "get_analytical_jacobian",
           "get_numerical_jacobian_wrt_specific_input"]


class GradcheckError(RuntimeError):
    """Backward does not give the derivative of forward."""


def _as_tuple(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _is_differentiable(x):
    return isinstance(x, rl.Tensor) and x.requires_grad


def _tensors(values):
    """The tensors with floating or complex numbers among the outputs."""
    return tuple(y for y in _as_tuple(values) if isinstance(y, rl.Tensor) and (y.is_floating_point() or y.is_complex()))


def _flat(x):
    """A tensor's numbers, real ones, in a row."""
    x = x.detach().resolve_conj() if x.is_complex() else x.detach()
    return (rl.view_as_real(x) if x.is_complex() else x).reshape(-1)


# ---- numerical

@contextlib.contextmanager
def _moved(x, step):
    """While the block lasts x's own numbers are others: func may know x by another way than its arguments, as a module's parameter."""
    numbers = x.data
    kept = numbers.clone()
    numbers.add_(step)
    try:
        yield
    finally:
        numbers.copy_(kept)


def _flat_view(x):
    """_flat, of a contiguous tensor: writing to it writes to x."""
    return (rl.view_as_real(x) if x.is_complex() else x).view(-1)


def _check_same_kind(before, after, eps):
    for i, (a, b) in enumerate(zip(before, after)):
        for what in ("shape", "dtype"):
            if getattr(a, what) != getattr(b, what):
                raise AssertionError(f"Expected `func` to return outputs with the same {what} when inputs are perturbed on index {i} by "
                                     f"{eps}, but got: {what}s {getattr(a, what)} and {getattr(b, what)}.")


def _numerical(func, inputs, which, outputs, eps):
    """Jacobians of all outputs by one input: matrices with a column for each number of the input."""
    step = rl.zeros_like(inputs[which].detach(), memory_format=rl.contiguous_format)
    columns = [[] for _ in outputs]
    for index in range(_flat(step).numel()):
        ends = []
        for change in (-eps, eps):
            _flat_view(step)[index] = change
            with _moved(inputs[which], step):
                ends.append([y.detach().clone() for y in _tensors(func(*inputs))])
        _flat_view(step)[index] = 0
        _check_same_kind(outputs, ends[0], eps)
        _check_same_kind(ends[0], ends[1], eps)
        for column, low, high in zip(columns, *ends):
            column.append((_flat(high) - _flat(low)) / (2 * eps))
    return [rl.stack(c, 1) if c else _flat(y).new_zeros((_flat(y).numel(), 0)) for c, y in zip(columns, outputs)]


def get_numerical_jacobian_wrt_specific_input(fn, input_idx, inputs, outputs, eps, input=None, is_forward_ad=False):
    """Numerical Jacobians of the outputs by one input, transposed: a row for each number of the input."""
    return tuple(j.T for j in _numerical(fn, inputs, input_idx, _tensors(outputs), eps))


def get_numerical_jacobian(fn, inputs, target=None, eps=1e-3, grad_out=1.0):
    """Numerical Jacobians of fn(inputs), a real function, by each input (or those of target) that requires grad."""
    if grad_out != 1.0:
        raise ValueError("Expected grad_out to be 1.0. get_numerical_jacobian no longer supports values of grad_out != 1.0.")
    inputs = _as_tuple(inputs)
    targets = inputs if target is None else _as_tuple(target)
    outputs = _tensors(fn(inputs))
    if any(y.is_complex() for y in outputs):
        raise ValueError("Expected output to be non-complex. get_numerical_jacobian no longer supports functions that return complex "
                         "outputs.")
    wanted = [i for i, x in enumerate(inputs) if any(x is t for t in targets) and _is_differentiable(x)]
    return tuple(_numerical(lambda *xs: fn(xs), inputs, i, outputs, eps)[0].T for i in wanted)


# ---- analytical

def _units(y):
    """Gradients that ask for one number of y each."""
    count = _flat(y).numel()
    for index in range(count):
        unit = rl.zeros_like(y.detach()).contiguous()
        _flat_view(unit)[index] = 1
        yield unit


def _backward(y, inputs, weight):
    return rl.autograd.grad(y, inputs, weight, retain_graph=True, allow_unused=True)


def _row(grads, inputs, check_dtypes):
    """Flat gradients, zeros where None; and the checks on their kind."""
    row = []
    for g, x in zip(grads, inputs):
        if g is None:
            row.append(rl.zeros_like(_flat(x)))
            continue
        if g.shape != x.shape:
            raise GradcheckError(f"Analytical gradient has incorrect size: {tuple(g.shape)} for an input of {tuple(x.shape)}")
        if check_dtypes and g.dtype != x.dtype:
            raise GradcheckError(f"Gradient has dtype mismatch: {g.dtype} for an input of {x.dtype}")
        g = g if g.is_complex() or not x.is_complex() else g.to(x.dtype)
        row.append(_flat(g))
    return row


def _analytical(y, inputs, nondet_tol=0.0, check_dtypes=False):
    """Jacobians of one output by all inputs: matrices with a row for each number of the output."""
    rows, again = [], []
    for unit in _units(y):
        rows.append(_row(_backward(y, inputs, unit), inputs, check_dtypes))
        again.append(_row(_backward(y, inputs, unit), inputs, False))
    matrices = []
    for j, x in enumerate(inputs):
        if not rows:
            matrices.append(_flat(x).new_zeros((0, _flat(x).numel())))
            continue
        first, second = rl.stack([r[j] for r in rows]), rl.stack([r[j] for r in again])
        if first.numel() and not (first - second).abs().max().item() <= nondet_tol:
            raise GradcheckError("Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                                 "gives different values, although analytical gradient matches numerical gradient."
                                 f"The tolerance for nondeterminism was {nondet_tol}.")
        matrices.append(first)
    return matrices


def get_analytical_jacobian(inputs, output, nondet_tol=0.0, grad_out=1.0):
    """(Jacobians transposed, reentrant, sizes right, dtypes right) of one real output, from backward passes."""
    if grad_out != 1.0:
        raise ValueError("Expected grad_out to be 1.0. get_analytical_jacobian no longer supports values of grad_out != 1.0.")
    if output.is_complex():
        raise ValueError("Expected output to be non-complex. get_analytical_jacobian no longer supports functions that return complex "
                         "outputs.")
    inputs = tuple(x for x in _as_tuple(inputs) if _is_differentiable(x))
    try:
        matrices, reentrant = _analytical(output, inputs, nondet_tol), True
    except GradcheckError:
        matrices, reentrant = _analytical(output, inputs, float("inf")), False
    return tuple(m.T for m in matrices), reentrant, True, True


# ---- comparing

def _check_inputs(inputs):
    for i, x in enumerate(inputs):
        if not _is_differentiable(x):
            continue
        if x.dtype not in (rl.float64, rl.complex128):
            warnings.warn(f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will "
                          "likely fail if all the inputs are not of double precision floating point or complex. ", stacklevel=4)
        if any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape)):
            raise RuntimeError(f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                               "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                               ".contiguous on the input before passing it to gradcheck.")
        x.retain_grad()
    if not any(map(_is_differentiable, inputs)):
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True.")


def _close(a, n, rtol, atol):
    if a.dtype != n.dtype:
        wide = rl.promote_types(a.dtype, n.dtype)
        a, n = a.to(wide), n.to(wide)
    return rl.allclose(a, n, rtol, atol)


def _check_jacobians(func, inputs, outputs, o, eps, atol, rtol, **analytical):
    """Compare all Jacobians; o maps the differentiable outputs into all of them."""
    wanted = [i for i, x in enumerate(inputs) if _is_differentiable(x)]
    numerical = {i: _numerical(func, inputs, i, outputs, eps) for i in wanted}
    for k in o:
        for i, a in zip(wanted, _analytical(outputs[k], [inputs[i] for i in wanted], **analytical)):
            n = numerical[i][k]
            if not _close(a, n, rtol, atol):
                raise GradcheckError(f"Jacobian mismatch for output {k} with respect to input {i},\n"
                                     f"numerical:{n.T}\nanalytical:{a.T}\n")


def _check_projections(func, inputs, outputs, o, eps, atol, rtol, **analytical):
    """Compare v^T J u for one random u over all inputs and v over each output: two evaluations and one backward each."""
    wanted = [i for i, x in enumerate(inputs) if _is_differentiable(x)]
    directions = [_unit_vector(inputs[i]) for i in wanted]
    ends = []
    for sign in (-1, 1):
        with contextlib.ExitStack() as moved:
            for i, u in zip(wanted, directions):
                moved.enter_context(_moved(inputs[i], u * (sign * eps)))
            ends.append([y.detach().clone() for y in _tensors(func(*inputs))])
    for k in o:
        change = (_flat(ends[1][k]) - _flat(ends[0][k])) / (2 * eps)
        v = _unit_vector(outputs[k])
        grads = _row(_backward(outputs[k], [inputs[i] for i in wanted], v), [inputs[i] for i in wanted],
                     analytical.get("check_dtypes", False))
        n, a = (_flat(v) * change).sum(), sum((g * _flat(u)).sum() for g, u in zip(grads, directions))
        scale = 1 + (_flat(v).abs().sum() * sum(_flat(u).abs().sum() for u in directions)).item()
        if not _close(a, n, rtol, atol * scale):
            raise GradcheckError(f"Jacobian mismatch for output {k} with respect to inputs {wanted} in a random direction,\n"
                                 f"numerical:{n}\nanalytical:{a}\n"
                                 "\nThe above quantities relating the numerical and analytical jacobians are computed in fast mode.")


def _unit_vector(x):
    with rl.random.fork_rng():
        v = rl.rand_like(x.detach()) + 0.1
    return v / v.norm()


def _check_zero_outputs(func, inputs, outputs, eps):
    """Nothing is differentiable: then nothing may change."""
    for i, x in enumerate(inputs):
        if _is_differentiable(x):
            for n in _numerical(func, inputs, i, outputs, eps):
                if (n != 0).any().item():
                    raise GradcheckError("Numerical gradient for function expected to be zero")


def _check_zero_grads(outputs, inputs):
    """Gradients of zero must give zero, in the inputs' dtype."""
    wanted = [x for x in inputs if _is_differentiable(x)]
    zeros = [rl.zeros_like(y.detach()) for y in outputs]
    for g, x in zip(rl.autograd.grad(outputs, wanted, zeros, retain_graph=True, allow_unused=True), wanted):
        if g is None:
            continue
        if not (g == 0).all().item():
            raise GradcheckError("backward not multiplied by grad_output")
        if g.dtype != x.dtype:
            raise GradcheckError(f"grad is incorrect type: {g.dtype} for an input of {x.dtype}")
        if g.shape != x.shape:
            raise GradcheckError(f"grad is incorrect size: {tuple(g.shape)} for an input of {tuple(x.shape)}")


def _check_undefined_grads(func, inputs):
    """Outputs that get no gradient must not disturb backward of the others."""
    outputs = [y for y in _tensors(func(*inputs)) if y.requires_grad]
    wanted = [x for x in inputs if _is_differentiable(x)]
    for i, y in enumerate(outputs if len(outputs) > 1 else ()):
        try:
            rl.autograd.grad([y], wanted, [rl.zeros_like(y.detach())], retain_graph=True, allow_unused=True)
        except RuntimeError as error:
            raise GradcheckError(f"Expected backward function to handle undefined output grads, but with a gradient for output {i} "
                                 f"alone it failed: {error}") from error


def _check_batched(outputs, inputs):
    """is_grads_batched gives the rows that single calls give."""
    wanted = [x for x in inputs if _is_differentiable(x)]
    for k, y in enumerate(outputs):
        batch = rl.stack([rl.rand_like(y.detach()) for _ in range(2)])
        got = rl.autograd.grad([y], wanted, [batch], retain_graph=True, allow_unused=True, is_grads_batched=True)
        rows = [rl.autograd.grad([y], wanted, [g], retain_graph=True, allow_unused=True) for g in batch]
        for j, (have, *single) in enumerate(zip(got, *rows)):
            if have is not None and not _close(have, rl.stack(single), 1e-5, 1e-8):
                raise GradcheckError(f"Batched gradients of output {k} with respect to input {j} differ from single ones")


def _forward_column(func, inputs, which, tangent):
    """The outputs' tangents, zeros where None, for one tangent of one input."""
    with forward_ad.dual_level():
        points = [forward_ad.make_dual(x.detach().requires_grad_(), tangent) if i == which else x for i, x in enumerate(inputs)]
        pairs = [forward_ad.unpack_dual(y) for y in _tensors(func(*points))]
        return [(y.detach(), rl.zeros_like(y.detach()) if t is None else t.detach()) for y, t in pairs]


def _check_forward(func, inputs, eps, atol, rtol, check_dtypes):
    """Forward mode gives the columns that differences give."""
    _check_inputs(inputs)
    outputs = _tensors(func(*inputs))
    for i, x in enumerate(inputs):
        if not _is_differentiable(x):
            continue
        columns = [[] for _ in outputs]
        for unit in _units(x):
            for column, (y, t) in zip(columns, _forward_column(func, inputs, i, unit)):
                if t.shape != y.shape or (check_dtypes and t.dtype != y.dtype):
                    raise GradcheckError(f"Forward mode gave a tangent of {tuple(t.shape)} and {t.dtype} for an output of {tuple(y.shape)} and {y.dtype}")
                column.append(_flat(t))
        for k, (column, n) in enumerate(zip(columns, _numerical(func, inputs, i, outputs, eps))):
            a = rl.stack(column, 1) if column else n
            if not _close(a, n, rtol, atol):
                raise GradcheckError(f"Jacobian computed with forward mode mismatch for output {k} with respect to input {i},\n"
                                     f"numerical:{n.T}\nanalytical:{a.T}\n")


def _check(func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, check_batched_grad, fast_mode):
    inputs = _as_tuple(inputs)
    _check_inputs(inputs)
    outputs = _tensors(func(*inputs))
    live = [k for k, y in enumerate(outputs) if y.requires_grad]
    if not live:
        return _check_zero_outputs(func, inputs, outputs, eps)
    compare = _check_projections if fast_mode else _check_jacobians
    compare(func, inputs, outputs, live, eps, atol, rtol, nondet_tol=nondet_tol, check_dtypes=check_grad_dtypes)
    if check_batched_grad:
        _check_batched([outputs[k] for k in live], inputs)
    _check_zero_grads([outputs[k] for k in live], inputs)
    if check_undefined_grad:
        _check_undefined_grads(func, inputs)


def gradcheck(func, inputs, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True,
              nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
              check_batched_grad: bool = False, check_batched_forward_grad: bool = False, check_forward_ad: bool = False,
              check_backward_ad: bool = True, fast_mode: bool = False, masked: bool | None = None) -> bool:
    """Whether backward gives the derivatives of func at inputs, in double precision best; GradcheckError or False if not."""
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    try:
        if check_forward_ad:
            _check_forward(func, _as_tuple(inputs), eps, atol, rtol, check_grad_dtypes)
        if check_backward_ad:
            _check(func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, check_batched_grad, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _random_like(y, strided):
    """A gradient for y that requires one itself; with gaps in memory if asked."""
    if strided:
        wide = rl.rand((*y.shape, 2), dtype=y.dtype)
        return wide.select(-1, 0).requires_grad_(True)
    return rl.rand_like(y.detach()).requires_grad_(True)


def gradgradcheck(func, inputs, grad_outputs=None, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
                  gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True, nondet_tol: float = 0.0,
                  check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
                  check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True, fast_mode: bool = False,
                  masked: bool = False) -> bool:
    """gradcheck of the function (inputs, grad_outputs) -> gradients of func: whether second derivatives are right."""
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_batched_grad=True requires check_rev_over_rev to be True")
    inputs = _as_tuple(inputs)
    outputs = [y for y in _tensors(func(*inputs)) if y.requires_grad]
    if grad_outputs is None:
        grad_outputs = tuple(_random_like(y, gen_non_contig_grad_outputs) for y in outputs)
    else:
        grad_outputs = _as_tuple(grad_outputs)
    count = len(grad_outputs)

    def gradients(*args):
        points = tuple(x.requires_grad_() if _is_differentiable(x) else x for x in args[:len(args) - count])
        results = [y for y in _tensors(func(*points)) if y.requires_grad]
        wanted = tuple(x for x in points if _is_differentiable(x))
        grads = rl.autograd.grad(results, wanted, args[len(args) - count:], create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(gradients, inputs + grad_outputs, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
                     check_batched_grad=check_batched_grad, fast_mode=fast_mode, check_forward_ad=check_fwd_over_rev,
                     check_backward_ad=check_rev_over_rev, masked=masked)
