"""What distributions refuse, in torch's words; what they check and when; when they are imported."""

import math
import subprocess
import sys

import pytest

import rushlight as rl
from rushlight import distributions as mine
from test_distributions import outcome, theirs, torch, words

BAD = {
    "text": lambda t, d: d.Normal("a", 1.0), "scale": lambda t, d: d.Normal(0.0, -1.0),
    "scales": lambda t, d: d.Normal(t.zeros(2), t.tensor([1.0, 0.0])),
    "nan": lambda t, d: d.Normal(math.nan, 1.0), "shapes": lambda t, d: d.Normal(t.zeros(2), t.ones(3)), "low": lambda t, d: d.Uniform(1.0, 0.0),
    "probs": lambda t, d: d.Bernoulli(1.5), "nothing": lambda t, d: d.Bernoulli(), "both": lambda t, d: d.Bernoulli(0.1, 0.2),
    "never": lambda t, d: d.Geometric(0.0),
    "sometimes never": lambda t, d: d.Geometric(t.tensor([0.0, 0.5])), "scalar probs": lambda t, d: d.Categorical(t.tensor(0.5)),
    "scalar logits": lambda t, d: d.Categorical(logits=t.tensor(0.5)), "negative probs": lambda t, d: d.Categorical(t.tensor([-1.0, 2.0])),
    "no probs": lambda t, d: d.Binomial(10),
    "count": lambda t, d: d.Binomial(-1, t.tensor(0.5)), "counts": lambda t, d: d.Multinomial(t.tensor(10), t.ones(3)),
    "no failures": lambda t, d: d.NegativeBinomial(3),
    "rate": lambda t, d: d.Poisson(-1.0), "concentration": lambda t, d: d.Dirichlet(t.tensor(1.0)),
    "concentrations": lambda t, d: d.Dirichlet(t.tensor([1.0, -1.0])),
    "beta": lambda t, d: d.Beta(-1.0, 1.0), "df": lambda t, d: d.Chi2(-1.0), "ndims": lambda t, d: d.Independent(d.Normal(t.zeros(3), 1.0), 2),
    "transforms": lambda t, d: d.TransformedDistribution(d.Normal(0.0, 1.0), [3]),
    "transform": lambda t, d: d.TransformedDistribution(d.Normal(0.0, 1.0), 3),
    "shape": lambda t, d: d.TransformedDistribution(d.Normal(0.0, 1.0), d.StickBreakingTransform()),
    "loc": lambda t, d: d.MultivariateNormal(t.tensor(0.0), t.eye(2)),
    "no matrix": lambda t, d: d.MultivariateNormal(t.zeros(2)), "two matrices": lambda t, d: d.MultivariateNormal(t.zeros(2), t.eye(2), t.eye(2)),
    "vector": lambda t, d: d.MultivariateNormal(t.zeros(2), t.ones(2)),
    "precision vector": lambda t, d: d.MultivariateNormal(t.zeros(2), precision_matrix=t.ones(2)),
    "scale vector": lambda t, d: d.MultivariateNormal(t.zeros(2), scale_tril=t.ones(2)),
    "indefinite": lambda t, d: d.MultivariateNormal(t.zeros(2), -t.eye(2)),
    "low loc": lambda t, d: d.LowRankMultivariateNormal(t.tensor(0.0), t.eye(2), t.ones(2)),
    "factor": lambda t, d: d.LowRankMultivariateNormal(t.zeros(2), t.ones(2), t.ones(2)),
    "factor rows": lambda t, d: d.LowRankMultivariateNormal(t.zeros(2), t.ones(3, 1), t.ones(2)),
    "diagonal": lambda t, d: d.LowRankMultivariateNormal(t.zeros(2), t.ones(2, 1), t.ones(3)),
    "batches": lambda t, d: d.LowRankMultivariateNormal(t.zeros(3, 2), t.ones(4, 2, 1), t.ones(2)),
    "wishart df": lambda t, d: d.Wishart(2.0, t.eye(3)),
    "no scale": lambda t, d: d.Wishart(4.0), "wishart vector": lambda t, d: d.Wishart(4.0, t.ones(3)),
    "wishart": lambda t, d: d.Wishart(4.0, t.ones(3, 3)),
    "dim": lambda t, d: d.LKJCholesky(1), "lkj": lambda t, d: d.LKJCholesky(3, -1.0),
    "mixture": lambda t, d: d.MixtureSameFamily(d.Normal(0.0, 1.0), d.Normal(0.0, 1.0)),
    "component": lambda t, d: d.MixtureSameFamily(d.Categorical(t.ones(3)), 3),
    "components": lambda t, d: d.MixtureSameFamily(d.Categorical(t.ones(4)), d.Normal(t.zeros(3), 1.0)),
    "mixtures": lambda t, d: d.MixtureSameFamily(d.Categorical(t.ones(2, 3)), d.Normal(t.zeros(4, 3), 1.0)),
    "default": lambda t, d: d.Distribution.set_default_validate_args(3),
    "base": lambda t, d: d.Distribution(validate_args=False).mean, "mode": lambda t, d: d.Distribution(validate_args=False).mode,
    "number": lambda t, d: d.Normal(0.0, 1.0).log_prob(1.0),
    "counts differ": lambda t, d: d.Binomial(t.tensor([10, 5]), t.tensor(0.5)).entropy(),
    "support differs": lambda t, d: d.Binomial(t.tensor([10, 5]), t.tensor(0.5)).enumerate_support(),
    "product": lambda t, d: d.Independent(d.Bernoulli(t.ones(3) * 0.5), 1).enumerate_support(),
    "unchecked": lambda t, d: repr(d.Normal(0.0, -1.0, validate_args=False)),
    "continuous": lambda t, d: d.ContinuousBernoulli(1.5, validate_args=True), "pareto": lambda t, d: d.GeneralizedPareto(0.0, -1.0, 0.5),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters(name):
    """The class of the error and its text, digits and layout apart."""
    ours, torchs = outcome(lambda: BAD[name](rl, mine)), outcome(lambda: BAD[name](torch, theirs))
    assert type(ours).__name__ == type(torchs).__name__
    assert words(ours) == words(torchs) or isinstance(torchs, (RuntimeError, AttributeError)) and not isinstance(torchs, NotImplementedError)


def test_validation_can_be_turned_off():
    mine.Distribution.set_default_validate_args(False)
    try:
        assert mine.Normal(0.0, -1.0).scale.item() == -1.0
        with pytest.raises(ValueError):
            mine.Normal(0.0, -1.0, validate_args=True)
    finally:
        mine.Distribution.set_default_validate_args(True)


def test_subclasses_say_how_to_expand():
    class Unit(mine.Normal):
        def __init__(self, loc):
            super().__init__(loc, 1.0)

    class Plain(mine.Normal):
        pass

    with pytest.raises(NotImplementedError, match="Subclass Unit of Normal that defines a custom __init__ method must also define a custom .expand"):
        Unit(0.0).expand((3,))
    assert type(Plain(0.0, 1.0).expand((3,))) is Plain
    with pytest.warns(UserWarning, match="sample_n"):
        assert Plain(0.0, 1.0).sample_n(3).shape == (3,)
    with pytest.warns(UserWarning, match="does not define `arg_constraints`"), pytest.raises(NotImplementedError):
        repr(mine.Distribution())


def test_import_waits_until_asked_for():
    code = "import sys, rushlight; assert 'rushlight.distributions' not in sys.modules; rushlight.distributions.Normal(0., 1.)"
    subprocess.run([sys.executable, "-c", code], check=True)
