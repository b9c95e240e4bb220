"""The Vision Transformer (Dosovitskiy et al. 2020), with torchvision's names of parameters and its initial values."""

import functools
import math
from collections import OrderedDict

import rushlight as rl
from rushlight import nn

from ..ops import MLP
from ._weights import refuse_weights

SIZES = {  # patch, layers, heads, width, width of the inner layer
    "vit_b_16": (16, 12, 12, 768, 3072), "vit_b_32": (32, 12, 12, 768, 3072), "vit_l_16": (16, 24, 16, 1024, 4096), "vit_l_32": (32, 24, 16, 1024, 4096),
    "vit_h_14": (14, 32, 16, 1280, 5120)}

__all__ = ["VisionTransformer", *SIZES]


class MLPBlock(MLP):
    """Two linear layers with a GELU between them."""

    def __init__(self, in_dim, mlp_dim, dropout):
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)


class EncoderBlock(nn.Module):
    """Attention, then the two linear layers, each behind a norm and beside a shortcut."""

    def __init__(self, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        x = self.ln_1(input)
        x = self.dropout(self.self_attention(x, x, x, need_weights=False)[0]) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Places are added to the patches; then block follows block."""

    def __init__(self, seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer):
        super().__init__()
        self.pos_embedding = nn.Parameter(rl.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", EncoderBlock(num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)) for i in range(num_layers)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Patches of a picture as words of a sentence, and one word more, from which the class is read."""

    def __init__(self, image_size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, dropout=0.0, attention_dropout=0.0, num_classes=1000,
                 representation_size=None, norm_layer=functools.partial(nn.LayerNorm, eps=1e-6)):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"Input shape indivisible by patch size: a picture of {image_size} and patches of {patch_size}")
        self.image_size, self.patch_size, self.hidden_dim, self.num_classes = image_size, patch_size, hidden_dim, num_classes
        self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(rl.zeros(1, 1, hidden_dim))
        self.encoder = Encoder(self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        heads = OrderedDict()
        if representation_size is None:
            heads["head"] = nn.Linear(hidden_dim, num_classes)
        else:
            heads["pre_logits"], heads["act"], heads["head"] = nn.Linear(hidden_dim, representation_size), nn.Tanh(), nn.Linear(representation_size, num_classes)
        self.heads = nn.Sequential(heads)
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * patch_size ** 2)))
        nn.init.zeros_(self.conv_proj.bias)
        if representation_size is not None:
            nn.init.trunc_normal_(self.heads.pre_logits.weight, std=math.sqrt(1 / hidden_dim))
            nn.init.zeros_(self.heads.pre_logits.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def forward(self, x):
        n, _, height, width = x.shape
        if (height, width) != (self.image_size, self.image_size):
            raise RuntimeError(f"Wrong image height or width! Expected {self.image_size} by {self.image_size}, but got {height} by {width}")
        patches = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        words = self.encoder(rl.cat([self.class_token.expand(n, -1, -1), patches], dim=1))
        return self.heads(words[:, 0])


def _maker(name):
    def make(*, weights=None, progress=True, **kwargs):
        refuse_weights(name, weights, kwargs)
        return VisionTransformer(kwargs.pop("image_size", 224), *SIZES[name], **kwargs)
    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"{name}: patches of {SIZES[name][0]}, {SIZES[name][1]} layers; without trained weights."
    return make


globals().update({name: _maker(name) for name in SIZES})
