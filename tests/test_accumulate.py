"""Gradients that rules add to .grad themselves (rl_grad_to_add): the same sums as through the engine, and never where somebody looks."""

import numpy as np
import pytest
import rushlight as rl

F = rl.nn.functional


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


INDEX = rl.tensor([[1, 0, 2], [1, 4, 1]])
CLASSES = rl.tensor([1, 2, -100, 4])
STEPS = {
    "cross_entropy": ((4, 5), lambda w: F.cross_entropy(w, CLASSES)),
    "cross_entropy of sums": ((4, 5), lambda w: F.cross_entropy(w, CLASSES, rl.linspace(0.5, 2, 5, dtype=w.dtype), reduction="sum")),
    "cross_entropy of rows": ((4, 5), lambda w: (F.cross_entropy(w, CLASSES, reduction="none") ** 2).sum()),
    "embedding": ((5, 3), lambda w: (F.embedding(INDEX, w, padding_idx=4) ** 2).sum()),
    "embedding by frequency": ((5, 3), lambda w: (F.embedding(INDEX, w, scale_grad_by_freq=True) ** 2).sum()),
    "linear": ((5, 3), lambda w: F.linear(rl.tensor(numbers(4, 3), dtype=w.dtype), w).sin().sum()),
    "linear on rows of planes": ((5, 3), lambda w: F.linear(rl.tensor(numbers(2, 4, 3), dtype=w.dtype), w).sin().sum()),
    "linear on a transposed batch": ((5, 3), lambda w: F.linear(rl.tensor(numbers(3, 4), dtype=w.dtype).t(), w).sin().sum()),
    "linear on no rows": ((5, 3), lambda w: F.linear(rl.ones(0, 3, dtype=w.dtype), w).sum()),
    "one weight twice": ((5, 3), lambda w: (F.embedding(INDEX, w) @ w.t()).cos().sum() + F.linear(rl.ones(2, 3, dtype=w.dtype), w).sin().sum()),
}


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64, rl.bfloat16])
@pytest.mark.parametrize("name", STEPS)
def test_sums_are_the_engines(name, dtype):
    """A hook on the leaf wants to see each gradient, so the engine adds that one; three steps without must come to the same."""
    shape, step = STEPS[name]
    plain, seen = [rl.tensor(numbers(*shape, seed=1), dtype=dtype, requires_grad=True) for _ in range(2)]
    shown = []
    seen.register_hook(lambda g: shown.append(g.clone()))
    for _ in range(3):
        step(plain).backward()
        step(seen).backward()
    assert len(shown) == 3
    bound = {rl.float32: 1e-6, rl.float64: 1e-14, rl.bfloat16: 1e-2}[dtype]      # three sums in another order
    rl.testing.assert_close(plain.grad, seen.grad, rtol=bound, atol=bound * max(1.0, seen.grad.abs().max().item()))


@pytest.mark.parametrize("name", STEPS)
def test_the_grad_stays_the_same_tensor(name):
    shape, step = STEPS[name]
    w = rl.tensor(numbers(*shape, seed=1), requires_grad=True)
    step(w).backward()
    grad, version = w.grad, w.grad._version
    step(w).backward()
    assert w.grad is grad and grad._version > version


@pytest.mark.parametrize("name", STEPS)
def test_a_grad_that_is_the_input_is_not_read_while_written(name):
    shape, step = STEPS[name]
    w, other = [rl.tensor(numbers(*shape, seed=1), requires_grad=True) for _ in range(2)]
    w.grad = w.detach()
    other.grad = other.detach().clone()
    step(other).backward()
    try:
        step(w).backward()
    except RuntimeError as why:      # a second reader of the same tensor finds it written
        assert "modified by an inplace operation" in str(why)
    else:
        rl.testing.assert_close(w.grad, other.grad)


@pytest.mark.parametrize("name", STEPS)
def test_who_looks_sees_the_gradient_alone(name):
    """Capturing, post-accumulate hooks and create_graph get what they get for a first backward."""
    shape, step = STEPS[name]
    w = rl.tensor(numbers(*shape, seed=1), requires_grad=True)
    (alone,) = rl.autograd.grad(step(w), w)
    step(w).backward()
    kept = w.grad.clone()
    assert rl.equal(rl.autograd.grad(step(w), w)[0], alone) and rl.equal(w.grad, kept)
    step(w).backward(create_graph=True)
    rl.testing.assert_close(w.grad.detach(), 2 * kept)
    calls = []
    w.register_post_accumulate_grad_hook(lambda t: calls.append(t.grad.detach().clone()))
    w.grad = kept.clone()
    step(w).backward()
    rl.testing.assert_close(calls[0], 2 * kept)


@pytest.mark.parametrize("name", STEPS)
def test_a_leaf_that_was_frozen_gets_nothing(name):
    shape, step = STEPS[name]
    w, other = rl.tensor(numbers(*shape, seed=1), requires_grad=True), rl.ones(1, requires_grad=True)
    w.grad = rl.ones(*shape, dtype=w.dtype)
    loss = step(w) + other.sum()
    w.requires_grad_(False)
    loss.backward()
    assert rl.equal(w.grad, rl.ones(*shape, dtype=w.dtype)) and other.grad.item() == 1


def test_a_class_of_probability_one_keeps_its_small_slope():
    """p - 1 is added to .grad as one number: added apart, the two would leave their rounding behind."""
    x = rl.tensor([[20.0, 0.0]], requires_grad=True)
    x.grad = rl.zeros(1, 2)
    F.cross_entropy(x, rl.tensor([0])).backward()
    fresh = rl.tensor([[20.0, 0.0]], requires_grad=True)
    F.cross_entropy(fresh, rl.tensor([0])).backward()
    assert rl.equal(x.grad, fresh.grad)
