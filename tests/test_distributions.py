"""Distributions give torch's answers, over a grid of parameters: densities, moments, samples, gradients, shapes, texts and errors."""

import copy
import math
import pickle
import re
import warnings

import numpy as np
import pytest

import rushlight as rl
from distribution_cases import CASES, Parameters
from rushlight import distributions as mine

torch = pytest.importorskip("torch")
theirs = torch.distributions
NUMBER = re.compile(r"-?\d+\.?\d*(e-?\d+)?")


def outcome(ask):
    """What was answered, or the exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ask()
    except Exception as error:
        return error


def array(tensor):
    return tensor.detach().numpy()


def words(thing):
    """A text without what may differ: which library, digits, how a tensor came about."""
    return NUMBER.sub("#", re.sub(r"\s+", " ", re.sub(r", grad_fn=<\w+>|, requires_grad=True", "", str(thing).replace("rushlight", "torch"))))


def disagreement(ours, torchs, tolerances):
    """"" if both answers are one, else what differs. Tolerances are relative and absolute, by the dtype of torch's answer."""
    if isinstance(ours, Exception) or isinstance(torchs, Exception):
        if type(ours).__name__ != type(torchs).__name__:
            return f"{ours!r} is not {torchs!r}"
        checked = isinstance(ours, (ValueError, NotImplementedError))
        return f"{ours} is not {torchs}" if checked and words(ours) != words(torchs) else ""
    if isinstance(torchs, (tuple, list)) and not isinstance(torchs, torch.Size):
        problems = [disagreement(a, b, tolerances) for a, b in zip(ours, torchs)]
        return f"{len(ours)} answers, not {len(torchs)}" if len(ours) != len(torchs) else "; ".join(filter(None, problems))
    if not isinstance(torchs, torch.Tensor):
        return "" if words(ours) == words(torchs) else f"{ours} is not {torchs}"
    if tuple(ours.shape) != tuple(torchs.shape) or str(ours.dtype).split(".")[1] != str(torchs.dtype).split(".")[1]:
        return f"{ours.dtype} {tuple(ours.shape)} is not {torchs.dtype} {tuple(torchs.shape)}"
    a, b = array(ours), array(torchs)
    rtol, atol = tolerances.get(b.dtype.name, (0, 0))
    return "" if np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True) else f"{a} is not {b}"


def made(lib, d, name, case, dtype="float32", grad=False):
    p = Parameters(lib, dtype, grad)
    return CASES[name][case](d, p), p


def pairs(name, dtype="float32", grad=False):
    """(case number, our distribution, torch's, our parameters, torch's) for every case of a class."""
    for case in range(len(CASES[name])):
        ours, p = made(rl, mine, name, case, dtype, grad)
        torchs, q = made(torch, theirs, name, case, dtype, grad)
        yield case, ours, torchs, p, q


# Where torch is wrong or gives nothing, and we do better: (class, case or None for all, question).
DIFFERS = {
    ("Geometric", None, "param_shape"),  # torch has it for other distributions with probs
    ("Multinomial", None, "expanded entropy"),  # torch's expand() forgets what entropy needs
}
PROPERTIES = ("batch_shape event_shape has_rsample has_enumerate_support support arg_constraints mean mode variance stddev param_shape probs "
              "logits covariance_matrix precision_matrix scale_tril loc scale concentration df").split()


def tolerances_of(name):
    """Two libraries round differently: some ulps, times what a question's arithmetic loses."""
    if name in ("LKJCholesky", "Wishart", "ContinuousBernoulli"):
        return {"float32": (1e-3, 2e-4), "float64": (1e-7, 1e-7)}  # small differences of large numbers
    if name == "VonMises":
        return {"float32": (1e-4, 1e-5), "float64": (3e-6, 3e-6)}  # torch approximates Bessel functions by polynomials
    return {"float32": (1e-4, 1e-5), "float64": (1e-8, 1e-9)}


IMPLICIT = {"Gamma", "Beta", "Dirichlet", "Chi2", "StudentT", "FisherSnedecor", "InverseGamma", "Wishart"}
ROUGH = {"float64": (1e-2, 1e-2)}  # torch's implicit gradients are approximations, 7e-3 off at worst


class Asker:
    """Asks both libraries the same, notes where they disagree, and where they agree though DIFFERS says otherwise."""

    def __init__(self, name):
        self.name, self.problems, self.count, self.met = name, [], 0, set()

    def same(self, case, question, ours, torchs, tolerances=None):
        """Compare what two functions answer."""
        a, b = outcome(ours), outcome(torchs)
        self.count += 1
        known = {key for key in ((self.name, case, question), (self.name, None, question)) if key in DIFFERS}
        if isinstance(b, (RuntimeError, IndexError)) and not isinstance(b, NotImplementedError) and not isinstance(a, Exception):
            return  # torch cannot do it
        problem = disagreement(a, b, tolerances or tolerances_of(self.name))
        if problem and known:
            self.met |= known
        elif problem:
            self.problems.append(f"{self.name}[{case}] {question}: {problem}")

    def done(self, figure, *questions):
        figure("answers of distributions compared with torch's", self.count)
        stale = {key for key in DIFFERS if key[0] == self.name and key[2] in questions} - self.met
        assert not self.problems, "\n".join(self.problems)
        assert not stale, f"no longer differ: {stale}"


def test_every_name_is_there():
    assert [name for name in theirs.__all__ if not hasattr(mine, name)] == []
    assert sorted(mine.__all__) == sorted(theirs.__all__)
    for name in theirs.__all__:
        ours, torchs = getattr(mine, name), getattr(theirs, name)
        if isinstance(torchs, type):
            assert ours.__module__ == torchs.__module__.replace("torch", "rushlight") and ours.__doc__, name


def test_every_distribution_has_cases():
    classes = {name for name in theirs.__all__ if isinstance(getattr(theirs, name), type) and issubclass(getattr(theirs, name), theirs.Distribution)}
    assert classes - set(CASES) == {"Distribution", "ExponentialFamily"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_properties(name, dtype, figure):
    ask = Asker(name)
    for case, ours, torchs, _, _ in pairs(name, dtype):
        ask.same(case, "repr", lambda: repr(ours), lambda: repr(torchs))
        for what in PROPERTIES:
            ask.same(case, what, lambda: getattr(ours, what), lambda: getattr(torchs, what))
        for what in ("entropy", "perplexity", "enumerate_support"):
            ask.same(case, what, lambda: getattr(ours, what)(), lambda: getattr(torchs, what)())
        ask.same(case, "enumerate_support once", lambda: ours.enumerate_support(expand=False), lambda: torchs.enumerate_support(expand=False))
        if isinstance(torchs, theirs.ExponentialFamily):
            ask.same(case, "entropy of the family", lambda: mine.ExponentialFamily.entropy(ours), lambda: theirs.ExponentialFamily.entropy(torchs))
    ask.done(figure, "param_shape")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_seeded_samples(name, dtype, figure):
    """The same numbers, and the generator left in the same state."""
    ask = Asker(name)
    for case, ours, torchs, _, _ in pairs(name, dtype):
        for draw in ("sample", "rsample"):
            for shape in ((), (1,), (2,), (2, 3)):
                rl.manual_seed(7), torch.manual_seed(7)
                ask.same(case, f"{draw}{shape}", lambda: getattr(ours, draw)(shape), lambda: getattr(torchs, draw)(shape))
                assert rl.rand(2).tolist() == torch.rand(2).tolist(), f"{name}[{case}].{draw}{shape} draws otherwise"
    ask.done(figure)


def own_values(name, case, dtype):
    """Two draws, by another object: asking for a sample may add derived parameters to what repr shows."""
    torch.manual_seed(3)
    return made(torch, theirs, name, case, dtype)[0].sample((2,)).numpy()


def values_for(name, case, dtype):
    """Values of the distribution itself, then some that may lie outside or have the wrong shape."""
    own = own_values(name, case, dtype)
    yield "of its own", own
    for value in (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, math.nan, [0.0] * 3, [1.0] * 7):
        yield str(value), np.array(value, own.dtype if own.dtype.kind == "f" else np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_densities(name, dtype, figure):
    ask = Asker(name)
    for case, ours, torchs, _, _ in pairs(name, dtype):
        for label, value in values_for(name, case, dtype):
            a, b = rl.tensor(value), torch.tensor(value)
            ask.same(case, f"log_prob of {label}", lambda: ours.log_prob(a), lambda: torchs.log_prob(b))
            ask.same(case, f"cdf of {label}", lambda: ours.cdf(a), lambda: torchs.cdf(b))
            ask.same(case, f"support of {label}", lambda: ours.support.check(a), lambda: torchs.support.check(b))
        ask.same(case, "log_prob of a number", lambda: ours.log_prob(1.0), lambda: torchs.log_prob(1.0))
        for level in (0.05, 0.3, 0.5, 0.95):
            ask.same(case, f"icdf of {level}", lambda: ours.icdf(rl.tensor(level, dtype=getattr(rl, dtype))), lambda: torchs.icdf(torch.tensor(level, dtype=getattr(torch, dtype))))
    ask.done(figure)


@pytest.mark.parametrize("name", CASES)
def test_gradients(name, figure):
    """By the parameters, of samples, densities, distribution functions and entropies; by the value, of densities."""
    ask = Asker(name)

    def both(case, question, of_ours, of_torchs, p, q, tolerances=None):
        def by(lib, f, leaves):
            return lib.autograd.grad(f().sum(), leaves, retain_graph=True, allow_unused=True)
        ask.same(case, question, lambda: [rl.zeros(()) if g is None else g for g in by(rl, of_ours, p.leaves)],
                 lambda: [torch.zeros(()) if g is None else g for g in by(torch, of_torchs, q.leaves)], tolerances)

    for case, ours, torchs, p, q in pairs(name, "float64", grad=True):
        if not p.leaves:
            continue
        weights = np.arange(1.0, 4).reshape((3,) + (1,) * len(torchs.batch_shape + torchs.event_shape))
        rl.manual_seed(5), torch.manual_seed(5)
        both(case, "rsample", lambda: ours.rsample((3,)) * rl.tensor(weights), lambda: torchs.rsample((3,)) * torch.tensor(weights), p, q,
             ROUGH if name in IMPLICIT else None)
        value = own_values(name, case, "float64")
        a, b = rl.tensor(value), torch.tensor(value)
        both(case, "log_prob by parameters", lambda: ours.log_prob(a), lambda: torchs.log_prob(b), p, q)
        if not isinstance(outcome(lambda: torch.autograd.grad(torchs.cdf(b).sum(), q.leaves, retain_graph=True, allow_unused=True)), Exception):
            both(case, "cdf by parameters", lambda: ours.cdf(a), lambda: torchs.cdf(b), p, q)
        both(case, "entropy by parameters", lambda: ours.entropy(), lambda: torchs.entropy(), p, q)
        if value.dtype == np.float64:
            a.requires_grad_(), b.requires_grad_()
            ask.same(case, "log_prob by value", lambda: rl.autograd.grad(ours.log_prob(a).sum(), a, retain_graph=True)[0],
                     lambda: torch.autograd.grad(torchs.log_prob(b).sum(), b, retain_graph=True)[0])
    ask.done(figure)


@pytest.mark.parametrize("name", CASES)
def test_expand(name, figure):
    ask = Asker(name)
    for case, ours, torchs, _, _ in pairs(name):
        batch = tuple(torchs.batch_shape)
        for shape in ((4, 2) + batch, (5,)):
            wide, torchs_wide = outcome(lambda: ours.expand(rl.Size(shape))), outcome(lambda: torchs.expand(torch.Size(shape)))
            if isinstance(torchs_wide, Exception):
                assert type(wide) is type(torchs_wide), f"{name}[{case}]: {wide!r}"
                continue
            assert type(wide) is type(ours) and ours.expand(list(shape)).batch_shape == shape
            ask.same(case, "expanded", lambda: repr(wide), lambda: repr(torchs_wide))
            for what in ("batch_shape", "event_shape", "support", "mean", "variance", "probs"):
                ask.same(case, f"expanded {what}", lambda: getattr(wide, what), lambda: getattr(torchs_wide, what))
            ask.same(case, "expanded entropy", lambda: wide.entropy(), lambda: torchs_wide.entropy())
            rl.manual_seed(1), torch.manual_seed(1)
            ask.same(case, "expanded sample", lambda: wide.sample(), lambda: torchs_wide.sample())
            torch.manual_seed(1)
            value = torchs_wide.sample((2,))
            ask.same(case, "expanded log_prob", lambda: wide.log_prob(rl.tensor(value.numpy())), lambda: torchs_wide.log_prob(value))
    ask.done(figure, "expanded entropy")


@pytest.mark.parametrize("name", CASES)
def test_copies(name):
    """Copies and pickles are the same distribution: they draw the same numbers."""
    for case, ours, _, _, _ in pairs(name):
        copies = copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))
        assert [repr(copied) for copied in copies] == [repr(ours)] * 2
        for copied in copies:
            rl.manual_seed(2)
            drawn = ours.sample()
            rl.manual_seed(2)
            assert copied.sample().tolist() == drawn.tolist(), f"{name}[{case}]"


def test_continuous_bernoulli_of_logits_beyond_all_bounds():
    for dtype, logit, expected in ((rl.float32, 1e38, 2.76898), (rl.float64, 1e308, 3.58473)):
        for sign in (1, -1):
            logits = rl.tensor([sign * logit], dtype=dtype, requires_grad=True)
            d = rl.distributions.ContinuousBernoulli(logits=logits)
            value = d.log_prob(rl.tensor([float(sign > 0)], dtype=dtype))
            value.sum().backward()
            assert value.item() == pytest.approx(expected, abs=1e-4) and logits.grad.item() == 0 and 0 < d.mean.item() < 1 and d.variance.item() > 0


def test_wishart_of_integer_degrees_of_freedom():
    d = rl.distributions.Wishart(rl.tensor([3, 4]), rl.eye(2))
    assert d.sample((5,)).shape == (5, 2, 2, 2) and d.sample().dtype == rl.float32
