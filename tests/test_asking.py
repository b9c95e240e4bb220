"""Functions written in Python ask for __torch_function__ under the name that was called, and otherwise pass for the functions they are."""

import copy
import inspect
import pickle
import weakref

import pytest

import rushlight as rl
import rushlight.nn.functional as F


class Stranger:
    """No tensor, but it answers for every function, with that function."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func, types


class Witness(rl.Tensor):
    """A tensor that remembers under which names it was met."""

    met = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.met.append(func)
        return super().__torch_function__(func, types, args, kwargs or {})


COMPOSED = [(rl, "logdet", 1), (rl, "cholesky", 1), (rl, "diff", 1), (rl, "quantile", 2), (rl, "is_floating_point", 1), (rl, "ravel", 1), (rl, "norm", 1), (rl, "where", 1),
            (rl.linalg, "cholesky", 1), (rl.linalg, "eigvalsh", 1), (rl.linalg, "svdvals", 1), (rl.linalg, "norm", 1), (F, "softmax", 1), (F, "mse_loss", 2), (F, "batch_norm", 3),
            (F, "interpolate", 1), (F, "adaptive_avg_pool2d", 2), (F, "multi_head_attention_forward", 13), (F, "relu", 1), (rl, "kl_div", 2)]


@pytest.mark.parametrize("home, name, count", COMPOSED, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_stranger_is_asked_about_the_function_that_was_called(home, name, count):
    function = getattr(home, name)
    assert function(*[Stranger()] * count) == (function, (Stranger,))
    assert function(**{next(iter(inspect.signature(function).parameters)): Stranger()})[0] is function


def test_strangers_inside_lists_are_asked():
    assert rl.cartesian_prod([Stranger()])[0] is rl.cartesian_prod
    assert rl.linalg.multi_dot([rl.eye(2), Stranger()])[0] is rl.linalg.multi_dot


def test_a_subclass_meets_a_composition_once_and_keeps_its_type():
    x = rl.eye(3).as_subclass(Witness)
    for function in (F.softmax, rl.linalg.cholesky, rl.logdet, rl.Tensor.logdet):
        Witness.met.clear()
        result = function(x, -1) if function is F.softmax else function(x)
        assert Witness.met == [function] and type(result) is Witness
    Witness.met.clear()
    x.logdet()
    assert Witness.met == [rl.Tensor.logdet]


def test_what_asks_is_the_function_to_whoever_looks():
    assert inspect.isfunction(F.softmax) and F.softmax.__module__ == "rushlight.nn.functional" and F.softmax.__doc__ == F.softmax.__wrapped__.__doc__
    assert list(inspect.signature(F.softmax).parameters) == ["input", "dim", "_stacklevel", "dtype"]
    assert inspect.getsource(F.softmax).startswith("def softmax") and repr(F.softmax) == repr(F.softmax.__wrapped__)
    assert pickle.loads(pickle.dumps(F.softmax)) is F.softmax and copy.deepcopy(F.softmax) is F.softmax and weakref.ref(F.softmax)() is F.softmax


def test_what_asks_binds_as_a_function_does():
    class Holder:
        act = F.softmax

    with pytest.raises(TypeError, match="Holder"):
        Holder().act(-1)
    assert Holder.act(rl.zeros(2), 0).tolist() == [0.5, 0.5]


def test_what_is_set_on_it_is_set_on_the_function():
    F.softmin.mark = 3
    assert F.softmin.__wrapped__.mark == 3
    del F.softmin.mark
    assert not hasattr(F.softmin, "mark")


def test_torchs_overridable_functions_ask_here_too():
    torch = pytest.importorskip("torch")
    answers = torch.overrides.get_testing_overrides()
    spaces = {torch: rl, torch.functional: rl.functional, torch.nn.functional: F, torch.linalg: rl.linalg, torch.fft: rl.fft, torch.special: rl.special}
    silent = []
    for home, functions in torch.overrides.get_overridable_functions().items():
        for function in functions if home in spaces else ():
            ours = getattr(spaces[home], function.__name__, None)
            if ours is None or function.__name__.startswith("_") or function not in answers:
                continue
            count = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in inspect.signature(answers[function]).parameters.values())
            try:
                theirs = function(*[Stranger()] * count)
            except Exception:       # torch asks nobody about these arguments
                continue
            try:
                asked = ours(*[Stranger()] * count)[0].__name__
            except NotImplementedError:     # what is not there says so to everyone
                continue
            except Exception as error:
                asked = error
            if type(theirs) is tuple and len(theirs) == 2 and asked != theirs[0].__name__:
                silent.append((function.__name__, asked))
    assert not silent


def test_an_optimizer_that_wraps_another_may_ask_for_hooks_around_its_step():
    class Wrapper(rl.optim.Optimizer):
        def __init__(self, inner):
            self.inner = inner
            self._patch_step_function()

        def step(self, closure=None):
            return self.inner.step(closure)

    p = rl.nn.Parameter(rl.ones(2))
    wrapper, order = Wrapper(rl.optim.SGD([p], lr=0.5)), []
    wrapper._optimizer_step_pre_hooks = {0: lambda *args: order.append("before")}
    p.grad = rl.ones(2)
    wrapper.step()
    assert p.tolist() == [0.5, 0.5] and order == ["before"]
