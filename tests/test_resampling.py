"""Proves every resampler unbiased, never choosing weight zero, also where float32 sums stay below one."""

import math

import pytest
import torch

from pita.log_weights import normalise
from pita.resampling import RESAMPLERS, inverse_cdf

every_resampler = pytest.mark.parametrize("resample", RESAMPLERS.values(), ids=RESAMPLERS.keys())


@every_resampler
def test_offspring_counts_are_unbiased(resample):
    log_w = torch.tensor([0.1, 3.0, 0.0, 1.5, 0.4, 2.0, 0.7, 0.003]).log()
    floored = log_w.clamp(min=math.log(0.2))  # control: a floor under the weights
    generator = torch.Generator().manual_seed(1)
    repeats, n = 4000, len(log_w)
    expected = n * normalise(log_w)

    def deviation(used):
        """Largest |mean count - N w| in (multinomial, hence conservative) standard errors."""
        ancestors = torch.stack([resample(used, generator=generator) for _ in range(repeats)])
        mean = torch.nn.functional.one_hot(ancestors, n).sum(1).double().mean(0)
        standard_error = (expected.clamp(min=1e-2) / repeats).sqrt()
        return ((mean - expected).abs() / standard_error).max().item()

    assert deviation(log_w) < 4
    assert deviation(floored) > 20


@every_resampler
def test_dead_particles_have_no_offspring(resample):
    log_w = torch.randn(1001, generator=torch.Generator().manual_seed(2))
    log_w[::2] = -math.inf  # first and last included
    generator = torch.Generator().manual_seed(3)
    for _ in range(50):
        ancestors = resample(log_w, generator=generator)
        assert ancestors.dtype == torch.int64
        assert ancestors.shape == (1001,)
        assert bool((ancestors % 2 == 1).all())


@every_resampler
def test_only_survivor_gets_all_offspring(resample):
    log_w = torch.tensor([-math.inf, -math.inf, -900.0, -math.inf])
    ancestors = resample(log_w, generator=torch.Generator().manual_seed(4))
    assert ancestors.tolist() == [2, 2, 2, 2]


@every_resampler
def test_resampling_repeats_with_the_seed_and_changes_with_it(resample):
    log_w = torch.randn(64, generator=torch.Generator().manual_seed(5))
    first, again, other = (resample(log_w, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_systematic_counts_differ_from_the_expectation_by_less_than_one():
    log_w = torch.randn(100, generator=torch.Generator().manual_seed(6))
    expected = 100 * normalise(log_w)

    def largest_difference(name):
        ancestors = RESAMPLERS[name](log_w, generator=torch.Generator().manual_seed(7))
        return (torch.bincount(ancestors, minlength=100) - expected).abs().max().item()

    assert largest_difference("systematic") < 1
    assert largest_difference("multinomial") > 1  # control: independent positions


def test_position_beyond_a_rounded_cumulative_sum_selects_a_living_particle():
    w = torch.full((43,), 1 / 41, dtype=torch.float32)
    w[0] = w[-1] = 0.0
    cdf = w.cumsum(0)
    position = cdf[-1:].clone()
    assert position.item() < 1  # precondition: float32 sums leave a gap, a legal position lies in it
    assert torch.searchsorted(cdf, position, right=True).item() == len(w)  # control: no particle at all
    assert inverse_cdf(w, position).item() == len(w) - 2


def test_position_zero_does_not_select_a_leading_dead_particle():
    w = torch.tensor([0.0, 0.5, 0.0, 0.5], dtype=torch.float64)
    positions = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)  # the boundaries of the steps
    assert torch.searchsorted(w.cumsum(0), positions).tolist() == [
        0,
        1,
        3,
    ]  # control: left-sided, picks the dead
    assert inverse_cdf(w, positions).tolist() == [1, 3, 3]
