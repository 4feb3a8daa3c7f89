"""Proves that the noise floor is what a perfect sampler scores, and that a wrong one stands above it."""

import numpy as np
import pytest

from pita.metrics.energy import energy_w1, energy_w2
from pita.metrics.floor import noise_floor, split_reference


def test_a_perfect_sampler_scores_the_floor_and_a_shifted_one_does_not():
    rng = np.random.default_rng(1)
    first, second = rng.normal(-43.0, 7.0, size=(2, 20_000))
    floor = noise_floor(energy_w2, first, second, n_samples=1000, n_repeats=40, rng=rng)
    perfect = energy_w2(rng.normal(-43.0, 7.0, size=1000), rng.normal(-43.0, 7.0, size=1000))
    shifted = energy_w2(rng.normal(-41.0, 7.0, size=1000), rng.normal(-43.0, 7.0, size=1000))
    assert abs(perfect - floor.mean) < 3.0 * floor.sd
    assert shifted - floor.mean > 3.0 * floor.sd


def test_floor_falls_as_the_root_of_the_sample_size():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 40_000))
    small, large = (
        noise_floor(energy_w1, first, second, n_samples=n, n_repeats=60, rng=rng).mean for n in (200, 3200)
    )
    assert small / large == pytest.approx(4.0, rel=0.35)


def test_the_spread_is_not_known_where_every_draw_is_everything():
    first, second = np.random.default_rng(5).normal(size=(2, 50))
    whole = noise_floor(energy_w1, first, second, n_samples=50, n_repeats=3, rng=np.random.default_rng(1))
    assert whole.mean == pytest.approx(energy_w1(first, second))
    assert whole.sd is None
    part = noise_floor(energy_w1, first, second, n_samples=49, n_repeats=3, rng=np.random.default_rng(1))
    assert part.sd > 0


def test_halves_are_disjoint_and_share_the_samples():
    samples = np.arange(11)
    first, second = split_reference(samples, rng=np.random.default_rng(3))
    assert len(first) == len(second) == 5
    assert len(set(first) | set(second)) == 10
    assert not np.array_equal(np.sort(first), np.arange(5))


def test_draws_without_replacement_never_repeat_a_sample():
    def repeats(a, b):
        return float(len(a) + len(b) - len(set(a)) - len(set(b)))

    floor = noise_floor(
        repeats, np.arange(10), np.arange(10), n_samples=9, n_repeats=5, rng=np.random.default_rng(4)
    )
    assert floor == (0.0, 0.0)


@pytest.mark.parametrize("n_samples", [0, 6])
def test_more_samples_than_the_smaller_run_holds_raise(n_samples):
    with pytest.raises(ValueError, match=f"between 1 and the 5 samples of the smaller run, got {n_samples}"):
        noise_floor(
            energy_w1,
            np.zeros(9),
            np.zeros(5),
            n_samples=n_samples,
            n_repeats=2,
            rng=np.random.default_rng(5),
        )


def test_a_single_repeat_has_no_spread_and_raises():
    with pytest.raises(ValueError, match="n_repeats must be at least 2, got 1"):
        noise_floor(
            energy_w1, np.zeros(5), np.zeros(5), n_samples=5, n_repeats=1, rng=np.random.default_rng(6)
        )
