"""Proves that the losses do not depend on the unit of length."""

import torch

from pita.data import NoiseSettings, NoisyBatches
from pita.geometry import mean_free_noise
from pita.networks import NetworkSettings, build_model
from pita.objective import LossSettings, in_unit, make_objective
from pita.training_set import TrainingSet

LOSSES = LossSettings(score=1.0, energy=0.5, target=0.1, distill=0.3, pin=0.2, blend=True)


def terms(length: float) -> dict[str, torch.Tensor]:
    """Losses of the same configurations written in units in which their spread is `length`."""
    draw = torch.Generator().manual_seed(1)
    x = length * mean_free_noise((64, 4, 3), generator=draw)
    force, energy = mean_free_noise((64, 4, 3), generator=draw) / length, torch.randn(64, generator=draw)
    noise = NoiseSettings(32, 0.1 * length, 5.0 * length, False)
    batch = NoisyBatches([TrainingSet(x, 1.0, energy, force)], noise, seed=2).batch(0)
    torch.manual_seed(3)
    settings = NetworkSettings(
        kind="transformer", n_atoms=4, width=8, depth=1, heads="score+energy", length=length
    )
    return make_objective(build_model(settings), LOSSES, n_rungs=1, compiled=False)(batch)


def test_losses_are_those_of_unit_length():
    found, expected = terms(0.16), terms(1.0)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


def test_change_of_unit_keeps_what_has_no_unit():
    x = mean_free_noise((8, 4, 3), generator=torch.Generator().manual_seed(1))
    noise = NoiseSettings(4, 0.1, 5.0, False)
    batch = NoisyBatches([TrainingSet(x, 1.0, torch.zeros(8), x)], noise, seed=2).batch(0)
    scaled = in_unit(batch, 0.5)
    torch.testing.assert_close((scaled.x * scaled.reduced_force).sum(), (batch.x * batch.reduced_force).sum())
    torch.testing.assert_close(scaled.h * scaled.force_variance, batch.h * batch.force_variance)
    torch.testing.assert_close(
        (scaled.x - scaled.x0) ** 2 / scaled.h[:, None, None],
        (batch.x - batch.x0) ** 2 / batch.h[:, None, None],
    )
