"""EfficientNet B0 to B7 (Tan and Le 2019), with torchvision's names of parameters and its initial values."""

import functools
import math

from rushlight import nn

from ..ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth
from ._weights import refuse_weights
from .mobilenet import divisible

STAGES = (  # expansion, kernel, stride of the first, channels in and out, blocks
    (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1))
SCALES = {  # width, depth, dropout
    "b0": (1.0, 1.0, 0.2), "b1": (1.0, 1.1, 0.2), "b2": (1.1, 1.2, 0.3), "b3": (1.2, 1.4, 0.3),
    "b4": (1.4, 1.8, 0.4), "b5": (1.6, 2.2, 0.4), "b6": (1.8, 2.6, 0.5), "b7": (2.0, 3.1, 0.5)}

__all__ = ["EfficientNet", *(f"efficientnet_{size}" for size in SCALES)]


class MBConv(nn.Module):
    """Widen, filter each channel by itself, scale channels, narrow; a shortcut where the shapes allow, which in training may be all there is."""

    def __init__(self, expansion, kernel, stride, inp, out, stochastic_depth_prob, norm_layer):
        super().__init__()
        self.use_res_connect = stride == 1 and inp == out
        hidden = divisible(inp * expansion)
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        layers = [layer(inp, hidden, kernel_size=1)] if hidden != inp else []
        layers += [layer(hidden, hidden, kernel_size=kernel, stride=stride, groups=hidden),
                   SqueezeExcitation(hidden, max(1, inp // 4), activation=functools.partial(nn.SiLU, inplace=True)),
                   Conv2dNormActivation(hidden, out, kernel_size=1, norm_layer=norm_layer, activation_layer=None)]
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        result = self.block(input)
        return self.stochastic_depth(result) + input if self.use_res_connect else result


class EfficientNet(nn.Module):
    """Stages of MBConv blocks, all widths times width_mult and all numbers of blocks times depth_mult."""

    def __init__(self, width_mult=1.0, depth_mult=1.0, dropout=0.2, stochastic_depth_prob=0.2, num_classes=1000, norm_layer=None):
        super().__init__()
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        counts = [math.ceil(stage[-1] * depth_mult) for stage in STAGES]
        channels = divisible(STAGES[0][3] * width_mult)
        features = [Conv2dNormActivation(3, channels, kernel_size=3, stride=2, norm_layer=norm_layer, activation_layer=nn.SiLU)]
        made = 0
        for (expansion, kernel, stride, _, width, _), count in zip(STAGES, counts):
            stage, out = [], divisible(width * width_mult)
            for i in range(count):
                stage.append(MBConv(expansion, kernel, 1 if i else stride, channels, out, stochastic_depth_prob * made / sum(counts), norm_layer))
                channels, made = out, made + 1
            features.append(nn.Sequential(*stage))
        features.append(Conv2dNormActivation(channels, 4 * channels, kernel_size=1, norm_layer=norm_layer, activation_layer=nn.SiLU))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(4 * channels, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                reach = 1 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, -reach, reach)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _maker(size):
    width, depth, dropout = SCALES[size]
    name = f"efficientnet_{size}"

    def make(*, weights=None, progress=True, **kwargs):
        refuse_weights(name, weights, kwargs)
        if size in ("b5", "b6", "b7"):
            kwargs.setdefault("norm_layer", functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
        return EfficientNet(width, depth, kwargs.pop("dropout", dropout), **kwargs)
    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"EfficientNet {size.upper()}, without trained weights."
    return make


globals().update({f"efficientnet_{size}": _maker(size) for size in SCALES})
