"""Checkpointing: a part of the forward pass keeps its inputs instead of what backward needs, and backward computes that part again.

Without use_reentrant, nodes save a numbered ticket each (through saved-tensor hooks); the first ticket that backward hands in makes
the part run once more, with hooks that collect what the same nodes would have saved. With use_reentrant the part is one custom
Function, whose backward runs the part and a backward of its own.
"""

import contextlib
import enum
import warnings

import rushlight as rl
from rushlight.autograd.function import Function
from rushlight.autograd.graph import saved_tensors_hooks

__all__ = ["checkpoint", "checkpoint_sequential", "CheckpointError", "CheckpointFunction", "check_backward_validity",
           "detach_variable", "get_device_states", "set_device_states", "noop_context_fn", "set_checkpoint_early_stop",
           "DefaultDeviceType", "set_checkpoint_debug_enabled", "CheckpointPolicy", "SelectiveCheckpointContext",
           "create_selective_checkpoint_contexts", "SAC_IGNORED_OPS", "GraphExecGroup"]

_early_stop = None


class CheckpointError(RuntimeError):
    """The part did not compute, the second time, what it had computed the first time."""


def detach_variable(inputs):
    """The tensors of a tuple cut off from the graph, each requiring grad as before; other things as they are."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, rl.Tensor) else x for x in inputs)


def check_backward_validity(inputs) -> None:
    """Warn where no input requires grad: the part would then get no gradients at all."""
    if not any(x.requires_grad for x in inputs if isinstance(x, rl.Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def get_device_states(*args):
    """The random states of other devices than the CPU: there are none."""
    return [], []


def set_device_states(devices, states, *, device_type=None) -> None:
    """Restore what get_device_states returned."""


class DefaultDeviceType:
    """Which device is looked at where no argument tells: remembered, and always the CPU in effect."""

    _default_device_type = "cpu"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Remember a kind of device."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        """The kind of device remembered."""
        return DefaultDeviceType._default_device_type


def noop_context_fn():
    """Contexts, for forward and for recomputation, that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool):
    """A block in which recomputation stops, or does not, as soon as it has what backward needs."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled):
    """A block in which `debug` is as given: mismatches are described in full in any case."""
    yield


# ---- what both ways share

class _Surroundings:
    """The random state and autocast's, as they were when the part ran first."""

    def __init__(self, preserve_rng_state):
        self.rng = rl.get_rng_state() if preserve_rng_state else None
        self.autocast = {"enabled": rl.is_autocast_enabled("cpu"), "dtype": rl.get_autocast_dtype("cpu")}

    @contextlib.contextmanager
    def restored(self):
        """A block in which they are so again."""
        with rl.random.fork_rng(enabled=self.rng is not None), rl.amp.autocast("cpu", **self.autocast):
            if self.rng is not None:
                rl.set_rng_state(self.rng)
            yield


# ---- one custom Function

class CheckpointFunction(Function):
    """The part as one node (use_reentrant=True)."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.surroundings = _Surroundings(preserve_rng_state)
        ctx.places = [i for i, x in enumerate(args) if isinstance(x, rl.Tensor)]
        ctx.others = [None if isinstance(x, rl.Tensor) else x for x in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with rl.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        if not rl.autograd._is_checkpoint_valid():
            raise RuntimeError("When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                               "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                               ".backward() without passing the `inputs` argument.")
        inputs = list(ctx.others)
        for i, tensor in zip(ctx.places, ctx.saved_tensors):
            inputs[i] = tensor
        inputs = detach_variable(tuple(inputs))
        with ctx.surroundings.restored(), rl.enable_grad():
            outputs = ctx.run_function(*inputs)
        outputs = (outputs,) if isinstance(outputs, rl.Tensor) else outputs
        live = [(y, g) for y, g in zip(outputs, grads) if isinstance(y, rl.Tensor) and y.requires_grad]
        if not live:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        rl.autograd.backward([y for y, _ in live], [g for _, g in live])
        return (None, None, *(x.grad if isinstance(x, rl.Tensor) else None for x in inputs))


# ---- tickets

class _Enough(Exception):
    """Recomputation has saved all that forward had saved."""


class _Part:
    """What a checkpointed part needs to run again, and what the last runs gave."""

    def __init__(self, function, args, kwargs, surroundings, context, describe, early_stop):
        self.run = lambda: function(*args, **kwargs)
        self.surroundings = surroundings
        self.context = context
        self.describe = describe
        self.early_stop = early_stop
        self.kinds = []              # of the tensors that forward saved
        self.again = {}              # backward's number: the tensors, by ticket, until they are fetched

    def save(self, tensor):
        """Forward's pack hook: a ticket."""
        self.kinds.append(self.describe(tensor))
        return len(self.kinds) - 1

    def fetch(self, ticket):
        """Forward's unpack hook: the tensor, for which the part may have to run."""
        run = rl._C._current_run_id()
        if run not in self.again:
            if run >= 0:             # a backward that ended early leaves tensors behind
                self.again.clear()
            self.again[run] = self._compute_again()
        tensors = self.again[run] if run >= 0 else self.again.pop(run)
        if ticket not in tensors:
            raise CheckpointError("torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. If you "
                                  "are calling ctx.saved_tensors in backward, make sure to do so only once.")
        return tensors.pop(ticket)

    def _compute_again(self):
        found = {}

        def collect(tensor):
            if len(found) == len(self.kinds):
                raise CheckpointError("torch.utils.checkpoint: trying to save more tensors during recomputation than during the "
                                      f"original forward pass, which saved {len(self.kinds)}.")
            found[len(found)] = tensor.detach()
            if self.early_stop and len(found) == len(self.kinds):
                raise _Enough
            return tensor

        with self.surroundings.restored(), self.context, saved_tensors_hooks(collect, lambda x: x), rl.enable_grad():
            with contextlib.suppress(_Enough):
                self.run()
        self._compare(found)
        return found

    def _compare(self, found):
        if len(found) != len(self.kinds):
            raise CheckpointError("torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                                  f"recomputation.\nNumber of tensors saved during forward: {len(self.kinds)}\nNumber of tensors saved "
                                  f"during recomputation: {len(found)}.")
        wrong = [(i, kind, self.describe(found[i])) for i, kind in enumerate(self.kinds) if kind != self.describe(found[i])]
        if wrong:
            listing = "".join(f"tensor at position {i}:\nsaved metadata: {a}\nrecomputed metadata: {b}\n" for i, a, b in wrong)
            raise CheckpointError("torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                                  f"during the forward pass.\n{listing}")


_DESCRIPTIONS = {"default": lambda x: {"shape": x.shape, "dtype": x.dtype, "device": x.device}, "none": lambda x: None}


def checkpoint(function, *args, use_reentrant: bool | None = None, context_fn=noop_context_fn, determinism_check: str = "default",
               debug: bool = False, early_stop: bool = True, **kwargs):
    """function(*args, **kwargs), whose inner tensors are computed again in backward instead of kept.

    preserve_rng_state=True gives dropout and the like the same random numbers both times. context_fn returns two contexts, for the
    first run and for the second.
    """
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
                      "recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True.",
                      stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in _DESCRIPTIONS:
        raise ValueError(f"determinism_check should be one of {list(_DESCRIPTIONS)} but got {determinism_check}")
    first, second = context_fn()
    if not rl.is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    stop = early_stop if _early_stop is None else _early_stop
    part = _Part(function, args, kwargs, _Surroundings(preserve), second, _DESCRIPTIONS[determinism_check], stop)
    with saved_tensors_hooks(part.save, part.fetch), first:
        return function(*args, **kwargs)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """functions, or a Sequential, one after another; all but the last of `segments` pieces are checkpointed."""
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. "
                      "use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass "
                      "use_reentrant=True.", stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if isinstance(functions, rl.nn.Sequential) else list(functions)
    length = len(functions) // segments
    for piece in range(segments - 1):
        part = _composed(functions[piece * length:(piece + 1) * length])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _composed(functions[(segments - 1) * length:])(input)


def _composed(functions):
    def forward(x):
        for function in functions:
            x = function(x)
        return x

    return forward


# ---- choosing what is kept: refused

SAC_IGNORED_OPS = set()


class CheckpointPolicy(enum.Enum):
    """What selective checkpointing may do with a result."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


class SelectiveCheckpointContext:
    """What a policy is told."""

    def __init__(self, *, is_recompute, op_output=None) -> None:
        self.is_recompute = is_recompute
        self.op_output = op_output


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation=False):
    """Refused: it needs a dispatcher below autograd."""
    raise NotImplementedError("selective checkpointing is not part of rushlight; put checkpoint() around smaller functions instead")


class GraphExecGroup:
    """A block of backward calls that share recomputed tensors: each computes its own here."""

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None
