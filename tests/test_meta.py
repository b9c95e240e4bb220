"""The device meta: shapes and dtypes without numbers, for models that are laid out before their weights come."""

import copy

import pytest

import rushlight as rl
from rushlight import nn

META = rl.device("meta")


def test_what_is_made_on_meta_has_a_shape_and_no_numbers():
    x = rl.rand(2, 3, device="meta")
    assert x.is_meta and not x.is_cpu and x.device == META and x.shape == (2, 3) and x.untyped_storage().device == META
    assert repr(x) == "tensor(..., device='meta', size=(2, 3))"
    assert repr(rl.empty(2, device="meta", dtype=rl.int64)) == "tensor(..., device='meta', size=(2,), dtype=rushlight.int64)"
    for show in (lambda: x[0, 0].item(), lambda: bool(x[0, 0]), lambda: x.tolist(), lambda: x.numpy(), lambda: x.cpu(), lambda: x.to("cpu"), lambda: rl.ones(2, 3).copy_(x)):
        with pytest.raises((RuntimeError, TypeError, NotImplementedError), match="meta"):
            show()


def test_results_of_meta_tensors_are_meta():
    x, w = rl.ones(2, 3, device="meta"), rl.ones(3, 3, device="meta")
    for y in (x + 1, x @ w, x.mT, x[0], x.sum(), rl.cat([x, x]), x.double(), x.to(rl.int64), rl.zeros_like(x), x.new_zeros(2), copy.deepcopy(x), *x.unbind(), x.max(1).values):
        assert y.is_meta
    assert not rl.zeros_like(x, device="cpu").is_meta and rl.zeros_like(x, device="cpu").sum().item() == 0
    assert x.expand(4, 2, 3).shape == (4, 2, 3) and rl.ones(2).to(x).is_meta and rl.ones(2).to("meta", rl.float64).dtype == rl.float64


def test_a_tensor_moved_to_meta_leaves_the_old_one_alone():
    x = rl.ones(2)
    y = x.to("meta")
    assert y.is_meta and not x.is_meta and x.tolist() == [1, 1] and (x + 1).tolist() == [2, 2]
    assert y.to("meta") is y


def test_nothing_is_drawn_for_meta_and_nothing_is_written():
    rl.manual_seed(0)
    expected = rl.rand(3)
    rl.manual_seed(0)
    with META:
        layers = nn.Linear(4, 4), nn.LSTM(3, 3), nn.Embedding(5, 2)
        rl.randn(100)
    nn.init.orthogonal_(rl.empty(3, 3, device="meta"))
    rl.dropout(rl.ones(9, device="meta"), 0.5, True)
    assert rl.rand(3).equal(expected) and all(p.is_meta and p.requires_grad for layer in layers for p in layer.parameters())


def test_writes_are_left_out_however_they_are_said():
    x = rl.zeros(3, 3, device="meta")
    x[0] += 2
    x[:, 1] *= 3
    x -= 1
    x[0] = 1
    x[x > 0] = rl.ones(9, device="meta")[:0]
    x[0, 0] = rl.ones((), device="meta")
    x.add_(1).copy_(rl.ones(3, 3)).normal_().index_fill_(0, rl.tensor([0]), 1)
    assert x.is_meta and x.shape == (3, 3)
    with pytest.raises(NotImplementedError, match="meta"):
        rl.zeros(3, 3)[0] = x[0]


def test_the_device_block_ends_and_nests():
    with META:
        assert rl.get_default_device() == META and rl.tensor([1.0]).is_meta and rl.arange(3).is_meta and rl.as_tensor([1]).is_meta
        with rl.device("cpu"):
            assert rl.ones(1).tolist() == [1]
        assert rl.ones(1).is_meta and rl.ones(1, device="cpu").tolist() == [1]
    assert rl.get_default_device() == rl.device("cpu") and rl.ones(1).tolist() == [1]
    rl.set_default_device("meta")
    try:
        assert rl.ones(1).is_meta
    finally:
        rl.set_default_device(None)
    assert not rl.ones(1).is_meta


def test_a_model_laid_out_on_meta_takes_its_weights_by_assignment():
    source = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    with META:
        model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    with pytest.raises(NotImplementedError, match="to_empty"):
        model.to("cpu")
    model.load_state_dict(source.state_dict(), assign=True)
    x = rl.ones(2, 2)
    assert model.eval()(x).equal(source.eval()(x)) and not any(t.is_meta for t in model.state_dict().values())


def test_to_empty_gives_memory():
    model = nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    nn.init.ones_(model.weight)
    assert model.weight.sum().item() == 6 and type(model.weight) is nn.Parameter


def test_a_model_on_meta_tells_shapes():
    with META:
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5))
        y = model(rl.empty(2, 3, 4, 4))
    assert y.is_meta and y.shape == (2, 5)
