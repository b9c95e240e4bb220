"""Divergences: every pair of types that torch knows, over a grid; dispatch; and each closed form against samples."""

import itertools
import warnings

import numpy as np
import pytest

import rushlight as rl
from distribution_cases import FACTOR, LOWER, MATRIX, TABLE, Parameters
from rushlight import distributions as mine

GRID = {
    "Bernoulli": [lambda d, p: d.Bernoulli(p(0.0, 0.3, 1.0, 0.6)), lambda d, p: d.Bernoulli(logits=p(-1.0, 2.0, 0.5, 3.0)), lambda d, p: d.Bernoulli(p(0.5))],
    "Beta": [lambda d, p: d.Beta(p(0.5, 2.0, 3.0, 1.0), p(1.0, 0.7, 4.0, 1.0)), lambda d, p: d.Beta(p(2.0), p(3.0))],
    "Binomial": [lambda d, p: d.Binomial(10, p(0.2, 0.5)), lambda d, p: d.Binomial(10, p(0.9, 0.1)), lambda d, p: d.Binomial(5, p(0.9, 0.1))],
    "Categorical": [lambda d, p: d.Categorical(p(*TABLE)), lambda d, p: d.Categorical(logits=p(*TABLE)), lambda d, p: d.Categorical(p(0.0, 0.5, 0.5))],
    "OneHotCategorical": [lambda d, p: d.OneHotCategorical(p(*TABLE)), lambda d, p: d.OneHotCategoricalStraightThrough(p(0.0, 0.5, 0.5))],
    "Cauchy": [lambda d, p: d.Cauchy(p(0.0, 1.0), p(1.0, 2.0)), lambda d, p: d.Cauchy(p(0.5), p(3.0))],
    "ContinuousBernoulli": [lambda d, p: d.ContinuousBernoulli(p(0.1, 0.5, 0.9, 0.4995)), lambda d, p: d.ContinuousBernoulli(p(0.3))],
    "Dirichlet": [lambda d, p: d.Dirichlet(p(*TABLE)), lambda d, p: d.Dirichlet(p(1.0, 2.0, 1.0))],
    "Exponential": [lambda d, p: d.Exponential(p(0.5, 1.0, 2.0, 4.0)), lambda d, p: d.Exponential(p(3.0))],
    "Gamma": [lambda d, p: d.Gamma(p(0.5, 1.0, 2.0, 4.0), p(1.0, 2.0, 3.0, 0.5)), lambda d, p: d.Gamma(p(2.0), p(3.0))],
    "Chi2": [lambda d, p: d.Chi2(p(1.0, 2.0, 3.0, 4.0))],
    "Gumbel": [lambda d, p: d.Gumbel(p(-1.0, 1.0, 2.0, 4.0), p(1.0, 2.0, 3.0, 0.5)), lambda d, p: d.Gumbel(p(0.0), p(1.0))],
    "Geometric": [lambda d, p: d.Geometric(p(0.2, 0.5)), lambda d, p: d.Geometric(logits=p(-1.0, 1.0))],
    "HalfNormal": [lambda d, p: d.HalfNormal(p(0.2, 0.5)), lambda d, p: d.HalfNormal(p(2.0))],
    "Laplace": [lambda d, p: d.Laplace(p(-1.0, 1.0, 2.0, 4.0), p(1.0, 2.0, 3.0, 0.5)), lambda d, p: d.Laplace(p(0.0), p(1.0))],
    "LowRankMultivariateNormal": [
        lambda d, p: d.LowRankMultivariateNormal(p(1.0, 2.0, 3.0), p(*FACTOR), p(1.0, 2.0, 0.5)),
        lambda d, p: d.LowRankMultivariateNormal(p([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]), p(*LOWER), p(1.0, 2.0, 0.5)),
        lambda d, p: d.LowRankMultivariateNormal(p(1.0, 2.0), p([1.0], [2.0]), p(1.0, 2.0))],
    "MultivariateNormal": [lambda d, p: d.MultivariateNormal(p(1.0, 2.0, 3.0), p(*MATRIX)),
                           lambda d, p: d.MultivariateNormal(p([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]), scale_tril=p(*LOWER)),
                           lambda d, p: d.MultivariateNormal(p(1.0, 2.0), p([1.0, 0.5], [0.5, 2.0]))],
    "Normal": [lambda d, p: d.Normal(p(-1.0, 1.0, 2.0, 4.0), p(1.0, 2.0, 3.0, 0.5)), lambda d, p: d.Normal(p(0.0), p(1.0))],
    "Pareto": [lambda d, p: d.Pareto(p(0.5, 1.0, 2.0, 1.0), p(1.0, 2.0, 3.0, 0.5)), lambda d, p: d.Pareto(p(0.1), p(3.0))],
    "Poisson": [lambda d, p: d.Poisson(p(0.5, 1.0, 2.0, 10.0)), lambda d, p: d.Poisson(p(3.0))],
    "Uniform": [lambda d, p: d.Uniform(p(0.1, 0.0, -1.0, 2.0), p(0.9, 1.0, 2.0, 5.0)), lambda d, p: d.Uniform(p(0.5), p(0.75)), lambda d, p: d.Uniform(p(-1.0), p(3.0))],
    "TransformedDistribution": [lambda d, p: d.LogNormal(p(-1.0, 1.0), p(1.0, 2.0)), lambda d, p: d.LogNormal(p(0.0), p(1.0)),
                                lambda d, p: d.TransformedDistribution(d.Normal(p(1.0, 2.0), p(2.0)), [d.StickBreakingTransform()]),
                                lambda d, p: d.InverseGamma(p(1.0), p(2.0)), lambda d, p: d.InverseGamma(p(2.0), p(3.0))],
    "Independent": [lambda d, p: d.Independent(d.Normal(p(0.0, 1.0), p(1.0)), 1), lambda d, p: d.Independent(d.Normal(p([1.0, 1.0], [0.0, 2.0]), p(2.0)), 1),
                    lambda d, p: d.Independent(d.Normal(p([1.0, 1.0], [0.0, 2.0]), p(2.0)), 2)],
    "Wishart": [lambda d, p: d.Wishart(p(4.0), p(*MATRIX)), lambda d, p: d.Wishart(p(5.0), p([1.0, 0.5, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 1.0]))],
    "StudentT": [lambda d, p: d.StudentT(p(3.0))],
}
# torch takes the bounds of the unit interval for outside: the divergence from Uniform(0, 1) is finite in truth.
DIFFERS = {("ContinuousBernoulli", "Uniform"), ("Uniform", "ContinuousBernoulli")}


def divergence(lib, d, p, q):
    """kl_divergence and its gradients by all parameters, or the exception's class."""
    parameters = Parameters(lib, "float64", grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p, q = p(d, parameters), q(d, parameters)
        try:
            kl = d.kl_divergence(p, q)
        except Exception as error:
            return type(error).__name__, []
        gradients = lib.autograd.grad(kl.sum(), parameters.leaves, allow_unused=True) if kl.requires_grad and bool(kl.isfinite().all()) else []
    return kl.detach().numpy(), [None if g is None else g.numpy() for g in gradients]


def same(ours, torchs):
    if isinstance(ours, str) or isinstance(torchs, str):
        return isinstance(ours, str) and isinstance(torchs, str) and ours == torchs
    return ours.shape == torchs.shape and ours.dtype == torchs.dtype and np.allclose(ours, torchs, rtol=1e-8, atol=1e-9, equal_nan=True)


def test_torch_has_no_other_pair():
    torch = pytest.importorskip("torch")
    ours = {(p.__name__, q.__name__) for p, q in mine.kl._KL_REGISTRY if p.__module__.startswith("rushlight.")}
    assert ours == {(p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY}
    named = {name for pair in ours for name in pair} - {"ExponentialFamily"}
    assert named <= set(GRID)


@pytest.mark.parametrize("p", GRID)
def test_every_pair_is_torchs(p, figure):
    torch = pytest.importorskip("torch")
    problems, met = [], set()
    for q in GRID:
        for (i, of_p), (j, of_q) in itertools.product(enumerate(GRID[p]), enumerate(GRID[q])):
            ours, our_slopes = divergence(rl, mine, of_p, of_q)
            torchs, torch_slopes = divergence(torch, torch.distributions, of_p, of_q)
            figure("divergences compared with torch's", 1)
            slopes = zip(our_slopes, torch_slopes, strict=True) if same(ours, torchs) else [("", None)]
            agree = all(a is b if a is None or b is None else same(a, b) for a, b in slopes)
            if not agree and (p, q) in DIFFERS:
                met.add((p, q))
            elif not agree:
                problems.append(f"KL({p}[{i}] || {q}[{j}]): {ours} {our_slopes} is not {torchs} {torch_slopes}")
    assert not problems, "\n".join(problems)
    assert met == {pair for pair in DIFFERS if pair[0] == p}


SAMPLED = [("Beta", "Normal"), ("Beta", "Gamma"), ("Exponential", "Gumbel"), ("Gamma", "Gumbel"), ("Gumbel", "Normal"), ("Laplace", "Normal"),
           ("Normal", "Gumbel"), ("Normal", "Laplace"), ("ContinuousBernoulli", "Exponential"), ("Uniform", "Gumbel"), ("Wishart", "Wishart"),
           ("LowRankMultivariateNormal", "MultivariateNormal"), ("MultivariateNormal", "LowRankMultivariateNormal")]


@pytest.mark.parametrize("p, q", SAMPLED)
def test_closed_forms_are_means_of_samples(p, q):
    """KL is the mean of log p(x) - log q(x); with 40,000 samples to within five standard errors."""
    rl.manual_seed(0)
    parameters = Parameters(rl, "float64")
    p, q = GRID[p][0](mine, parameters), GRID[q][-1 if q in ("Gumbel", "Normal", "Laplace") else 0](mine, parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = p.sample((40_000,))
    difference = p.log_prob(x) - q.log_prob(x)
    error = difference.std(0) / 200
    assert ((difference.mean(0) - mine.kl_divergence(p, q)).abs() <= 5 * error + 1e-9).all()


def test_continuous_bernoulli_against_the_unit_interval():
    """What torch calls infinite: minus the entropy, as the uniform density is 1."""
    p = mine.ContinuousBernoulli(rl.tensor([0.1, 0.9]))
    assert mine.kl_divergence(p, mine.Uniform(0.0, 1.0)).tolist() == pytest.approx((-p.entropy()).tolist())
    assert mine.kl_divergence(p, mine.Uniform(0.0, 0.9)).isinf().all()
    assert mine.kl_divergence(mine.Uniform(0.0, 1.0), p).isfinite().all()


class Bottom(mine.Distribution):
    arg_constraints = {}


class Left(Bottom):
    pass


class Right(Bottom):
    pass


def test_register_kl_and_the_nearest_pair():
    try:
        mine.register_kl(Bottom, Right)(lambda p, q: "bottom, right")
        with pytest.raises(NotImplementedError, match="No KL.* p type Left and q type Left"):
            mine.kl_divergence(Left(), Left())
        assert mine.kl_divergence(Left(), Right()) == "bottom, right"
        mine.register_kl(Left, Bottom)(lambda p, q: "left, bottom")
        with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(Left, Right\). Please register_kl\(Left, Right\)"):
            assert mine.kl_divergence(Left(), Right()) == "left, bottom"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mine.register_kl(Left, Right)(lambda p, q: "left, right")
            assert mine.kl_divergence(Left(), Right()) == "left, right"
            assert mine.kl_divergence(Left(), Left()) == "left, bottom"
    finally:
        for pair in [pair for pair in mine.kl._KL_REGISTRY if issubclass(pair[0], Bottom)]:
            del mine.kl._KL_REGISTRY[pair]
        mine.kl._KL_MEMOIZE.clear()
    for wrong in ((3, Left), (Left, 3)):
        with pytest.raises(TypeError):
            mine.register_kl(*wrong)
