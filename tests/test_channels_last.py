"""Images whose channels lie beside each other keep lying so through the layers of a network, with the same numbers."""

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn import functional as F

LAYERS = {
    "conv": lambda x: F.conv2d(x, rl.ones(6, 4, 3, 3), rl.ones(6), padding=1),
    "conv of one place": lambda x: F.conv2d(x, rl.ones(6, 4, 1, 1)),
    "depthwise conv": lambda x: F.conv2d(x, rl.ones(4, 1, 3, 3), stride=2, groups=4),
    "transposed conv": lambda x: F.conv_transpose2d(x, rl.ones(4, 6, 3, 3), rl.ones(6), stride=2),
    "batch norm": lambda x: F.batch_norm(x, rl.zeros(4), rl.ones(4), rl.arange(4.0), rl.ones(4), training=True),
    "batch norm, learnt": lambda x: F.batch_norm(x, rl.zeros(4), rl.ones(4)),
    "group norm": lambda x: F.group_norm(x, 2),
    "relu": F.relu,
    "max pool": lambda x: F.max_pool2d(x, 2),
    "mean pool": lambda x: F.avg_pool2d(x, 2),
    "adaptive pool": lambda x: F.adaptive_avg_pool2d(x, 2),
    "zeros around": lambda x: F.pad(x, (1, 1, 1, 1)),
    "reflection": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "replication": lambda x: F.pad(x, (1, 1, 1, 1), mode="replicate"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "pixel shuffle": lambda x: F.pixel_shuffle(rl.cat([x] * 4, 1), 2),
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "channel shuffle": lambda x: F.channel_shuffle(x, 2),
    "roll": lambda x: x.roll(1, 2),
    "sum": lambda x: x + x.relu(),
}


def beside(t):
    return t.is_contiguous(memory_format=rl.channels_last) and not t.is_contiguous()


@pytest.mark.parametrize("name", LAYERS)
def test_layers_keep_the_format(name):
    layer, x = LAYERS[name], rl.randn(2, 4, 6, 8)
    y, z = (x.contiguous(memory_format=f).requires_grad_() for f in (rl.contiguous_format, rl.channels_last))
    ours, theirs = layer(z), layer(y)
    assert beside(ours) and theirs.is_contiguous()
    g = rl.randn(theirs.shape)
    slope, expected = rl.autograd.grad(ours, z, g.contiguous(memory_format=rl.channels_last))[0], rl.autograd.grad(theirs, y, g)[0]
    assert beside(slope) or "shuffle" in name     # those go back by ways of their own
    # sums in another order
    rl.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4, check_stride=False)
    rl.testing.assert_close(slope, expected, rtol=1e-5, atol=1e-4, check_stride=False)


def test_volumes_and_weights():
    x, w = rl.randn(2, 4, 5, 6, 7), rl.randn(3, 4, 3, 3, 3)
    y = F.conv3d(x.contiguous(memory_format=rl.channels_last_3d), w)
    assert y.is_contiguous(memory_format=rl.channels_last_3d) and not y.is_contiguous()
    rl.testing.assert_close(y, F.conv3d(x, w), check_stride=False)
    assert beside(F.conv2d(x[:, :, 0], w[:, :, 0].contiguous(memory_format=rl.channels_last)))     # the weight's format is enough


def test_training_is_the_same():
    """Losses of a network with and without channels last, step by step."""
    losses = []
    for form in (rl.contiguous_format, rl.channels_last):
        rl.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 12, 1), nn.GroupNorm(3, 12), nn.SiLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5)).to(memory_format=form)
        optimizer = rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        x, target = rl.randn(6, 3, 12, 12).contiguous(memory_format=form), rl.arange(6) % 5
        losses.append([])
        for _ in range(8):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), target)
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
        assert net[0].weight.is_contiguous(memory_format=form) and net[0].weight.grad.stride() == net[0].weight.stride()
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)      # sums in another order, over eight steps
    assert losses[0][-1] < losses[0][0]
