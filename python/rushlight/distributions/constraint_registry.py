"""From constraints to transforms onto them: `biject_to(c)` is one to one, `transform_to(c)` need not be, but suits optimisers better.

Both start from unconstrained numbers: `transform_to(Normal.arg_constraints["scale"])(x)` is a valid scale for every x.
"""

from numbers import Number

from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Which factory makes the transform onto constraints of which class."""

    def __init__(self):
        self._registry = {}

    def register(self, constraint, factory=None):
        """Use factory(constraint) for constraints of this class (or of this one's class). Without a factory, a decorator."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint):
        """The transform from all real numbers onto the constraint."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _register(*kinds, registries=(biject_to, transform_to)):
    def into(factory):
        for kind in kinds:
            for registry in registries:
                registry.register(kind, factory)
        return factory
    return into


@_register(constraints.real)
def _to_real(constraint):
    return transforms.identity_transform


@_register(constraints.positive, constraints.nonnegative)
def _to_greater_than(constraint):
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(constraint.lower_bound, 1)])


@_register(constraints.less_than)
def _to_less_than(constraint):
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)])


@_register(constraints.interval, constraints.half_open_interval)
def _to_interval(constraint):
    lower, upper = constraint.lower_bound, constraint.upper_bound
    if isinstance(lower, Number) and lower == 0 and isinstance(upper, Number) and upper == 1:
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(lower, upper - lower)])


@_register(constraints.simplex, registries=(biject_to,))
def _biject_to_simplex(constraint):
    return transforms.StickBreakingTransform()


@_register(constraints.simplex, registries=(transform_to,))
def _transform_to_simplex(constraint):
    return transforms.SoftmaxTransform()


@_register(constraints.lower_cholesky, registries=(transform_to,))
def _transform_to_lower_cholesky(constraint):
    return transforms.LowerCholeskyTransform()


@_register(constraints.positive_definite, constraints.positive_semidefinite, registries=(transform_to,))
def _transform_to_positive_definite(constraint):
    return transforms.PositiveDefiniteTransform()


@_register(constraints.corr_cholesky)
def _to_corr_cholesky(constraint):
    return transforms.CorrCholeskyTransform()


def _register_compound(registry):
    """Compound constraints go to compound transforms, part by part, by the same registry."""

    @registry.register(constraints.independent)
    def _to_independent(constraint):
        return transforms.IndependentTransform(registry(constraint.base_constraint), constraint.reinterpreted_batch_ndims)

    @registry.register(constraints.cat)
    def _to_cat(constraint):
        return transforms.CatTransform([registry(part) for part in constraint.cseq], constraint.dim, constraint.lengths)

    @registry.register(constraints.stack)
    def _to_stack(constraint):
        return transforms.StackTransform([registry(part) for part in constraint.cseq], constraint.dim)


_register_compound(biject_to)
_register_compound(transform_to)
