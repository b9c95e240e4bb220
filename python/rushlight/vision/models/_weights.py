"""What `weights=` means here: nothing is downloaded, so only None is taken; the message says how to load a file."""

__all__ = ["refuse_weights"]


def refuse_weights(name, weights, others):
    """Raise unless no trained weights are asked for, in today's form (`weights=`) or yesterday's (`pretrained=`)."""
    pretrained = others.pop("pretrained", False)
    if weights is not None or pretrained:
        raise RuntimeError(
            f"{name}: rushlight does not download weights ({weights if weights is not None else 'pretrained=True'}). "
            f"Make the network without them and load a file: model = {name}(); "
            "model.load_state_dict(rushlight.load('FILE.pth')). The names in torchvision's files fit")
