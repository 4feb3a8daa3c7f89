"""Proves the noise levels by recovering their index, and that ladders other than strictly falling raise."""

import math

import pytest
import torch

from pita.schedules import check_ladder, noise_levels

H_MIN, H_MAX = 1e-4, 16.0


@pytest.mark.parametrize("rho", [1.0, 3.0, 7.0])
def test_inverse_recovers_the_index(rho):
    n_levels = 40
    h = noise_levels(n_levels, h_min=H_MIN, h_max=H_MAX, rho=rho)
    root = h.sqrt() ** (1 / rho)
    index = n_levels * (root - root[0]) / (root[-1] - root[0])
    torch.testing.assert_close(index, torch.arange(n_levels + 1, dtype=torch.float64))


def test_levels_fall_strictly_between_exact_ends():
    h = noise_levels(25, h_min=0.03**2, h_max=12.0**2, rho=7.0)
    assert h.dtype == torch.float64
    assert h.shape == (26,)
    assert h[0].item() == 12.0**2
    assert h[-1].item() == 0.03**2
    assert bool((h.diff() < 0).all())


def test_rho_one_is_linear_in_sigma():
    h = noise_levels(2, h_min=1.0, h_max=9.0, rho=1.0)
    assert h.tolist() == pytest.approx([9, 4, 1])  # sigma = 3, 2, 1


def test_large_rho_approaches_a_geometric_ladder():
    h = noise_levels(4, h_min=1.0, h_max=16.0, rho=1e4)
    assert h.tolist() == pytest.approx([16, 8, 4, 2, 1], rel=1e-3)


@pytest.mark.parametrize(
    ("n_levels", "h_min", "h_max", "rho", "name"),
    [
        (0, 1.0, 2.0, 7.0, "n_levels"),
        (5, 0.0, 2.0, 7.0, "h_min"),
        (5, 2.0, 1.0, 7.0, "h_min"),
        (5, 1.0, math.nan, 7.0, "h_max"),
        (5, 1.0, 2.0, 0.0, "rho"),
        (5, 1.0, 2.0, math.inf, "rho"),
    ],
)
def test_impossible_schedules_raise_with_the_name(n_levels, h_min, h_max, rho, name):
    with pytest.raises(ValueError, match=name):
        noise_levels(n_levels, h_min=h_min, h_max=h_max, rho=rho)


def test_a_falling_ladder_passes():
    check_ladder([4.0, 2.0, 1.0])


@pytest.mark.parametrize(
    "ladder",
    [[1.0], [], [1.0, 2.0], [2.0, 2.0, 1.0], [2.0, -1.0], [2.0, 0.0], [math.inf, 1.0], [2.0, math.nan]],
)
def test_other_ladders_raise_with_their_values(ladder):
    with pytest.raises(ValueError, match="temperatures must") as error:
        check_ladder(ladder)
    assert str(ladder) in str(error.value)
