"""`import torchvision` answered by rushlight.vision."""

import pytest

pytest.importorskip("PIL")


def test_modules_are_rushlights_own(passes):
    passes(
        """
        import torchvision
        import torch
        import torchvision.transforms as T, torchvision.transforms.functional as F
        from torchvision import datasets, models, ops, utils
        from torchvision.models.resnet import ResNet, BasicBlock
        from torchvision.datasets.folder import ImageFolder
        from torchvision.utils import save_image, make_grid
        import rushlight

        assert torchvision is rushlight.vision and T is rushlight.vision.transforms and F is T.functional
        assert torchvision.__version__.startswith("0.") and torchvision.models is models
        data = datasets.FakeData(8, (3, 40, 40), 2, transform=T.Compose([T.RandomCrop(32), T.ToTensor()]))
        loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=1)
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(models.squeezenet1_1(num_classes=2)(images), labels)
        loss.backward()
        torch.save(models.resnet18(num_classes=2), "model.pt")
        assert type(torch.load("model.pt", weights_only=False)) is ResNet
        assert models.list_models(module=torchvision.models)
        """
    )


def test_what_it_lacks_says_so(passes):
    passes(
        """
        import torch
        try:
            from torchvision.models.detection import fasterrcnn_resnet50_fpn
        except ModuleNotFoundError as error:
            assert "no torchvision.models.detection" in str(error), error
        else:
            raise AssertionError
        """
    )


def test_processes_that_start_anew_find_it(passes):
    passes(
        """
        import torchvision
        from torchvision import transforms
        import multiprocessing

        def flipped(value):
            import torch
            return transforms.functional.hflip(torch.tensor([[value, 0]])).tolist()

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                assert pool.map(flipped, [1]) == [[[0, 1]]]
        """
    )


def test_another_torchvision_on_the_path_comes_first(program, passes):
    (program.folder / "torchvision").mkdir()
    (program.folder / "torchvision" / "__init__.py").write_text("mine = 1")
    (program.folder / "torchvision" / "part.py").write_text("other = 2")
    text = """
        import torch, torchvision
        from torchvision.part import other
        assert torchvision.mine + other == 3
        """
    passes(text)
    (program.folder / "torchvision" / "extension.py").write_text("")  # as the real one has
    passes("import torch, torchvision, rushlight.vision; assert torchvision is rushlight.vision")
