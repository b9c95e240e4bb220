"""Well-known networks: sizes as published, names as in torchvision, the same numbers for the same seed."""

import pytest

import rushlight as rl
from rushlight.vision import models

SIZES = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnext50_32x4d": 25_028_904,
         "mobilenet_v2": 3_504_872, "densenet121": 7_978_856,
         "efficientnet_b0": 5_288_548, "efficientnet_b2": 9_109_994, "efficientnet_b5": 30_389_784, "vit_b_16": 86_567_656}


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


def test_efficientnet():
    model = models.efficientnet_b0(num_classes=4, dropout=0.0, stochastic_depth_prob=0.0)
    out = model(rl.randn(2, 3, 64, 64))
    assert out.shape == (2, 4)
    out.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    keys = model.state_dict()
    assert {"features.0.0.weight", "features.1.0.block.1.fc1.bias", "features.2.0.block.3.1.running_var", "features.8.1.weight", "classifier.1.bias"} <= set(keys)
    depths = [module.stochastic_depth.p for module in models.efficientnet_b0().modules() if hasattr(module, "stochastic_depth")]
    assert len(depths) == 16 and depths[0] == 0 and depths[8] == pytest.approx(0.1)
    assert models.efficientnet_b5().features[0][1].eps == 0.001
    assert models.EfficientNet_B0_Weights.DEFAULT.name == "IMAGENET1K_V1"


def test_vision_transformer():
    model = models.VisionTransformer(32, 8, 2, 4, 16, 32, num_classes=4)
    x = rl.randn(2, 3, 32, 32)
    assert (model(x) == 0).all()                # the last layer begins with zeros
    rl.nn.init.normal_(model.heads.head.weight)
    model(x).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    keys = list(model.state_dict())
    assert keys[:4] == ["class_token", "conv_proj.weight", "conv_proj.bias", "encoder.pos_embedding"] and keys[-2:] == ["heads.head.weight", "heads.head.bias"]
    assert {"encoder.layers.encoder_layer_1.self_attention.in_proj_weight", "encoder.layers.encoder_layer_0.mlp.3.bias", "encoder.ln.weight"} <= set(keys)
    with pytest.raises(RuntimeError, match="Wrong image height or width"):
        model(rl.randn(1, 3, 16, 32))
    with pytest.raises(ValueError, match="indivisible by patch size"):
        models.VisionTransformer(30, 8, 1, 2, 8, 8)
    with pytest.raises(RuntimeError, match="vit_b_16: rushlight does not download weights"):
        models.vit_b_16(weights=models.ViT_B_16_Weights.DEFAULT)


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


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2", "densenet121", "efficientnet_b0"])
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
