"""Well-known networks: sizes as published, names as in torchvision, the same numbers for the same seed."""

import pytest

import rushlight as rl
from rushlight.vision import models

SIZES = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnext50_32x4d": 25_028_904,
         "mobilenet_v2": 3_504_872, "densenet121": 7_978_856}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    assert sum(p.numel() for p in getattr(models, name)().parameters()) == SIZES[name]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2", "densenet121"])
def test_forward_and_backward(name):
    model = getattr(models, name)(num_classes=4)
    out = model(rl.randn(2, 3, 64, 64))
    assert out.shape == (2, 4)
    out.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_names():
    keys = list(models.resnet18().state_dict())
    assert keys[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"] and "layer2.0.downsample.1.running_var" in keys
    assert "features.18.0.weight" in models.mobilenet_v2().state_dict()


@pytest.mark.parametrize("arguments", [{"weights": "DEFAULT"}, {"pretrained": True}])
def test_weights_are_not_downloaded(arguments):
    with pytest.raises(RuntimeError, match=r"resnet18: rushlight does not download weights.*load_state_dict"):
        models.resnet18(**arguments)
    with pytest.raises(AttributeError, match="has no inception_v3; it has"):
        models.inception_v3
    assert models.ResNet18_Weights.DEFAULT is models.ResNet18_Weights.IMAGENET1K_V1
    with pytest.raises(RuntimeError, match=r"resnet18: rushlight does not download weights.*IMAGENET1K_V1"):
        models.resnet18(weights=models.ResNet18_Weights.DEFAULT)
    with pytest.raises(AttributeError, match="Swin_T_Weights: weights are not downloaded"):
        models.Swin_T_Weights


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2", "densenet121"])
def test_equal_torchvision(name):
    torch = pytest.importorskip("torch")
    other = pytest.importorskip("torchvision").models
    x = rl.randn(1, 3, 64, 64)
    rl.manual_seed(0)
    ours = getattr(models, name)(num_classes=10).eval()
    torch.manual_seed(0)
    theirs = getattr(other, name)(num_classes=10).eval()
    one, two = ours.state_dict(), theirs.state_dict()
    assert list(one) == list(two)
    assert all((one[key].numpy() == two[key].numpy()).all() for key in one)
    with rl.no_grad(), torch.no_grad():
        # Fifty layers of float32 sums in another order.
        assert abs(ours(x).numpy() - theirs(torch.from_numpy(x.numpy())).numpy()).max() < 1e-3
