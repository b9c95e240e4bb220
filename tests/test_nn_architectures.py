"""Published architectures built under both libraries: equal names, printing and initial values; states and outputs go both ways."""

import io

import numpy as np
import pytest
from architectures import ARCHITECTURES

import rushlight

torch = pytest.importorskip("torch")
NAMES = list(ARCHITECTURES)


def build(lib, name):
    lib.manual_seed(11)
    return ARCHITECTURES[name][0](lib)


def example(name):
    shape = ARCHITECTURES[name][1]
    draw = np.random.default_rng(0)
    if shape == "tokens":
        tokens = draw.integers(1, 50, (3, 9))
        tokens[2, 6:] = 0
        return tokens
    return draw.standard_normal(shape).astype(np.float32)


def carried(state, lib):
    """A state_dict, saved by the library that made it and loaded by the other."""
    file = io.BytesIO()
    (rushlight if lib is torch else torch).save(state, file)
    file.seek(0)
    return lib.load(file)


@pytest.mark.parametrize("name", NAMES)
def test_keys_shapes_and_printing(name):
    ours, theirs = build(rushlight, name), build(torch, name)
    assert [(k, tuple(v.shape)) for k, v in ours.state_dict().items()] == [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()]
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_parameters(name):
    ours, theirs = build(rushlight, name).state_dict(), build(torch, name).state_dict()
    for key, value in theirs.items():
        assert np.array_equal(ours[key].numpy(), value.numpy()), key


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_both_ways_with_equal_outputs(name):
    ours, theirs = build(rushlight, name), build(torch, name)
    x = example(name)
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.01 * torch.randn(p.shape))     # values that no initialisation gives
    ours.load_state_dict(carried(theirs.state_dict(), rushlight))
    ours.eval(), theirs.eval()
    with rushlight.no_grad(), torch.no_grad():
        got, want = ours(rushlight.from_numpy(x)).numpy(), theirs(torch.from_numpy(x)).numpy()
    # Single precision through up to 121 layers: sums in another order.
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(want).max()))
    back = build(torch, name).eval()
    back.load_state_dict(carried(ours.state_dict(), torch))
    with torch.no_grad():
        assert torch.equal(back(torch.from_numpy(x)), torch.from_numpy(want))


@pytest.mark.parametrize("name", ["LeNet", "ResNet-18", "LSTM language model", "GPT-2", "BERT", "ViT-tiny"])
def test_gradients_agree(name):
    ours, theirs = build(rushlight, name), build(torch, name)
    x = example(name)
    ours.eval(), theirs.eval()
    ours(rushlight.from_numpy(x)).square().mean().backward()
    theirs(torch.from_numpy(x)).square().mean().backward()
    for (key, p), q in zip(ours.named_parameters(), theirs.parameters()):
        if q.grad is None:
            assert p.grad is None, key
            continue
        want = q.grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), want, rtol=2e-3, atol=1e-4 * max(1e-3, np.abs(want).max()), err_msg=key)
