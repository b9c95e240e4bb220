"""Constraints, transforms, the registry between them and the helpers of distributions: all as torch's."""

import copy
import math
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight import distributions as mine
from test_distributions import disagreement, outcome, torch

theirs = torch.distributions
CLOSE = {"float32": (1e-4, 1e-5), "float64": (1e-8, 1e-9)}


def check(question, of):
    """Ask `of(library, distributions)` of both."""
    problem = disagreement(outcome(lambda: of(rl, mine)), outcome(lambda: of(torch, theirs)), CLOSE)
    assert not problem, f"{question}: {problem}"


SIMPLE = ("boolean corr_cholesky dependent lower_cholesky lower_triangular nonnegative nonnegative_integer one_hot positive positive_definite "
          "positive_integer positive_semidefinite real real_vector simplex square symmetric unit_interval").split()
CONSTRAINTS = {name: (lambda t, c, name=name: getattr(c, name)) for name in SIMPLE} | {
    "greater_than": lambda t, c: c.greater_than(2), "greater_than_eq": lambda t, c: c.greater_than_eq(0.5),
    "less_than": lambda t, c: c.less_than(0.5),
    "greater_than tensor": lambda t, c: c.greater_than(t.tensor([1.0, 0.0, -2.0])), "interval": lambda t, c: c.interval(-1.0, 0.5),
    "half_open_interval": lambda t, c: c.half_open_interval(0, 1), "integer_interval": lambda t, c: c.integer_interval(0, 1),
    "_IntegerLessThan": lambda t, c: c._IntegerLessThan(1), "multinomial": lambda t, c: c.multinomial(3),
    "independent": lambda t, c: c.independent(c.real, 1),
    "independent 2": lambda t, c: c.independent(c.positive, 2), "independent vectors": lambda t, c: c.independent(c.real_vector, 1),
    "cat": lambda t, c: c.cat([c.real, c.positive], dim=-1, lengths=[1, 2]), "cat of ones": lambda t, c: c.cat([c.positive, c.real], dim=0),
    "stack": lambda t, c: c.stack([c.real, c.positive], dim=0), "stack last": lambda t, c: c.stack([c.real, c.boolean, c.positive], dim=-1),
    "stack of vectors": lambda t, c: c.stack([c.real, c.real_vector], dim=0), "stack far": lambda t, c: c.stack([c.real], dim=4),
    "mixture": lambda t, c: c.MixtureSameFamilyConstraint(c.positive),
    "mixture of vectors": lambda t, c: c.MixtureSameFamilyConstraint(c.real_vector),
    "mixture of intervals": lambda t, c: c.MixtureSameFamilyConstraint(c.interval(t.zeros(2), t.tensor([1.0, 2.0]))),
    "dependent_property": lambda t, c: c.dependent_property(lambda self: c.real, event_dim=2),
    "stated": lambda t, c: c.dependent(is_discrete=True, event_dim=3),
    "wrong base": lambda t, c: c.independent(5, 1), "negative": lambda t, c: c.independent(c.real, -1),
    "wrong mixture": lambda t, c: c.MixtureSameFamilyConstraint(3),
    "wrong cat": lambda t, c: c.cat([1]), "wrong stack": lambda t, c: c.stack([1]),
    "wrong lengths": lambda t, c: c.cat([c.real, c.real], lengths=[1]),
}
VALUES = [
    0.5, -1.0, math.nan, math.inf, [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0], [0.5, 0.5 + 1e-7], [0.5, 0.5 + 3e-6], [[0.0, 1.0], [1.0, 1.0]],
    [[2.0, 1.0], [-1.0, 4.0], [1.5, 1.5]], [[1.0, 2.0], [2.000001, 4.0]], [[1.0, 2.0], [2.001, 4.0]], [[1.0, 0.0], [0.6, 0.8]],
    [[1.0, 0.0], [0.6, 0.80001]], [[1.0, 0.5], [0.5, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, -2.0], [-2.0, 1.0]],
    [[[1.0, 0.0], [0.5, -1.0]], [[1.0, 0.1], [0.5, 2.0]]], [[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]],
]


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name):
    of = CONSTRAINTS[name]
    check("repr", lambda t, d: repr(of(t, d.constraints)))
    for what in ("is_discrete", "event_dim"):
        check(what, lambda t, d: getattr(of(t, d.constraints), what))
    for value in VALUES:
        check(value, lambda t, d: of(t, d.constraints).check(t.tensor(value)))
    check("dependence", lambda t, d: d.constraints.is_dependent(of(t, d.constraints)))


def test_every_constraint_is_there():
    assert mine.constraints.__all__ == theirs.constraints.__all__
    assert [name for name in theirs.constraints.__all__ if not hasattr(mine.constraints, name)] == []
    with pytest.raises(NotImplementedError):
        mine.constraints.Constraint().check(rl.ones(1))


def test_dependent_property():
    class Box:
        @mine.constraints.dependent_property(is_discrete=False, event_dim=1)
        def support(self):
            return mine.constraints.real_vector

    assert mine.constraints.is_dependent(Box.support) and Box.support.event_dim == 1 and Box.support.is_discrete is False
    assert Box().support is mine.constraints.real_vector


TRANSFORMS = {
    "exp": lambda t, d: d.ExpTransform(), "power": lambda t, d: d.PowerTransform(2.0),
    "power of each": lambda t, d: d.PowerTransform(t.tensor([-1.0, 2.0, 0.5])),
    "sigmoid": lambda t, d: d.SigmoidTransform(), "softplus": lambda t, d: d.SoftplusTransform(), "tanh": lambda t, d: d.TanhTransform(),
    "abs": lambda t, d: d.AbsTransform(),
    "affine": lambda t, d: d.AffineTransform(1.0, 2.0),
    "affine of each": lambda t, d: d.AffineTransform(t.tensor([1.0, 2.0, 3.0]), t.tensor([-1.0, 2.0, 3.0])),
    "affine vector": lambda t, d: d.AffineTransform(0, t.tensor([-1.0, -2.0, 3.0]), event_dim=1),
    "affine matrix": lambda t, d: d.AffineTransform(0, -3.0, event_dim=2),
    "corr": lambda t, d: d.CorrCholeskyTransform(), "softmax": lambda t, d: d.SoftmaxTransform(), "stick": lambda t, d: d.StickBreakingTransform(),
    "lower": lambda t, d: d.LowerCholeskyTransform(), "definite": lambda t, d: d.PositiveDefiniteTransform(),
    "identity": lambda t, d: d.identity_transform,
    "compose": lambda t, d: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.ExpTransform(), d.PowerTransform(0.5)]),
    "compose vector": lambda t, d: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.StickBreakingTransform()]),
    "compose cached": lambda t, d: d.ComposeTransform([d.AffineTransform(0.0, 1.0, cache_size=1), d.ExpTransform(cache_size=1)], cache_size=1),
    "compose widening": lambda t, d: d.ComposeTransform([d.ExpTransform(), d.LowerCholeskyTransform()]),
    "compose after": lambda t, d: d.ComposeTransform([d.StickBreakingTransform(), d.AffineTransform(0.0, 2.0)]),
    "compose reshaped": lambda t, d: d.ComposeTransform([d.ReshapeTransform((3,), (3, 1)), d.ExpTransform()]),
    "independent": lambda t, d: d.IndependentTransform(d.ExpTransform(), 1),
    "independent vectors": lambda t, d: d.IndependentTransform(d.StickBreakingTransform(), 1),
    "reshape": lambda t, d: d.ReshapeTransform((3,), (3, 1)), "reshape matrix": lambda t, d: d.ReshapeTransform((2, 3), (6,)),
    "cat": lambda t, d: d.CatTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], dim=-1, lengths=[1, 2]),
    "cat of ones": lambda t, d: d.CatTransform([d.ExpTransform(), d.identity_transform], dim=0),
    "cat of vectors": lambda t, d: d.CatTransform([d.ExpTransform(), d.AffineTransform(0.0, 2.0, event_dim=1)], dim=-1, lengths=[1, 2]),
    "stack": lambda t, d: d.StackTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], dim=0),
    "stack last": lambda t, d: d.StackTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0), d.SigmoidTransform()], dim=-1),
    "cdf": lambda t, d: d.CumulativeDistributionTransform(d.Normal(0.0, 1.0)),
    "wrong cat": lambda t, d: d.CatTransform([1]), "wrong lengths": lambda t, d: d.CatTransform([d.ExpTransform()], lengths=[1, 2]),
    "wrong stack": lambda t, d: d.StackTransform([2]), "wrong reshape": lambda t, d: d.ReshapeTransform((2, 3), (5,)),
    "wrong cache": lambda t, d: d.ExpTransform(cache_size=2),
    "far cat": lambda t, d: d.CatTransform([d.ExpTransform()], lengths=[2], dim=5),
    "short stack": lambda t, d: d.StackTransform([d.ExpTransform()], dim=0),
}
POINTS = [0.5, [-2.0, -1.2, -0.4], [[-2.0, -1.2, -0.4], [0.4, 1.2, 2.0]], [[0.3, 0.0], [0.4, 0.5]], [-1.0, 0.0, 0.3, 0.2, 1.0, 2.0]]
SHAPES = [(), (3,), (2, 3), (4, 2, 3), (3, 1), (6,), (3, 3)]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name, backwards):
    def of(t, d):
        made = TRANSFORMS[name](t, d)
        return made.inv if backwards else made

    def start(t, d, x, dtype):
        """A point of the domain."""
        x = t.tensor(x, dtype=getattr(t, dtype))
        x = x.abs() + 0.1 if "power" in name else x
        return TRANSFORMS[name](t, d)(x) if backwards else x

    check("repr", lambda t, d: repr(of(t, d)))
    for what in ("bijective", "sign", "domain", "codomain", "event_dim", "_cache_size"):
        check(what, lambda t, d: getattr(of(t, d), what))
    for point in POINTS:
        if name == "corr" and np.shape(point) == (2, 2):
            continue  # torch looks up the size of a triangle otherwise than we do; both refuse
        for dtype in ("float32", "float64"):
            check(f"value at {point}", lambda t, d: of(t, d)(start(t, d, point, dtype)))
            check(f"there and back from {point}", lambda t, d: of(t, d).inv(of(t, d)(start(t, d, point, dtype))))
            check(f"jacobian at {point}", lambda t, d: of(t, d).log_abs_det_jacobian(start(t, d, point, dtype), of(t, d)(start(t, d, point, dtype))))
    for shape in SHAPES:
        check(f"forward_shape of {shape}", lambda t, d: tuple(of(t, d).forward_shape(shape)))
        check(f"inverse_shape of {shape}", lambda t, d: tuple(of(t, d).inverse_shape(shape)))
    check("with_cache", lambda t, d: [repr(of(t, d).with_cache(n)) + str(of(t, d).with_cache(n)._cache_size) for n in (0, 1)])
    ours = outcome(lambda: of(rl, mine))
    if not isinstance(ours, Exception):
        assert repr(pickle.loads(pickle.dumps(ours))) == repr(copy.deepcopy(ours)) == repr(ours)


# Not those that are not one to one, or not of vectors of three. Scaling a simplex counts one dimension too many, in torch as here.
NOT_OF_THREE = {"abs", "softmax", "lower", "definite", "cat of ones", "stack", "compose widening", "reshape matrix", "independent vectors",
"compose after"}


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name not in NOT_OF_THREE and not name.startswith(("wrong", "far", "short"))])
def test_jacobians_are_those_of_autograd(name):
    """log |det| of the matrix of derivatives, taken over the entries that are free."""
    transform = TRANSFORMS[name](rl, mine)
    x = rl.tensor([0.3, 0.9, 0.6], dtype=rl.float64)
    y = transform(x)
    jacobian = rl.autograd.functional.jacobian(transform, x).reshape(-1, 3)
    if name == "corr":
        jacobian = jacobian.reshape(3, 3, 3)[[1, 2, 2], [0, 0, 1]]
    elif y.numel() == 4:
        jacobian = jacobian[:3]
    stated = transform.log_abs_det_jacobian(x, y).sum()
    assert stated.item() == pytest.approx(jacobian.det().abs().log().item(), abs=1e-7)


def test_equality_of_transforms():
    names = [name for name in TRANSFORMS if not name.startswith("wrong")]
    for a in names:
        for b in names:
            check(f"{a} == {b}", lambda t, d: (TRANSFORMS[a](t, d) == TRANSFORMS[b](t, d), TRANSFORMS[a](t, d) != TRANSFORMS[b](t, d)))
        check(f"inverse of {a}", lambda t, d: (TRANSFORMS[a](t, d).inv == TRANSFORMS[a](t, d).inv, TRANSFORMS[a](t, d).inv == TRANSFORMS[a](t, d)))
        check(f"hash of {a}", lambda t, d: hash(TRANSFORMS[a](t, d)))


def test_caches_and_inverses():
    transform, x = mine.ExpTransform(cache_size=1), rl.ones(3)
    y = transform(x)
    assert transform(x) is y and transform.inv(y) is x and transform.inv.inv is transform and transform.inv is transform.inv
    plain = transform.with_cache(0)
    assert plain(x) is not plain(x) and plain.with_cache(0) is plain
    compose = mine.ComposeTransform([mine.ExpTransform()])
    inverse = compose.inv
    assert inverse.inv is compose and inverse is compose.inv

    class Own(mine.Transform):
        def __init__(self, a):
            super().__init__()

    for question in (lambda: Own(1).with_cache(), lambda: Own(1)(x), lambda: Own(1).inv(x), lambda: Own(1).sign,
    lambda: Own(1).log_abs_det_jacobian(x, x)):
        with pytest.raises(NotImplementedError):
            question()


def test_extremes_of_transforms():
    ends = [-1000.0, -200.0, -30.0, 0.0, 30.0, 200.0, 1000.0]
    for name in ("SigmoidTransform", "SoftplusTransform", "TanhTransform"):
        check(name, lambda t, d: getattr(d, name)()(t.tensor(ends)))
        check(f"{name} slopes", lambda t, d: getattr(d, name)().log_abs_det_jacobian(t.tensor(ends), None))
        check(f"{name} back", lambda t, d: getattr(d, name)().inv(t.tensor([0.0, 1e-9, 0.5, 1.0])))


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", [name for name in CONSTRAINTS if not name.startswith(("wrong", "negative", "stack far"))])
def test_registry(name, registry):
    def of(t, d):
        return getattr(d, registry)(CONSTRAINTS[name](t, d.constraints))

    check("transform", lambda t, d: repr(of(t, d)))
    for point in POINTS:
        check(point, lambda t, d: of(t, d)(t.tensor(point)))
    transform = outcome(lambda: of(rl, mine))
    if not isinstance(transform, Exception):
        for point in POINTS:
            inside = outcome(lambda: CONSTRAINTS[name](rl, mine.constraints).check(transform(rl.tensor(point))).all())
            assert isinstance(inside, Exception) or inside


def test_registration():
    class Even(mine.constraints.Constraint):
        pass

    registry = mine.constraint_registry.ConstraintRegistry()
    with pytest.raises(NotImplementedError, match="Cannot transform Even constraints"):
        registry(Even())
    for wrong in (3, int, rl.ones(2)):
        with pytest.raises(TypeError, match="Expected constraint to be either a Constraint subclass or instance"):
            registry.register(wrong, lambda constraint: None)

    @registry.register(Even)
    def factory(constraint):
        return mine.ExpTransform()

    assert registry(Even()) == mine.ExpTransform() and registry.register(Even(), lambda constraint: 5) and registry(Even()) == 5


def test_utils():
    from rushlight.distributions import utils
    check("probs", lambda t, d: d.utils.logits_to_probs(t.tensor([[-1.0, 2.0]])))
    check("binary probs", lambda t, d: d.utils.logits_to_probs(t.tensor([-1.0, 2.0]), is_binary=True))
    for probs in ([0.0, 0.3, 1.0], [0.2, 0.3, 0.5]):
        for binary in (False, True):
            check("logits", lambda t, d: d.utils.probs_to_logits(t.tensor(probs), is_binary=binary))
        check("clamped", lambda t, d: d.utils.clamp_probs(t.tensor(probs, dtype=t.float64)))
    for diagonal in (-3, -2, -1, 0, 1, 2, 3):
        check(f"vector, {diagonal}", lambda t, d: d.utils.tril_matrix_to_vec(t.arange(18.0).reshape(2, 3, 3), diagonal))
        if diagonal not in (-3, 3):
            vector = utils.tril_matrix_to_vec(rl.arange(18.0).reshape(2, 3, 3), diagonal)
            assert utils.tril_matrix_to_vec(utils.vec_to_tril_matrix(vector, diagonal), diagonal).tolist() == vector.tolist()
    check("matrix", lambda t, d: d.utils.vec_to_tril_matrix(t.arange(12.0).reshape(2, 6)))
    check("no matrix", lambda t, d: d.utils.vec_to_tril_matrix(t.arange(5.0)))
    for values in ((1.0, 2), (1,), (True, 2.0), ("a", 1.0), (None,)):
        check(values, lambda t, d: list(d.utils.broadcast_all(*values)))
    check("mixed", lambda t, d: list(d.utils.broadcast_all(1, t.ones(2, 1, dtype=t.float64), t.zeros(3))))
    check("shapes", lambda t, d: type(outcome(lambda: d.utils.broadcast_all(t.ones(2), t.ones(3)))).__name__)


def test_lazy_property():
    class Slow:
        asked = 0

        @mine.utils.lazy_property
        def answer(self):
            """What it is."""
            self.asked += 1
            return rl.ones(1, requires_grad=True) * 2

    slow = Slow()
    with rl.no_grad():
        assert slow.answer is slow.answer and slow.asked == 1 and slow.answer.requires_grad
    assert isinstance(Slow.answer, property) and isinstance(Slow.answer, mine.utils.lazy_property)


def test_expand_has_the_base_ready_before_the_rest_is_set():
    """Subclasses may keep what Distribution.__init__ sets in the base."""
    class Delegating(mine.Independent):
        @property
        def _validate_args(self):
            return self.base_dist._validate_args

        @_validate_args.setter
        def _validate_args(self, value):
            self.base_dist._validate_args = value

    wide = Delegating(mine.Normal(rl.zeros(2, 3), rl.ones(3)), 1)
    new = wide.expand((4, 2), _instance=wide.__new__(Delegating))
    assert new.batch_shape == (4, 2) and new.base_dist.batch_shape == (4, 2, 3) and new.log_prob(rl.zeros(3)).shape == (4, 2)
