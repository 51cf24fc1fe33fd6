"""Networks beside torchvision's: recorded names, shapes, first weights and results; published weights from a folder."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from model_cases import FORWARD, images, outputs, structure

import rushlight
from rushlight import hub, nn
from rushlight.vision import models

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "vision_models.json").read_text("utf-8"))
NAMES = [name for name in GOLDEN if not name.startswith("forward-")]


@pytest.fixture
def unfilled(monkeypatch):
    """Weights are not filled, so that networks of any size are made at once."""
    for name in dir(nn.init):
        if name.endswith("_") and not name.startswith("_"):
            monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)
    monkeypatch.setattr(rushlight.Tensor, "normal_", lambda tensor, *args, **kwargs: tensor)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "vit_h_14"])  # whose 2.5 GB are a lot
def test_names_and_shapes(name, unfilled):
    assert structure(models.get_model(name)) == GOLDEN[name]


def test_all_are_there():
    assert models.list_models() == sorted(NAMES)


@pytest.mark.parametrize("name", FORWARD)
def test_first_weights_and_results(name):
    for mine, recorded in zip(outputs(rushlight, models, name), GOLDEN[f"forward-{name}"]):
        recorded = np.array(recorded)
        np.testing.assert_allclose(mine.reshape(-1), recorded, rtol=1e-5, atol=2e-4 * abs(recorded).max())


def test_a_network_learns():
    rushlight.manual_seed(0)
    model = models.resnet18(num_classes=2)
    optimizer = rushlight.optim.SGD(model.parameters(), lr=0.01)
    x, y = rushlight.from_numpy(images(32, 4)), rushlight.tensor([0, 1, 0, 1])
    losses = []
    for _ in range(4):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_further_classifiers_in_training():
    model = models.googlenet(num_classes=3, init_weights=False)
    out = model(rushlight.rand(2, 3, 64, 64))
    assert out._fields == ("logits", "aux_logits2", "aux_logits1") and all(tuple(x.shape) == (2, 3) for x in out)
    with pytest.warns(FutureWarning, match="init_weights=True"):
        models.GoogLeNet(num_classes=3)


# ----------------------------------------------------------------------------------------------------------- weights


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where downloads are kept; nothing can be downloaded."""
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setattr(hub, "_folder", [str(tmp_path)])

    def refuse(*args, **kwargs):
        raise URLError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return tmp_path / "checkpoints"


def put(folder, weights, state):
    rushlight.save(state, folder / weights.url.rsplit("/", 1)[1])


def test_published_weights(folder):
    rushlight.manual_seed(1)
    state = models.squeezenet1_1().state_dict()
    weights = models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    put(folder, weights, state)
    for given in (weights, "DEFAULT", "IMAGENET1K_V1", "SqueezeNet1_1_Weights.DEFAULT"):
        loaded = models.squeezenet1_1(weights=given, progress=False)
        assert all(bool((value == state[name]).all()) for name, value in loaded.state_dict().items())
    with pytest.warns(UserWarning, match="'pretrained' is deprecated"):
        models.squeezenet1_1(pretrained=True)
    with pytest.warns(UserWarning, match="equivalent to passing `weights=None`"):
        models.squeezenet1_1(False)
    with pytest.raises(ValueError, match="'num_classes' expected value 1000 but got 10"):
        models.squeezenet1_1(weights=weights, num_classes=10)
    with pytest.raises(TypeError, match="expected SqueezeNet1_0_Weights but received SqueezeNet1_1_Weights"):
        models.squeezenet1_0(weights=weights)


def test_without_a_network_the_error_says_what_to_do(folder):
    with pytest.raises(
        URLError, match=r"ResNet18_Weights.IMAGENET1K_V1 cannot be downloaded: no network here.*put the"
    ):
        models.resnet18(weights="DEFAULT")


def test_old_names_in_published_files(folder):
    model = models.densenet121()
    old = {}
    for name, value in model.state_dict().items():
        for part in ("norm1.", "norm2.", "conv1.", "conv2."):
            name = name.replace(part, f"{part[:-2]}.{part[-2:]}") if "denselayer" in name else name
        old[name] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    put(folder, models.DenseNet121_Weights.DEFAULT, old)
    assert bool((models.densenet121(weights="DEFAULT").classifier.weight == model.classifier.weight).all())

    block = models.vision_transformer.MLPBlock(4, 6, 0.0)
    state = {"linear_1.weight": rushlight.ones(6, 4), "linear_1.bias": rushlight.ones(6)}
    state |= {"linear_2.weight": rushlight.zeros(4, 6), "linear_2.bias": rushlight.zeros(4)}
    block.load_state_dict(state)
    assert block[0].weight.sum() == 24 and block[3].bias.sum() == 0


def test_further_classifiers_are_dropped_after_loading(folder):
    put(folder, models.GoogLeNet_Weights.DEFAULT, models.googlenet(init_weights=False).state_dict())
    model = models.googlenet(weights="DEFAULT")
    assert model.aux1 is None and model.transform_input and not model.aux_logits
    with pytest.warns(UserWarning, match="NOT pretrained"):
        assert models.googlenet(weights="DEFAULT", aux_logits=True).aux1 is not None


def test_weights_know_how_images_are_prepared():
    weights = models.get_weight("EfficientNet_B4_Weights.IMAGENET1K_V1")
    prepare = weights.transforms()
    assert (prepare.crop_size, prepare.resize_size, prepare.interpolation.value) == ([380], [384], "bicubic")
    image = rushlight.randint(0, 256, (2, 3, 400, 500), dtype=rushlight.uint8)
    assert tuple(prepare(image).shape) == (2, 3, 380, 380) and prepare(image).dtype == rushlight.float32
    names = weights.meta["categories"]
    assert len(names) == 1000 and names[0] == "tench" and names[-1] == "toilet tissue"
    assert repr(weights) == "EfficientNet_B4_Weights.IMAGENET1K_V1"
    assert models.get_model_weights("vgg16").IMAGENET1K_FEATURES.meta["categories"] is None


def test_parameters_are_as_many_as_published():
    for name in NAMES:
        for weights in models.get_model_weights(name):
            if "SWAG_E2E" in weights.name or name in ("googlenet", "inception_v3"):
                continue  # for larger images; published without the further classifiers counted
            assert weights.meta["num_params"] == GOLDEN[name][0], name


def test_models_by_name():
    assert models.get_model("ResNet18", num_classes=3).fc.out_features == 3
    assert models.list_models(include="resnet*", exclude=["*1??", "*2"]) == ["resnet18", "resnet34", "resnet50"]
    with pytest.raises(ValueError, match="Unknown model resnet19"):
        models.get_model("resnet19")
    with pytest.raises(ValueError, match="Invalid weight name"):
        models.get_weight("DEFAULT")
    with pytest.raises(ValueError, match="already registered"):
        models.register_model("vgg11")(len)


MISTAKES = {
    "groups": (ValueError, lambda: models.ResNet(models.resnet.BasicBlock, [1] * 4, groups=2)),
    "dilation": (NotImplementedError, lambda: models.resnet18(replace_stride_with_dilation=[False, True, True])),
    "dilations": (ValueError, lambda: models.resnet50(replace_stride_with_dilation=[False])),
    "squeezenet": (ValueError, lambda: models.SqueezeNet("2_0")),
    "densenet": (NotImplementedError, lambda: models.densenet121(memory_efficient=True)),
    "mobilenet": (ValueError, lambda: models.mobilenet_v2(inverted_residual_setting=[])),
    "mobilenet v3": (TypeError, lambda: models.MobileNetV3([3], 8)),
    "shufflenet": (ValueError, lambda: models.ShuffleNetV2([1, 2], [1, 2, 3, 4, 5])),
    "mnasnet": (ValueError, lambda: models.MNASNet(0.0)),
    "efficientnet": (ValueError, lambda: models.EfficientNet([], 0.1)),
    "convnext": (TypeError, lambda: models.ConvNeXt([3])),
    "patches": (AssertionError, lambda: models.VisionTransformer(30, 8, 1, 1, 4, 4)),
    "image": (AssertionError, lambda: models.VisionTransformer(32, 8, 1, 1, 4, 4)(rushlight.ones(1, 3, 30, 32))),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    error, make = MISTAKES[name]
    with pytest.raises(error):
        make()


def test_positions_for_images_of_another_size():
    small = models.VisionTransformer(32, 8, 1, 2, 4, 8, num_classes=2)
    state = models.vision_transformer.interpolate_embeddings(64, 8, small.state_dict(), reset_heads=True)
    large = models.VisionTransformer(64, 8, 1, 2, 4, 8, num_classes=5)
    missing = large.load_state_dict(state, strict=False).missing_keys
    assert missing == ["heads.head.weight", "heads.head.bias"]
    same = small.state_dict()
    assert models.vision_transformer.interpolate_embeddings(32, 8, same) is same
