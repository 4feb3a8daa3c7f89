"""Proves that noise levels are tied where their energies are of one diffusion, and that an offset shows."""

import pytest
import torch

from pita.anchors import N_LEVELS, Tied, tied
from pita.data import NoiseSettings, NoisyBatches, rows_of_rank
from pita.geometry import mean_free_noise, remove_mean
from pita.losses import energy_tying, log_kernel_ratio
from pita.training_set import TrainingSet

N_ATOMS, N_DOF = 4, 9
VARIANCE = 0.5  # of either basin
SHARE = 0.25  # of the second basin
CENTRES = remove_mean(9.0 * torch.eye(2, 3)[:, None] * torch.eye(N_ATOMS)[:1, :, None])
BOUNDS = (0.2, 0.9)


def two_basins(n):
    """Clean configurations of two isotropic Gaussians that no noise of this file joins."""
    generator = torch.Generator().manual_seed(2)
    basin = (torch.arange(n) % 4 == 0).long()
    spread = mean_free_noise((n, N_ATOMS, 3), generator=generator, dtype=torch.float64)
    return CENTRES[basin].double() + VARIANCE**0.5 * spread, basin


def energy_and_score(x, h, basin):
    variance = (VARIANCE + h)[:, None, None]
    moved = x - CENTRES[basin].double()
    return (moved.square() / (2 * variance)).sum((1, 2)), -moved / variance


@pytest.fixture(scope="module")
def pairs():
    # The level of row k is k modulo 8, and basins alternate with a period of 4: repeated, both meet.
    x0, basin = two_basins(40_000)
    order = torch.randperm(len(x0), generator=torch.Generator().manual_seed(3))
    return tied(x0[order], bounds=BOUNDS, generator=torch.Generator().manual_seed(4)), basin[order]


def loss_of(pairs, *, energy=0.0, noisier_energy=0.0, noisier_score=1.0):
    """The loss of the exact energies and score of the mixture, with what is added to or multiplies them."""
    known, basin = pairs
    here, _ = energy_and_score(known.x, known.h, basin)
    there, score = energy_and_score(known.noisier, known.noisier_h, basin)
    ratio = log_kernel_ratio(known, (here + energy, there + noisier_energy), noisier_score * score)
    return energy_tying(ratio, known.level, n_levels=N_LEVELS, n_dof=N_DOF).item()


def test_levels_follow_one_another(pairs):
    known, _ = pairs
    assert known.h.min().sqrt().item() == pytest.approx(BOUNDS[0])
    assert known.noisier_h.max().sqrt().item() == pytest.approx(BOUNDS[1])
    lower = {int(k): float(known.h[known.level == k][0]) for k in known.level.unique()}
    upper = {int(k): float(known.noisier_h[known.level == k][0]) for k in known.level.unique()}
    assert len(lower) == N_LEVELS
    assert all(lower[k + 1] == upper[k] for k in range(N_LEVELS - 1))


def test_noise_is_added_to_noise(pairs):
    known, _ = pairs
    for level in (0, N_LEVELS - 1):
        rows = known.level == level
        more = (known.noisier - known.x)[rows].square().sum((1, 2)).mean() / N_DOF
        assert more.item() == pytest.approx((known.noisier_h - known.h)[rows][0].item(), rel=0.03)


def test_exact_energies_of_one_diffusion_leave_nothing(pairs):
    """Of Gaussians the reverse kernel is exact: only its sampled variance is not."""
    assert loss_of(pairs) < 1e-4


def test_constants_of_levels_do_not_count(pairs):
    shift = 70.0 * pairs[0].level.double()
    assert loss_of(pairs, energy=shift) == pytest.approx(loss_of(pairs), abs=1e-6)


def test_an_offset_of_one_basin_that_changes_with_the_noise_counts(pairs):
    """The score cannot see it: the variance of 2 kT for a quarter of the rows."""
    offset = 2.0 * pairs[1].double()
    expected = 4 * SHARE * (1 - SHARE) / N_DOF
    assert loss_of(pairs, noisier_energy=offset) == pytest.approx(expected, rel=0.02)
    assert loss_of(pairs, energy=offset, noisier_energy=offset) < 1e-4


def test_a_kernel_that_is_not_the_reverse_one_counts(pairs):
    assert loss_of(pairs, noisier_score=0.5) > 100 * loss_of(pairs)


def test_batches_tie_every_second_configuration():
    x, _ = two_basins(100)
    settings = NoiseSettings(64, 0.1, 5.0, False, tie=BOUNDS)
    sets = [TrainingSet(x.float(), 1.0)]
    batch = NoisyBatches(sets, settings, seed=3).batch(0)
    assert isinstance(batch.tied, Tied)
    assert len(batch.tied.x) == 32
    parts = [rows_of_rank(batch, rank=rank, n_ranks=2).tied for rank in range(2)]
    assert torch.equal(torch.stack([part.x for part in parts], dim=1).flatten(0, 1), batch.tied.x)
    bare = NoisyBatches(sets, NoiseSettings(64, 0.1, 5.0, False), seed=3).batch(0)
    assert bare.tied is None
    assert torch.equal(bare.x, batch.x)


def test_bounds_must_rise():
    with pytest.raises(ValueError, match=r"tie\[0\] < tie\[1\], got \(0.9, 0.2\)"):
        NoiseSettings(64, 0.1, 5.0, False, tie=(0.9, 0.2))
