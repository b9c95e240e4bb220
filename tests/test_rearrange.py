"""func.rearrange against torch: values, shapes, and the classes of refusals."""

import warnings

import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

GOOD = [
    ((2, 3, 4), "a b c -> c b a", {}), ((6, 4), "(a b) c -> a (b c)", {"a": 2}), ((6, 4), "(a b) c -> b (c a)", {"b": 3}), ((2, 3, 4), "a ... -> ... a", {}),
    ((2, 3, 4), "a ... c -> (a c) ...", {}), ((2, 3, 4), "... -> (...)", {}), ((2, 3, 4), "a ... -> a (...)", {}), ((2, 1, 4), "a 1 c -> c a", {}),
    ((2, 1, 4), "a () c -> a c", {}), ((2, 3), "a b -> a 1 b ()", {}), ((), "->", {}), ((1,), "1 ->", {}), ((3,), "a -> a", {}),
    ((2, 3, 4, 5), "b c (h h1) (w w1) -> b (c h1 w1) h w", {"h1": 2, "w1": 1}), ((2, 0, 3), "a b c -> (a b) c", {}), ((4, 6), "(a a1) (b b1) -> (a b) a1 b1", {"a1": 2, "b": 3}),
    ((2, 3), "... a b -> ... b a", {}), ((2, 3), "a b->(b a)", {}), ((2, 3), "(a 1) b -> b (1 a)", {}),
]
BAD = [
    ((2, 3), "a b", {}), ((2, 3), "a b -> b a -> a", {}), ((2, 3), "a b c -> c b a", {}), ((2, 3), "a -> a", {}), ((2, 3), "a b -> a", {}), ((2, 3), "a a -> a", {}),
    ((2, 3), "(a b -> a b", {}), ((2, 3), "a b) -> a b", {}), ((2, 3), "((a b)) -> a b", {}), ((2, 3), "a b -> ... a b", {}), ((2, 3), "(...) a -> a ...", {}),
    ((2, 3), "a b. -> a b", {}), ((2, 3), "... a ... -> a ...", {}), ((2, 3), "a 2 -> a 2", {}), ((2, 3), "_a b -> b _a", {}), ((2, 3), "a! b -> b a!", {}),
    ((2, 3), "a b -> b a", {"c": 2}), ((2, 3), "a b -> b a", {"a": 2.0}), ((6, 3), "(a b) c -> a b c", {"a": 4}), ((6, 3), "(a b) c -> a b c", {}), ((2, 3), "a b c ... -> a b c ...", {}),
]


@pytest.mark.parametrize("shape, pattern, lengths", GOOD, ids=[f"{s} {p}" for s, p, _ in GOOD])
def test_rearrange(shape, pattern, lengths):
    count = max(1, rl.Size(shape).numel())
    ours = rl.func.rearrange(rl.arange(count)[:rl.Size(shape).numel()].reshape(shape), pattern, **lengths)
    theirs = torch.func.rearrange(torch.arange(count)[:torch.Size(shape).numel()].reshape(shape), pattern, **lengths)
    assert tuple(ours.shape) == tuple(theirs.shape) and ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("shape, pattern, lengths", BAD, ids=[f"{s} {p} {n}" for s, p, n in BAD])
def test_rearrange_refuses_what_torch_refuses(shape, pattern, lengths):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as theirs:
            torch.func.rearrange(torch.zeros(shape), pattern, **lengths)
        with pytest.raises(theirs.type if theirs.type in (TypeError, ValueError) else ValueError):
            rl.func.rearrange(rl.zeros(shape), pattern, **lengths)


def test_rearrange_stacks_lists_and_is_differentiable():
    parts = [rl.ones(2, 3, requires_grad=True), rl.zeros(2, 3)]
    joined = rl.func.rearrange(parts, "n a b -> a (n b)")
    assert joined.tolist() == torch.func.rearrange([torch.ones(2, 3), torch.zeros(2, 3)], "n a b -> a (n b)").tolist()
    joined[0].sum().backward()
    assert parts[0].grad.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_rearrange_gives_a_number_a_dim():
    assert rl.func.rearrange(rl.tensor(3), "-> 1").shape == (1,)      # torch forgets the 1
