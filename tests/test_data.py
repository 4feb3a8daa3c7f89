"""Proves that batch t depends on (seed, t) alone, that ranks share it out, and that it has the stated
distribution.
"""

import itertools

import pytest
import torch
from torch.utils.data import DataLoader

from pita.data import NoiseSettings, NoisyBatches, TrainingSet, check_noise_range, rows_of_rank
from pita.geometry import pair_distances, remove_mean

SETTINGS = NoiseSettings(batch_size=8, sigma_min=0.02, sigma_max=5.0, rotate=True)


def training_set(n=50, beta=0.5, seed=1, **others):
    x = remove_mean(torch.randn(n, 4, 3, generator=torch.Generator().manual_seed(seed)))
    return TrainingSet(x, beta, energy=x.square().sum((1, 2)), force=-2 * x, **others)


def equal(a, b):
    return all(torch.equal(left, right) for left, right in zip(a, b, strict=True))


def test_batch_is_a_pure_function_of_seed_and_step():
    batches = NoisyBatches([training_set()], SETTINGS, seed=3)
    stream = list(itertools.islice(iter(batches), 5))
    assert equal(stream[4], batches.batch(4))
    assert equal(next(iter(batches.starting_at(4))), stream[4])
    assert not torch.equal(stream[4].x, stream[3].x)
    assert not torch.equal(stream[4].x, NoisyBatches([training_set()], SETTINGS, seed=4).batch(4).x)


def test_loader_workers_do_not_change_the_stream():
    batches = NoisyBatches([training_set()], SETTINGS, seed=3, first_step=2)
    alone, shared = (
        list(itertools.islice(DataLoader(batches, batch_size=None, num_workers=n), 5)) for n in (0, 2)
    )
    assert all(equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_ranks_partition_the_batch():
    batch = NoisyBatches([training_set()], SETTINGS, seed=3).batch(0)
    parts = [rows_of_rank(batch, rank=rank, n_ranks=4) for rank in range(4)]
    assert sorted(torch.cat([part.h for part in parts]).tolist()) == sorted(batch.h.tolist())
    assert len({part.h[0].item() for part in parts}) == 4
    with pytest.raises(ValueError, match="8 and 3"):
        rows_of_rank(batch, rank=0, n_ranks=3)


def test_noise_has_the_stated_law():
    settings = NoiseSettings(batch_size=20_000, sigma_min=0.1, sigma_max=10.0, rotate=False)
    batch = NoisyBatches([training_set()], settings, seed=1).batch(0)
    assert batch.h.min() >= 0.1**2 and batch.h.max() <= 10.0**2
    # ln sigma uniform: mean ln 1 = 0, standard error 1.33 / sqrt(20,000) = 0.009.
    assert abs(batch.h.log().mean().item() / 2) < 0.04
    noise = (batch.x - batch.x0) / batch.h.sqrt()[:, None, None]
    assert noise.mean(1).abs().max() < 1e-4
    assert noise.square().sum((1, 2)).mean().item() == pytest.approx(9, rel=0.02)


def test_rotation_turns_configuration_and_force_together_and_properly():
    plain = NoiseSettings(batch_size=8, sigma_min=0.02, sigma_max=5.0, rotate=False)
    still, turned = (NoisyBatches([training_set()], s, seed=3).batch(0) for s in (plain, SETTINGS))
    assert torch.equal(still.reduced_energy, turned.reduced_energy)
    assert not torch.allclose(still.x0, turned.x0)
    torch.testing.assert_close(pair_distances(still.x0), pair_distances(turned.x0))
    volume = (torch.linalg.det(batch.x0[:, :3]) for batch in (still, turned))
    torch.testing.assert_close(*volume, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(turned.reduced_force, -turned.x0, rtol=1e-4, atol=1e-5)


def test_weights_and_sets_are_drawn_in_their_proportions():
    weight = torch.tensor([0.0, 1.0, 3.0, 0.0])
    sets = [training_set(4, beta=0.25, seed=1, weight=weight), training_set(100, beta=1.0, seed=2)]
    settings = NoiseSettings(batch_size=20_000, sigma_min=0.1, sigma_max=10.0, rotate=False)
    batch = NoisyBatches(sets, settings, seed=1).batch(0)
    assert (batch.rung == 0).double().mean().item() == pytest.approx(0.5, abs=0.015)
    assert torch.equal(batch.beta, torch.where(batch.rung == 0, 0.25, 1.0))
    first = batch.x0[batch.rung == 0]
    share = [(first == row).all(2).all(1).double().mean().item() for row in remove_mean(sets[0].x)]
    assert share[0] == share[3] == 0
    assert share[2] == pytest.approx(0.75, abs=0.02)
    torch.testing.assert_close(
        batch.reduced_energy, batch.beta * batch.x0.square().sum((1, 2)), rtol=1e-4, atol=1e-4
    )


def test_training_noise_that_misses_a_sampled_level_is_refused():
    check_noise_range(SETTINGS, h_min=0.02**2, h_max=5.0**2)
    for h_min, h_max in ((0.01**2, 1.0), (0.1, 80.0**2)):
        with pytest.raises(ValueError, match="sampling visits"):
            check_noise_range(SETTINGS, h_min=h_min, h_max=h_max)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta": -1.0}, "beta of set 0"),
        ({"x": torch.zeros(5, 3)}, "x of set 0"),
        ({"energy": torch.zeros(7)}, "energy of set 0"),
        ({"energy": torch.full((50,), torch.inf)}, "energy of set 0 has non-finite"),
        ({"weight": torch.zeros(50)}, "weight of set 0"),
    ],
)
def test_bad_training_sets_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        NoisyBatches([training_set()._replace(**change)], SETTINGS, seed=1)


def test_sets_must_agree_on_what_they_bring():
    with pytest.raises(ValueError, match="energy must be given by every"):
        NoisyBatches([training_set(), training_set()._replace(energy=None)], SETTINGS, seed=1)
    with pytest.raises(ValueError, match="sigma_min"):
        NoiseSettings(batch_size=8, sigma_min=1.0, sigma_max=0.5, rotate=False)
