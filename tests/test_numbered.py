"""torch's own losses and bags, with numbers for reductions and modes, beside torch; and positions that only its parser knows."""

import numpy
import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

CALLS = """
torch.binary_cross_entropy_with_logits(x, t) | torch.binary_cross_entropy_with_logits(x, t, None, w, 1) | torch.binary_cross_entropy_with_logits(x, t, w, None, 2)
| torch.hinge_embedding_loss(x, y) | torch.hinge_embedding_loss(x, y, 2.0, 1) | torch.cosine_embedding_loss(m, m + 1, y[:2]) | torch.cosine_embedding_loss(m, m + 1, y[:2], 0.1, reduction=2)
| torch.margin_ranking_loss(x, x + 1, y) | torch.margin_ranking_loss(x, x + 1, y, 0.5, 1) | torch.triplet_margin_loss(m, m + 1, m - 1) | torch.triplet_margin_loss(m, m + 1, m - 1, 2.0, 1, 1e-5, True, 1)
| torch.poisson_nll_loss(x, t, True, False, 1e-8, 0) | torch.poisson_nll_loss(x, t, False, True, 1e-8, 2) | torch.kl_div(x, t) | torch.kl_div(x, t, 1, log_target=True)
| torch.ctc_loss(p, c, n, k) | torch.ctc_loss(p, c, n, k, 0, 1) | torch.ctc_loss(p, c, (4, 4), (1, 1), reduction=2)
| torch.embedding_bag(m, i, o) | torch.embedding_bag(m, i, o, False, 1) | torch.embedding_bag(m, i, o, False, 2) | torch.embedding_bag(weight=m, indices=i, offsets=o, mode=1)
| torch.embedding_bag(m, i, o, False, 0, False, x * 2) | torch.adaptive_max_pool1d(m, 2)
| torch.add(x, 2, 3) | x.add(2, 3) | x.clone().add_(2, 0.5) | torch.sub(x, 2, 3) | torch.rsub(x, 2, 3) | torch.subtract(x, 2, 3) | x.clone().subtract_(2, 3)
"""
CALLS = [call.strip() for call in CALLS.replace("\n", " ").split(" | ")]


def evaluated(library, call):
    scope = {"torch": library, "x": library.arange(3.0) + 0.5, "t": library.tensor([0.0, 1.0, 1.0]), "y": library.tensor([1.0, -1.0, 1.0]), "w": library.tensor([1.0, 2.0, 0.5]),
             "m": library.arange(6.0).reshape(2, 3), "i": library.tensor([0, 1, 1]), "o": library.tensor([0, 2]), "p": library.zeros(4, 2, 3).log_softmax(-1),
             "c": library.tensor([[1], [2]]), "n": library.tensor([4, 4]), "k": library.tensor([1, 1])}
    result = eval(call, scope)
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("call", CALLS)
def test_as_torch(call):
    ours, theirs = evaluated(rl, call), evaluated(torch, call)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.shape == b.shape and str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]
        numpy.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


def test_gradients_flow():
    weight = rl.arange(6.0).reshape(2, 3).requires_grad_()
    for mode in (0, 1, 2):
        weight.grad = None
        rl.embedding_bag(weight, rl.tensor([0, 1, 1]), rl.tensor([0, 2]), mode=mode)[0].sum().backward()
        assert weight.grad.sum().item() == (9 if mode == 0 else 6)


def test_alpha_by_position_is_for_numbers():
    x = rl.ones(2)
    assert x.add(2, alpha=3).tolist() == x.add(2, 3).tolist() == [7, 7]
    with pytest.raises(TypeError):
        x.add(2, 3, 4)
    with pytest.raises(TypeError):
        x.add("a", 3)
