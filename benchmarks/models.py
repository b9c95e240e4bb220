"""The small networks that the rows train, written once for any library with torch's names."""

import math


def mlp(t, *sizes):
    """Linear layers with ReLU between."""
    layers = []
    for n, m in zip(sizes, sizes[1:]):
        layers += [t.nn.Linear(n, m), t.nn.ReLU()]
    return t.nn.Sequential(*layers[:-1])


def lenet(t):
    nn = t.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def resnet8(t):
    """Three residual blocks of 16, 32 and 64 channels."""
    nn, F = t.nn, t.nn.functional

    class Block(nn.Module):
        def __init__(self, n, m, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(n, m, 3, stride, 1, bias=False), nn.BatchNorm2d(m)
            self.conv2, self.bn2 = nn.Conv2d(m, m, 3, 1, 1, bias=False), nn.BatchNorm2d(m)
            self.short = nn.Sequential(nn.Conv2d(n, m, 1, stride, bias=False), nn.BatchNorm2d(m)) if n != m else nn.Identity()

        def forward(self, x):
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            return F.relu(y + self.short(x))

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def resnet18_weights(t):
    """The layers of a ResNet-18 that draw initial values, drawn as torchvision does: by default, and the kernels once more."""
    nn, layers, channels = t.nn, [t.nn.Conv2d(3, 64, 7, bias=False)], 64
    for width in (64, 128, 256, 512):
        layers += [nn.Conv2d(channels, width, 3, bias=False), *(nn.Conv2d(width, width, 3, bias=False) for _ in range(3))]
        layers += [nn.Conv2d(channels, width, 1, bias=False)] if channels != width else []
        channels = width
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return [*layers, nn.Linear(512, 1000)]


def char_rnn(t, kind):
    """Embedding 64, one recurrent layer of 128, scores over 65 characters."""
    nn = t.nn

    class CharRnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(65, 64), getattr(nn, kind)(64, 128, batch_first=True), nn.Linear(128, 65)

        def forward(self, x):
            y, _ = self.rnn(self.embed(x))
            return self.head(y)

    return CharRnn()


def gpt(t, layers, heads, width, length, fused_attention=False):
    """A small transformer; attention written out, or through scaled_dot_product_attention."""
    nn, F = t.nn, t.nn.functional

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.register_buffer("mask", t.tril(t.ones(length, length)).view(1, 1, length, length))

        def forward(self, x):
            b, n, c = x.shape
            q, k, v = (part.view(b, n, heads, c // heads).transpose(1, 2) for part in self.qkv(x).split(c, dim=2))
            if fused_attention:
                y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
                scores = scores.masked_fill(self.mask[:, :, :n, :n] == 0, float("-inf"))
                y = F.softmax(scores, dim=-1) @ v
            return self.out(y.transpose(1, 2).contiguous().view(b, n, c))

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln1, self.attention, self.ln2 = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            x = x + self.attention(self.ln1(x))
            return x + self.mlp(self.ln2(x))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(65, width), nn.Embedding(length, width)
            self.layers = nn.Sequential(*[Layer() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 65, bias=False)

        def forward(self, x):
            places = t.arange(x.size(1))
            return self.head(self.norm(self.layers(self.tokens(x) + self.places(places))))

    return Gpt()


def training_step(t, net, inputs, targets, make_optimizer, loss=None):
    """A function of no arguments that does one step of training."""
    optimizer = make_optimizer(net.parameters())
    loss = loss or t.nn.functional.cross_entropy

    def step():
        optimizer.zero_grad()
        scores = net(inputs)
        value = loss(scores.view(-1, scores.shape[-1]), targets) if scores.dim() == 3 else loss(scores, targets)
        value.backward()
        optimizer.step()

    return step
