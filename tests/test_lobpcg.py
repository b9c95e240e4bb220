"""lobpcg against torch's: pairs, number of steps, gradient, refusals."""

import numpy
import pytest
import rushlight as rl

torch = pytest.importorskip("torch")


def matrices(m, k, dtype="float64", batch=()):
    draw = numpy.random.default_rng(m).standard_normal
    a, b, x = draw((*batch, m, m)), draw((m, m)), draw((*batch, m, k))
    return ((a @ a.swapaxes(-1, -2) + numpy.eye(m)).astype(dtype), (b @ b.T / m + numpy.eye(m)).astype(dtype), x.astype(dtype))


def solve(library, a, b, x, **options):
    steps = []
    values, vectors = library.lobpcg(library.tensor(a), B=None if b is None else library.tensor(b), X=library.tensor(x), tracker=lambda worker: steps.append(worker.ivars["istep"]), **options)
    return values.numpy(), vectors.numpy(), len(steps)


@pytest.mark.parametrize("method", ["ortho", "basic"])
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("general", [False, True])
def test_pairs(method, largest, general):
    a, b, x = matrices(30, 3)
    options = {"method": method, "largest": largest}
    values, vectors, steps = solve(rl, a, b if general else None, x, **options)
    expected, directions, their_steps = solve(torch, a, b if general else None, x, **options)
    numpy.testing.assert_allclose(values, expected, rtol=1e-9)
    numpy.testing.assert_allclose(abs(vectors), abs(directions), atol=1e-5)      # as far as the default tolerance, 1.5e-8 of |A|, holds vectors
    assert abs(steps - their_steps) <= 0.2 * their_steps
    numpy.testing.assert_allclose(a @ vectors, (b if general else numpy.eye(30)) @ vectors * values, atol=1e-5)


def test_batches_follow_k_of_n_and_start_from_the_generator():
    a, _, _ = matrices(20, 2, batch=(2, 1))
    rl.manual_seed(3), torch.manual_seed(3)
    values, vectors = rl.lobpcg(rl.tensor(a), k=2, n=4)
    expected, _ = torch.lobpcg(torch.tensor(a), k=2, n=4)
    assert values.shape == (2, 1, 2) and vectors.shape == (2, 1, 20, 2)
    numpy.testing.assert_allclose(values.numpy(), expected.numpy(), rtol=1e-9)


def test_a_preconditioner_saves_steps():
    m = 60
    a = numpy.diag(numpy.linspace(1, 1e4, m)) + 0.1
    x = numpy.random.default_rng(0).standard_normal((m, 1))
    plain = solve(rl, a, None, x, largest=False)
    helped = solve(rl, a, None, x, largest=False, iK=rl.tensor(numpy.diag(1 / numpy.diag(a))))
    numpy.testing.assert_allclose(helped[0], plain[0], rtol=1e-6)
    assert helped[2] < plain[2] / 2


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("largest", [True, False])
def test_gradient(batch, largest):
    a, _, x = matrices(12, 2, batch=batch)
    weight = numpy.random.default_rng(5).standard_normal(x.shape)

    def gradient(library):
        A = library.tensor(a, requires_grad=True)
        values, vectors = library.lobpcg(A, X=library.tensor(x), largest=largest, tol=1e-12)
        sign = library.sign(vectors[..., :1, :]).detach()
        (values.sum() + (vectors * sign * library.tensor(weight)).sum()).backward()
        return A.grad.numpy()

    numpy.testing.assert_allclose(gradient(rl), gradient(torch), atol=1e-7)


def test_start_vectors_are_left_alone():
    a, _, x = matrices(20, 2)
    start = rl.tensor(x)
    rl.lobpcg(rl.tensor(a), X=start, method="basic")
    assert (start.numpy() == x).all()


def test_refusals():
    with pytest.raises(AssertionError, match="A must be square"):
        rl.lobpcg(rl.ones(3, 4))
    with pytest.raises(AssertionError, match="A and B must have same shape"):
        rl.lobpcg(rl.eye(9), B=rl.eye(8))
    with pytest.raises(ValueError, match="smaller than 3 x the number of requested eigenpairs"):
        rl.lobpcg(rl.eye(5), k=2)
    with pytest.raises(AssertionError, match="X shape mismatch"):
        rl.lobpcg(rl.eye(9), X=rl.ones(8, 2))
    a, b, x = matrices(20, 2)
    values, _ = rl.lobpcg(rl.tensor(a, requires_grad=True), B=rl.tensor(b), X=rl.tensor(x))
    with pytest.raises(ValueError, match="lobpcg: backward with a B"):
        values.sum().backward()
    with pytest.raises(NotImplementedError, match="must be float32 or float64"):
        rl.lobpcg(rl.eye(9, dtype=rl.int64))


def test_a_tracker_may_stop():
    a, _, x = matrices(30, 3)
    seen = []

    def stop(worker):
        seen.append(worker)
        worker.bvars["force_stop"] = len(seen) == 2

    rl.lobpcg(rl.tensor(a), X=rl.tensor(x), tracker=stop)
    assert len(seen) == 2 and seen[0].tvars["rerr"].shape == (3,)
