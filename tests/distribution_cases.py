"""Distributions to ask questions of: for every class, ways to make one, the same for rushlight and for torch.

A case is a function of `d` (a distributions module) and `p`, which makes a parameter tensor out of numbers, in the dtype and with the
gradient that a test asks for. `p.fixed` makes one that never has a gradient.
"""


class Parameters:
    """p: p(1.0, 2.0) is a tensor; `leaves` are those made so far, if they have gradients."""

    def __init__(self, torch, dtype="float32", grad=False):
        self.torch, self.dtype, self.grad, self.leaves = torch, getattr(torch, dtype), grad, []

    def fixed(self, *values):
        return self.torch.tensor(values[0] if len(values) == 1 and not isinstance(values[0], list) else list(values), dtype=self.dtype)

    def __call__(self, *values):
        made = self.fixed(*values)
        if self.grad:
            self.leaves.append(made.requires_grad_())
        return made


MATRIX = ([2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 1.5])
DOUBLED = ([4.0, 1.0, 0.2], [1.0, 2.0, 0.4], [0.2, 0.4, 3.0])
LOWER = ([1.0, 0.0, 0.0], [0.3, 2.0, 0.0], [-0.4, 0.2, 0.7])
FACTOR = ([1.0], [0.5], [-1.0])
TABLE = ([0.1, 0.2, 0.7], [1.0, 2.0, 3.0])


def _loc_scale(name):
    return [lambda d, p: getattr(d, name)(0.0, 1.0), lambda d, p: getattr(d, name)(p(-1.0, 0.5, 3.0), p(0.3, 1.0, 2.5)),
            lambda d, p: getattr(d, name)(p([-1.0], [0.5]), p(1.0, 2.0)), lambda d, p: getattr(d, name)(1, p(0.3, 2.5))]


def _two_positive(name):
    return [lambda d, p: getattr(d, name)(1.0, 2.0), lambda d, p: getattr(d, name)(p(0.3, 1.0, 2.5, 7.0), p(0.5, 1.5, 1.0, 3.0)),
            lambda d, p: getattr(d, name)(p([0.6], [2.0]), p(0.7, 2.0)), lambda d, p: getattr(d, name)(3.0, p(0.5, 5.0))]


def _one_positive(name):
    return [lambda d, p: getattr(d, name)(1.0), lambda d, p: getattr(d, name)(p(0.3, 1.0, 2.5))]


def _binary(name):
    return [lambda d, p: getattr(d, name)(0.3), lambda d, p: getattr(d, name)(p(0.1, 0.4999, 0.5, 0.5004, 0.8, 0.99)),
            lambda d, p: getattr(d, name)(logits=p(-2.0, 0.001, 0.5, 3.0)), lambda d, p: getattr(d, name)(logits=0.2)]


def _alternatives(name):
    return [lambda d, p: getattr(d, name)(p(0.1, 0.2, 0.7)), lambda d, p: getattr(d, name)(p(*TABLE)),
            lambda d, p: getattr(d, name)(logits=p(*TABLE)), lambda d, p: getattr(d, name)(p.fixed(0.0, 0.5, 0.5))]


CASES = {name: make(name) for make, names in {
    _loc_scale: "Normal Laplace Cauchy Gumbel LogNormal",
    _two_positive: "Gamma Beta FisherSnedecor InverseGamma Kumaraswamy Pareto Weibull",
    _one_positive: "HalfNormal HalfCauchy Exponential Chi2 Poisson",
    _binary: "Bernoulli ContinuousBernoulli Geometric",
    _alternatives: "Categorical OneHotCategorical OneHotCategoricalStraightThrough",
}.items() for name in names.split()}

CASES["Poisson"] += [lambda d, p: d.Poisson(p.fixed(0.0, 12.0, 100.0))]
CASES["Bernoulli"] += [lambda d, p: d.Bernoulli(p.fixed(0.0, 1.0))]
CASES.update({
    "LogisticNormal": [lambda d, p: d.LogisticNormal(p(-1.0, 0.5, 3.0), p(0.3, 1.0, 2.5)), lambda d, p: d.LogisticNormal(0.0, 1.0),
                       lambda d, p: d.LogisticNormal(p([1.0, 0.5], [0.0, 0.0]), p(0.3, 1.0))],
    "Uniform": [lambda d, p: d.Uniform(0.0, 1.0), lambda d, p: d.Uniform(p(-1.0, 0.0), p(0.0, 5.0))],
    "Binomial": [lambda d, p: d.Binomial(10, p(0.1, 0.5, 0.9)), lambda d, p: d.Binomial(p.fixed(5.0, 20.0, 100.0), p(0.1, 0.5, 0.9)),
                 lambda d, p: d.Binomial(10, logits=p(-2.0, 0.0, 2.0)), lambda d, p: d.Binomial(p.fixed(0.0, 3.0, 60.0), p.fixed(0.1, 0.5, 1.0))],
    "NegativeBinomial": [lambda d, p: d.NegativeBinomial(10, p(0.1, 0.5, 0.9)), lambda d, p: d.NegativeBinomial(p(0.5, 2.0, 10.0), p(0.1, 0.5, 0.9)),
                         lambda d, p: d.NegativeBinomial(3.0, logits=p(-2.0, 0.0, 2.0)), lambda d, p: d.NegativeBinomial(0, p(0.1, 0.5))],
    "Multinomial": [lambda d, p: d.Multinomial(10, p(0.1, 0.2, 0.7)), lambda d, p: d.Multinomial(4, p(*TABLE)),
                    lambda d, p: d.Multinomial(3, logits=p(*TABLE)), lambda d, p: d.Multinomial(3, p.fixed(0.0, 0.5, 0.5))],
    "Dirichlet": [lambda d, p: d.Dirichlet(p(0.5, 1.0, 3.0)), lambda d, p: d.Dirichlet(p([0.5, 1.0, 3.0], [0.2, 0.9, 0.3])),
                  lambda d, p: d.Dirichlet(p([10.0, 20.0], [3.0, 0.4]))],
    "StudentT": [lambda d, p: d.StudentT(3.0), lambda d, p: d.StudentT(p(0.5, 1.0, 2.0, 5.0), 1.0, p(1.0, 2.0, 3.0, 4.0)),
                 lambda d, p: d.StudentT(p(0.5, 5.0), p(1.0, 2.0), p(2.0, 1.0))],
    "VonMises": [lambda d, p: d.VonMises(0.0, 1.0), lambda d, p: d.VonMises(p(-1.0, 0.5, 3.0), p(0.1, 1.0, 20.0))],
    "GeneralizedPareto": [lambda d, p: d.GeneralizedPareto(0.0, 1.0, 0.5),
                          lambda d, p: d.GeneralizedPareto(p(0.0, 1.0, 2.0, 3.0, 4.0), p(1.0, 2.0, 3.0, 1.0, 0.5), p(-2.0, -0.5, 0.0, 0.4, 1.5))],
    "MultivariateNormal": [lambda d, p: d.MultivariateNormal(p(1.0, -1.0, 0.5), p(*MATRIX)),
                           lambda d, p: d.MultivariateNormal(p(1.0, -1.0, 0.5), precision_matrix=p(*MATRIX)),
                           lambda d, p: d.MultivariateNormal(p(1.0, -1.0, 0.5), scale_tril=p(*LOWER)),
                           lambda d, p: d.MultivariateNormal(p([1.0, -1.0, 0.5], [2.0, 0.0, 1.5]), p(*MATRIX)),
                           lambda d, p: d.MultivariateNormal(p(1.0, -1.0, 0.5), p([*MATRIX], [*DOUBLED])),
                           lambda d, p: d.MultivariateNormal(p([1.0, -1.0, 0.5], [2.0, 0.0, 1.5]), p([[*MATRIX]], [[*DOUBLED]]))],
    "LowRankMultivariateNormal": [lambda d, p: d.LowRankMultivariateNormal(p(1.0, -1.0, 0.5), p(*FACTOR), p(1.0, 2.0, 0.5)),
                                  lambda d, p: d.LowRankMultivariateNormal(p([1.0, -1.0, 0.5], [0.0, 0.0, 1.0]), p(*LOWER), p(1.0, 2.0, 0.5))],
    "LKJCholesky": [lambda d, p: d.LKJCholesky(2), lambda d, p: d.LKJCholesky(3, 2.0), lambda d, p: d.LKJCholesky(4, p(0.5, 1.0, 3.0))],
    "Wishart": [lambda d, p: d.Wishart(5.0, p(*MATRIX)), lambda d, p: d.Wishart(p(4.0, 6.0), p(*MATRIX)),
                lambda d, p: d.Wishart(5.0, scale_tril=p(*LOWER)), lambda d, p: d.Wishart(5.0, precision_matrix=p(*MATRIX)),
                lambda d, p: d.Wishart(p(4.0, 6.0), p([*MATRIX], [*DOUBLED]))],
    "RelaxedBernoulli": [lambda d, p: d.RelaxedBernoulli(p(0.7), p(0.1, 0.5, 0.9)), lambda d, p: d.RelaxedBernoulli(p(0.5, 2.0), logits=p(-1.0, 2.0))],
    "RelaxedOneHotCategorical": [lambda d, p: d.RelaxedOneHotCategorical(p(0.7), p(0.1, 0.2, 0.7)),
                                 lambda d, p: d.RelaxedOneHotCategorical(p(0.7), logits=p(*TABLE))],
    "Independent": [lambda d, p: d.Independent(d.Normal(p(-1.0, 0.5, 3.0), p(0.3, 1.0, 2.5)), 1),
                    lambda d, p: d.Independent(d.Normal(p([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]), 1.0), 1),
                    lambda d, p: d.Independent(d.Normal(p([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]), 1.0), 2),
                    lambda d, p: d.Independent(d.MultivariateNormal(p([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]), p(*MATRIX)), 1),
                    lambda d, p: d.Independent(d.Bernoulli(p(0.2, 0.7)), 0), lambda d, p: d.Independent(d.Categorical(p(*TABLE)), 1)],
    "MixtureSameFamily": [lambda d, p: d.MixtureSameFamily(d.Categorical(p(1.0, 2.0, 3.0)), d.Normal(p(-1.0, 0.5, 3.0), p(0.3, 1.0, 2.5))),
                          lambda d, p: d.MixtureSameFamily(d.Categorical(p(*TABLE)), d.Normal(p([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]), 1.0)),
                          lambda d, p: d.MixtureSameFamily(d.Categorical(p(1.0, 2.0)), d.Independent(d.Normal(p([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]), 1.0), 1)),
                          lambda d, p: d.MixtureSameFamily(d.Categorical(logits=p(*TABLE)), d.Poisson(p([0.3, 1.0, 2.5], [3.0, 4.0, 5.0])))],
    "TransformedDistribution": [
        lambda d, p: d.TransformedDistribution(d.Normal(p(-1.0, 0.5, 3.0), p(0.3, 1.0, 2.5)), [d.ExpTransform()]),
        lambda d, p: d.TransformedDistribution(d.Normal(p(-1.0, 0.5), p(0.3, 1.0)), []),
        lambda d, p: d.TransformedDistribution(d.Normal(p(0.0), p(1.0)), [d.AffineTransform(p(-1.0, 0.5, 3.0), p(-0.3, -1.0, -2.5))]),
        lambda d, p: d.TransformedDistribution(d.Normal(p(-1.0, 0.5, 3.0), p(0.3, 1.0, 2.5)), d.StickBreakingTransform()),
        lambda d, p: d.TransformedDistribution(d.Independent(d.Normal(p(-1.0, 0.5), p(0.3, 1.0)), 1), [d.AffineTransform(1.0, 2.0), d.SigmoidTransform()]),
        lambda d, p: d.TransformedDistribution(d.Uniform(p(0.0), p(1.0)), [d.SigmoidTransform().inv, d.AffineTransform(1.0, 2.0)]),
        lambda d, p: d.TransformedDistribution(d.Normal(p(0.0, 1.0, 0.5), 1.0), [d.CorrCholeskyTransform()]),
        lambda d, p: d.TransformedDistribution(d.Normal(p(0.0, 1.0, 0.5), 1.0), [d.TanhTransform(cache_size=1)])],
})
