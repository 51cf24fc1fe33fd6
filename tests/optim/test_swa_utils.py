"""Averages of weights and SWALR against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")


def model_of(library):
    """A module with a parameter, a floating point buffer and an integer one."""

    class Model(library.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = library.nn.Parameter(library.ones(3))
            self.register_buffer("mean", library.zeros(2))
            self.register_buffer("count", library.tensor(0))

        def forward(self, x):
            return x * self.weight + self.mean.sum()

    return Model()


WAYS = {
    "mean": lambda s: {},
    "ema": lambda s: {"avg_fn": s.get_ema_avg_fn(0.7)},
    "swa": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "multi ema": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.7)},
    "multi swa": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "buffers": lambda s: {"use_buffers": True},
    "buffers ema": lambda s: {"use_buffers": True, "multi_avg_fn": s.get_ema_multi_avg_fn(0.7)},
}


@pytest.mark.parametrize("way", WAYS)
def test_averages_equal_pytorchs(way):
    seen = []
    for library in (rushlight, torch):
        swa = library.optim.swa_utils
        model = model_of(library)
        averaged = swa.AveragedModel(model, **WAYS[way](swa))
        rng = np.random.default_rng(0)
        for step in range(5):
            for tensor in (model.weight.data, model.mean):
                tensor.copy_(library.from_numpy(rng.standard_normal(tuple(tensor.shape)).astype(np.float32)))
            model.count += 10
            averaged.update_parameters(model)
        state = averaged.state_dict()
        seen.append({name: value.numpy() for name, value in state.items()})
        out = averaged(library.ones(3)).detach().numpy()
        seen[-1]["out"] = out
    assert list(seen[0]) == list(seen[1])
    for name, value in seen[1].items():
        assert seen[0][name].dtype == value.dtype
        np.testing.assert_allclose(seen[0][name], value, rtol=1e-5, err_msg=name)


def test_the_averaged_model_is_a_copy():
    model = model_of(rushlight)
    averaged = rushlight.optim.swa_utils.AveragedModel(model)
    averaged.update_parameters(model)
    model.weight.data.fill_(5.0)
    assert averaged.module.weight.tolist() == [1, 1, 1] and averaged.n_averaged.item() == 1


def test_refusals():
    swa = rushlight.optim.swa_utils
    for make in (swa.get_ema_avg_fn, swa.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=r"Invalid decay value 1.5 provided"):
            make(1.5)
    with pytest.raises(AssertionError, match="Only one of"):
        swa.AveragedModel(model_of(rushlight), avg_fn=swa.get_ema_avg_fn(), multi_avg_fn=swa.get_ema_multi_avg_fn())
    optimizer = rushlight.optim.SGD(model_of(rushlight).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="anneal_strategy must be one of"):
        swa.SWALR(optimizer, 0.5, anneal_strategy="square")
    with pytest.raises(ValueError, match="anneal_epochs must be equal or greater than 0"):
        swa.SWALR(optimizer, 0.5, anneal_epochs=-1)


@pytest.mark.parametrize(
    "options", [{}, {"anneal_epochs": 0}, {"anneal_epochs": 4, "anneal_strategy": "linear"}], ids=str
)
def test_swalr(options):
    seen = []
    for library in (rushlight, torch):
        params = [library.ones(2, requires_grad=True) for _ in range(2)]
        optimizer = library.optim.SGD([{"params": params[:1]}, {"params": params[1:], "lr": 1.0}], lr=0.1)
        scheduler = library.optim.swa_utils.SWALR(optimizer, [0.5, 0.01], **options)
        before = library.optim.lr_scheduler.StepLR(optimizer, 3)
        seen.append([])
        for epoch in range(14):
            optimizer.step()
            (before if epoch < 4 else scheduler).step()
            seen[-1].append([g["lr"] for g in optimizer.param_groups])
            scheduler.load_state_dict(scheduler.state_dict())
    np.testing.assert_allclose(*seen, rtol=1e-9)


def test_update_bn():
    seen = []
    for library in (rushlight, torch):
        model = library.nn.Sequential(library.nn.BatchNorm1d(3), library.nn.BatchNorm1d(3, affine=False)).eval()
        rng = np.random.default_rng(0)
        batches = [library.from_numpy(rng.standard_normal((8, 3)).astype(np.float32) + i) for i in range(3)]
        library.optim.swa_utils.update_bn([(b, "label") for b in batches], model)
        assert not model.training and model[0].momentum == 0.1
        seen.append([value.numpy() for value in model.state_dict().values()])
    for ours, theirs in zip(*seen):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_update_bn_leaves_other_norms_alone():
    model = rushlight.nn.InstanceNorm1d(2, track_running_stats=True)
    model.running_mean.fill_(3.0)
    rushlight.optim.swa_utils.update_bn([rushlight.ones(4, 2, 5)], model)
    assert model.running_mean.tolist() == [3, 3]
