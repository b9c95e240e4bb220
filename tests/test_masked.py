"""torch.masked: what is masked changes nothing, neither values nor gradients."""

import math

import pytest
import rushlight as rl
from rushlight import masked

X = rl.tensor([[3.0, -1.0, 2.0], [5.0, 4.0, -6.0]])
MASK = rl.tensor([[True, False, True], [False, False, False]])


def test_reductions_see_what_is_kept():
    assert masked.sum(X, 1, mask=MASK).tolist() == [5.0, 0.0]
    assert masked.prod(X, 1, mask=MASK).tolist() == [6.0, 1.0]
    assert masked.amax(X, mask=MASK).item() == 3.0
    assert masked.amin(X, 1, mask=MASK).tolist() == [2.0, math.inf]
    assert masked.mean(X, 1, mask=MASK)[0].item() == 2.5 and math.isnan(masked.mean(X, 1, mask=MASK)[1].item())
    assert masked.median(X, 1, mask=MASK)[0].item() == 2.0
    assert masked.var(X[:1], 1, mask=MASK[:1]).tolist() == [0.5]
    assert masked.cumsum(X, 1, mask=MASK).tolist()[0] == [3.0, 3.0, 5.0]


def test_a_mask_broadcasts_and_may_not_be_larger():
    assert masked.sum(X, 0, mask=rl.tensor([True, False, True])).tolist() == [8.0, 0.0, -4.0]
    with pytest.raises(IndexError, match="mask dimensionality higher than of the input"):
        masked.sum(X[0], mask=MASK)


def test_integers_stay_exact():
    assert masked.amax(rl.tensor([1, 2**60 + 1]), mask=rl.tensor([True, True])).item() == 2**60 + 1
    assert masked.amax(rl.tensor([1, 2]), mask=rl.tensor([False, False])).item() == -2**63
    assert masked.sum(rl.tensor([1, 2], dtype=rl.uint8)).dtype is rl.int64
    with pytest.raises(ValueError, match="fully masked out"):
        masked.median(rl.tensor([1, 2]), mask=rl.tensor([False, False]))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_masked_elements_have_no_gradient(name):
    x = X.double().requires_grad_()
    y = getattr(masked, name)(x, 1, mask=MASK)
    assert y[0, 1].item() in (0.0, -math.inf)
    y[0, 0].backward()
    assert x.grad[0, 1].item() == 0 and x.grad[0, 0].item() != 0


def test_masked_tensors_say_what_to_use():
    assert not masked.is_masked_tensor(X)
    with pytest.raises(NotImplementedError, match="mask="):
        masked.masked_tensor(X, MASK)
