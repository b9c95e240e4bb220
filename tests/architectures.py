"""Twelve published architectures, written against the name `torch` alone.

`build(torch)` gives name -> (module, example inputs). `torch` may be rushlight. Widths are cut so that a forward takes milliseconds;
the structure, and with it every state_dict key, is the published one.
"""


def lenet(torch):
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
                         nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def alexnet(torch, w=4):
    nn = torch.nn

    class AlexNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 4 * w, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
                nn.Conv2d(4 * w, 12 * w, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
                nn.Conv2d(12 * w, 24 * w, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(24 * w, 16 * w, 3, padding=1),
                nn.ReLU(inplace=True), nn.Conv2d(16 * w, 16 * w, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2))
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(16 * w * 36, 64), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(64, 64),
                                            nn.ReLU(inplace=True), nn.Linear(64, 10))

        def forward(self, x):
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    return AlexNet()


def vgg11(torch, w=2):
    nn = torch.nn
    layers, channels = [], 3
    for width in (1, "pool", 2, "pool", 4, 4, "pool", 8, 8, "pool", 8, 8, "pool"):
        if width == "pool":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(channels, width * w, 3, padding=1), nn.BatchNorm2d(width * w), nn.ReLU(inplace=True)]
            channels = width * w
    net = nn.Module()
    net.features, net.avgpool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d((7, 7))
    net.classifier = nn.Sequential(nn.Linear(channels * 49, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 32), nn.ReLU(True), nn.Dropout(),
                                   nn.Linear(32, 10))
    net.forward = lambda x: net.classifier(torch.flatten(net.avgpool(net.features(x)), 1))
    return net


def resnet(torch, counts, bottleneck, w=4):
    nn = torch.nn
    expansion = 4 if bottleneck else 1

    class Block(nn.Module):
        def __init__(self, channels, width, stride):
            super().__init__()
            shapes = [(1, 1), (3, stride), (1, 1)] if bottleneck else [(3, stride), (3, 1)]
            inside = channels
            for i, (size, step) in enumerate(shapes, 1):
                outside = width * expansion if i == len(shapes) else width
                setattr(self, f"conv{i}", nn.Conv2d(inside, outside, size, stride=step, padding=size // 2, bias=False))
                setattr(self, f"bn{i}", nn.BatchNorm2d(outside))
                inside = outside
            self.steps = len(shapes)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or channels != inside:
                self.downsample = nn.Sequential(nn.Conv2d(channels, inside, 1, stride=stride, bias=False), nn.BatchNorm2d(inside))

        def forward(self, x):
            y = x
            for i in range(1, self.steps + 1):
                y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
                if i < self.steps:
                    y = self.relu(y)
            return self.relu(y + (x if self.downsample is None else self.downsample(x)))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, w, 7, stride=2, padding=3, bias=False)
            self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(w), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)
            channels = w
            for i, count in enumerate(counts):
                width, blocks = w * 2 ** i, []
                for j in range(count):
                    blocks.append(Block(channels, width, 2 if i and not j else 1))
                    channels = width * expansion
                setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(channels, 10)
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(torch.flatten(self.avgpool(x), 1))

    return ResNet()


def mobilenet_v2(torch):
    nn = torch.nn

    def unit(i, o, size=3, stride=1, groups=1):
        return nn.Sequential(nn.Conv2d(i, o, size, stride, (size - 1) // 2, groups=groups, bias=False), nn.BatchNorm2d(o), nn.ReLU6(inplace=True))

    class InvertedResidual(nn.Module):
        def __init__(self, i, o, stride, expand):
            super().__init__()
            hidden = i * expand
            self.residual = stride == 1 and i == o
            layers = [] if expand == 1 else [unit(i, hidden, 1)]
            self.conv = nn.Sequential(*layers, unit(hidden, hidden, stride=stride, groups=hidden), nn.Conv2d(hidden, o, 1, bias=False),
                                      nn.BatchNorm2d(o))

        def forward(self, x):
            return x + self.conv(x) if self.residual else self.conv(x)

    class MobileNetV2(nn.Module):
        def __init__(self):
            super().__init__()
            features, channels = [unit(3, 8, stride=2)], 8
            for expand, width, count, stride in [(1, 4, 1, 1), (6, 6, 2, 2), (6, 8, 3, 2), (6, 16, 4, 2), (6, 24, 3, 1), (6, 40, 3, 2), (6, 80, 1, 1)]:
                for j in range(count):
                    features.append(InvertedResidual(channels, width, 1 if j else stride, expand))
                    channels = width
            self.features = nn.Sequential(*features, unit(channels, 64, 1))
            self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(64, 10))

        def forward(self, x):
            x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
            return self.classifier(torch.flatten(x, 1))

    return MobileNetV2()


def densenet121(torch, growth=4):
    nn = torch.nn

    class DenseLayer(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.norm1, self.relu1 = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
            self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
            self.norm2, self.relu2 = nn.BatchNorm2d(4 * growth), nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

        def forward(self, features):
            x = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
            return self.conv2(self.relu2(self.norm2(x)))

    class DenseBlock(nn.ModuleDict):
        def __init__(self, count, channels):
            super().__init__()
            for i in range(count):
                self.add_module(f"denselayer{i + 1}", DenseLayer(channels + i * growth))

        def forward(self, x):
            features = [x]
            for layer in self.values():
                features.append(layer(features))
            return torch.cat(features, 1)

    class DenseNet(nn.Module):
        def __init__(self):
            super().__init__()
            channels = 2 * growth
            self.features = nn.Sequential()
            self.features.add_module("conv0", nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False))
            self.features.add_module("norm0", nn.BatchNorm2d(channels))
            self.features.add_module("relu0", nn.ReLU(inplace=True))
            self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
            for i, count in enumerate((6, 12, 24, 16), 1):
                self.features.add_module(f"denseblock{i}", DenseBlock(count, channels))
                channels += count * growth
                if i < 4:
                    transition = nn.Sequential()
                    transition.add_module("norm", nn.BatchNorm2d(channels))
                    transition.add_module("relu", nn.ReLU(inplace=True))
                    transition.add_module("conv", nn.Conv2d(channels, channels // 2, 1, bias=False))
                    transition.add_module("pool", nn.AvgPool2d(2, stride=2))
                    self.features.add_module(f"transition{i}", transition)
                    channels //= 2
            self.features.add_module("norm5", nn.BatchNorm2d(channels))
            self.classifier = nn.Linear(channels, 10)

        def forward(self, x):
            x = nn.functional.relu(self.features(x), inplace=True)
            return self.classifier(torch.flatten(nn.functional.adaptive_avg_pool2d(x, (1, 1)), 1))

    return DenseNet()


def unet(torch, w=4):
    nn = torch.nn

    def double(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.Conv2d(o, o, 3, padding=1),
                             nn.BatchNorm2d(o), nn.ReLU(inplace=True))

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.inc = double(1, w)
            self.downs = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2), double(w * 2 ** i, w * 2 ** (i + 1))) for i in range(3))
            self.ups = nn.ModuleList(nn.ConvTranspose2d(w * 2 ** (i + 1), w * 2 ** i, 2, stride=2) for i in reversed(range(3)))
            self.convs = nn.ModuleList(double(w * 2 ** (i + 1), w * 2 ** i) for i in reversed(range(3)))
            self.outc = nn.Conv2d(w, 2, 1)

        def forward(self, x):
            levels = [self.inc(x)]
            for down in self.downs:
                levels.append(down(levels[-1]))
            x = levels.pop()
            for up, conv in zip(self.ups, self.convs):
                x = conv(torch.cat([levels.pop(), up(x)], dim=1))
            return self.outc(x)

    return UNet()


def lstm_language_model(torch):
    nn = torch.nn

    class LanguageModel(nn.Module):
        def __init__(self, vocabulary=50, width=16, layers=2):
            super().__init__()
            self.drop = nn.Dropout(0.2)
            self.encoder = nn.Embedding(vocabulary, width)
            self.rnn = nn.LSTM(width, width, layers, dropout=0.2)
            self.decoder = nn.Linear(width, vocabulary)
            self.decoder.weight = self.encoder.weight
            nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
            nn.init.zeros_(self.decoder.bias)

        def forward(self, tokens):
            y, _ = self.rnn(self.drop(self.encoder(tokens)))
            return nn.functional.log_softmax(self.decoder(self.drop(y)), dim=-1)

    return LanguageModel()


def gpt2(torch, width=16, heads=4, layers=2, vocabulary=50, context=12):
    nn = torch.nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.register_buffer("bias", torch.tril(torch.ones(context, context)).view(1, 1, context, context))

        def forward(self, x):
            b, t, c = x.size()
            q, k, v = (part.view(b, t, heads, c // heads).transpose(1, 2) for part in self.c_attn(x).split(width, dim=2))
            scores = (q @ k.transpose(-2, -1)) * (c // heads) ** -0.5
            scores = scores.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
            y = nn.functional.softmax(scores, dim=-1) @ v
            return self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
            self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "act": nn.GELU(approximate="tanh"),
                                      "c_proj": nn.Linear(4 * width, width)})

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            h = self.mlp["act"](self.mlp["c_fc"](self.ln_2(x)))
            return x + self.mlp["c_proj"](h)

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer = nn.ModuleDict({"wte": nn.Embedding(vocabulary, width), "wpe": nn.Embedding(context, width),
                                              "h": nn.ModuleList(Block() for _ in range(layers)), "ln_f": nn.LayerNorm(width)})
            self.lm_head = nn.Linear(width, vocabulary, bias=False)
            self.transformer.wte.weight = self.lm_head.weight
            self.apply(self._start)

        def _start(self, module):
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

        def forward(self, tokens):
            x = self.transformer.wte(tokens) + self.transformer.wpe(torch.arange(tokens.size(1)))
            for block in self.transformer.h:
                x = block(x)
            return self.lm_head(self.transformer.ln_f(x))

    return GPT()


def bert(torch, width=16, heads=4, layers=2, vocabulary=50, context=12):
    nn = torch.nn

    class Bert(nn.Module):
        def __init__(self):
            super().__init__()
            self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(vocabulary, width, padding_idx=0),
                                             "position_embeddings": nn.Embedding(context, width),
                                             "token_type_embeddings": nn.Embedding(2, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)})
            layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.1, activation="gelu", batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.pooler = nn.Sequential(nn.Linear(width, width), nn.Tanh())
            self.register_buffer("position_ids", torch.arange(context).expand((1, -1)), persistent=False)

        def forward(self, tokens):
            e = self.embeddings
            x = e["word_embeddings"](tokens) + e["position_embeddings"](self.position_ids[:, :tokens.size(1)])
            x = e["LayerNorm"](x + e["token_type_embeddings"](torch.zeros_like(tokens)))
            x = self.encoder(x, src_key_padding_mask=tokens == 0)
            return self.pooler(x[:, 0])

    return Bert()


def vit_tiny(torch, width=24, heads=3, layers=2, patch=8, size=32):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.attn = nn.LayerNorm(width, eps=1e-6), nn.MultiheadAttention(width, heads, batch_first=True)
            self.norm2 = nn.LayerNorm(width, eps=1e-6)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            y = self.norm1(x)
            x = x + self.attn(y, y, y, need_weights=False)[0]
            return x + self.mlp(self.norm2(x))

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
            self.pos_embed = nn.Parameter(torch.empty(1, (size // patch) ** 2 + 1, width))
            nn.init.trunc_normal_(self.pos_embed, std=0.02)
            self.patch_embed = nn.Conv2d(3, width, patch, stride=patch)
            self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 10)

        def forward(self, x):
            x = self.patch_embed(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos_embed
            return self.head(self.norm(self.blocks(x))[:, 0])

    return ViT()


ARCHITECTURES = {
    "LeNet": (lenet, (2, 1, 28, 28)),
    "AlexNet": (alexnet, (1, 3, 127, 127)),
    "VGG-11": (vgg11, (2, 3, 64, 64)),
    "ResNet-18": (lambda torch: resnet(torch, (2, 2, 2, 2), False), (2, 3, 64, 64)),
    "ResNet-50": (lambda torch: resnet(torch, (3, 4, 6, 3), True), (2, 3, 64, 64)),
    "MobileNetV2": (mobilenet_v2, (2, 3, 64, 64)),
    "DenseNet-121": (densenet121, (2, 3, 64, 64)),
    "U-Net": (unet, (1, 1, 32, 32)),
    "LSTM language model": (lstm_language_model, "tokens"),
    "GPT-2": (gpt2, "tokens"),
    "BERT": (bert, "tokens"),
    "ViT-tiny": (vit_tiny, (2, 3, 32, 32)),
}
