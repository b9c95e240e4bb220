"""What `weights=` means here: nothing is downloaded, so only None is taken; the message says how to load a file."""

import enum

__all__ = ["refuse_weights", "weights_of"]


def weights_of(name):
    """An enum such as ResNet18_Weights: scripts import and name it; a network that is given a member says how to load a file."""
    made = enum.Enum(name, {"IMAGENET1K_V1": "IMAGENET1K_V1", "IMAGENET1K_V2": "IMAGENET1K_V2"} if "ResNe" in name else {"IMAGENET1K_V1": "IMAGENET1K_V1"},
                     module="rushlight.vision.models")
    made.DEFAULT = list(made)[-1] if name not in ("ResNet18_Weights", "ResNet34_Weights") else made.IMAGENET1K_V1
    made.__doc__ = "Names of trained weights, which are not downloaded."
    return made


def refuse_weights(name, weights, others):
    """Raise unless no trained weights are asked for, in today's form (`weights=`) or yesterday's (`pretrained=`)."""
    pretrained = others.pop("pretrained", False)
    if weights is not None or pretrained:
        raise RuntimeError(
            f"{name}: rushlight does not download weights ({weights if weights is not None else 'pretrained=True'}). "
            f"Make the network without them and load a file: model = {name}(); "
            "model.load_state_dict(rushlight.load('FILE.pth')). The names in torchvision's files fit")
