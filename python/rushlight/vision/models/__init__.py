"""Well-known networks under torchvision.models' names; files of weights for torchvision's fit them."""

from .densenet import *  # noqa: F401, F403
from .densenet import __all__ as _densenet
from .efficientnet import *  # noqa: F401, F403
from .efficientnet import __all__ as _efficientnet
from .mobilenet import *  # noqa: F401, F403
from .mobilenet import __all__ as _mobilenet
from .resnet import *  # noqa: F401, F403
from .resnet import __all__ as _resnet
from .vgg import *  # noqa: F401, F403
from .vgg import __all__ as _vgg
from .vision_transformer import *  # noqa: F401, F403
from .vision_transformer import __all__ as _vision_transformer
from ._weights import weights_of

__all__ = [*_densenet, *_efficientnet, *_mobilenet, *_resnet, *_vgg, *_vision_transformer]


def __getattr__(name):
    if name.endswith("_Weights"):
        if name.removesuffix("_Weights").lower() in __all__:
            globals()[name] = weights_of(name)
            return globals()[name]
        raise AttributeError(f"rushlight.vision.models has no {name}: weights are not downloaded. Make the network without "
                             "them and load a file of torchvision's with load_state_dict(rushlight.load('FILE.pth'))")
    if not name.startswith("_"):
        raise AttributeError(f"rushlight.vision.models has no {name}; it has {', '.join(sorted(__all__))}")
    raise AttributeError(f"module 'rushlight.vision.models' has no attribute {name!r}")
