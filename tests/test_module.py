"""Proves the objective's composition, the schedule and the averaged weights."""

import pytest
import torch

from pita.data import NoiseSettings, NoisyBatches, TrainingSet
from pita.geometry import remove_mean
from pita.module import DiffusionModule, TrainingSettings
from pita.networks import NetworkSettings, build_model
from pita.objective import LossSettings, make_objective

SETTINGS = TrainingSettings(
    n_steps=100,
    learning_rate=1e-2,
    warmup_steps=10,
    ema_decay=0.9,
    gradient_clip=1.0,
    compile=False,
    checkpoint_every=50,
)


def model(heads="score+energy"):
    torch.manual_seed(2)
    return build_model(NetworkSettings(kind="pairwise", n_atoms=4, width=8, depth=1, heads=heads))


def batch(**without):
    x = remove_mean(torch.randn(50, 4, 3, generator=torch.Generator().manual_seed(1)))
    training_set = TrainingSet(x, 0.5, energy=x.square().sum((1, 2)), force=-2 * x)._replace(**without)
    noise = NoiseSettings(batch_size=16, sigma_min=0.02, sigma_max=5.0, rotate=False)
    return NoisyBatches([training_set], noise, seed=1).batch(0)


def gradient_norms(network, settings):
    sum(make_objective(network, settings, n_rungs=1, compiled=False)(batch()).values()).backward()
    heads = (network.score_head, network.energy_head)
    return [
        sum(float(p.grad.square().sum()) for p in head.parameters() if p.grad is not None) for head in heads
    ]


def test_every_loss_reaches_its_own_head_only():
    score, energy = gradient_norms(model(), LossSettings(score=1.0, distill=0.0, pin=1e-20))
    assert score > 1e-15 and energy < 1e-15
    for losses in (LossSettings(score=1e-20, distill=1.0), LossSettings(score=1e-20, pin=1.0)):
        score, energy = gradient_norms(model(), losses)
        assert score < 1e-15 and energy > 1e-15
    assert min(gradient_norms(model(), LossSettings(target=1.0))) > 1e-15


def test_weights_scale_their_losses():
    values = [
        make_objective(model(), LossSettings(score=s, distill=d, pin=p), n_rungs=1, compiled=False)(batch())
        for s, d, p in ((1.0, 1.0, 1.0), (2.0, 3.0, 4.0))
    ]
    factors = {name: (values[1][name] / values[0][name]).item() for name in values[0]}
    assert factors == pytest.approx({"score": 2.0, "distill": 3.0, "pin": 4.0})


def test_losses_without_head_or_data_are_refused():
    for heads, losses in (
        ("score", LossSettings(score=1.0, pin=1.0)),
        ("energy", LossSettings(energy=1.0, distill=1.0)),
        ("score+energy", LossSettings(score=1.0)),
    ):
        with pytest.raises(ValueError, match="head"):
            make_objective(model(heads), losses, n_rungs=1, compiled=False)
    with pytest.raises(ValueError, match="not all zero"):
        LossSettings()
    for losses, missing in (
        (LossSettings(score=1.0, pin=1.0), "energy"),
        (LossSettings(target=1.0), "force"),
    ):
        objective = make_objective(model(), losses, n_rungs=1, compiled=False)
        with pytest.raises(ValueError, match="every training set"):
            objective(batch(**{missing: None}))


def test_learning_rate_warms_up_and_falls_to_a_thousandth():
    module = DiffusionModule(model("score"), losses=LossSettings(score=1.0), settings=SETTINGS)
    optimiser, schedule = module.configure_optimizers().values()
    rates = []
    for _ in range(101):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule["scheduler"].step()
    assert rates[0] == pytest.approx(1e-3) and rates[10] == pytest.approx(1e-2) == max(rates)
    assert rates[55] == pytest.approx(1e-2 * (1e-3 + 0.999 / 2)) and rates[100] == pytest.approx(1e-5)


@pytest.mark.parametrize("change", [{"warmup_steps": 100}, {"learning_rate": 0.0}, {"ema_decay": 1.0}])
def test_impossible_settings_are_refused(change):
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}
    with pytest.raises(ValueError, match=next(iter(change))):
        TrainingSettings(**values | change)
