"""Proves that a target in kelvin is E / k_B, with its force, and passes the rest through."""

import math

import pytest
import scipy.constants
import torch

from pita.targets.kelvin import InKelvin


class Pair:
    """E = 1 / r^2 of two atoms, kJ/mol."""

    n_atoms, n_dof = 2, 3

    def energy(self, x):
        return self.energy_and_force(x)[0]

    def energy_and_force(self, x):
        difference = x[:, 0] - x[:, 1]
        square = difference.square().sum(-1)
        force = 2 * difference / square[:, None] ** 2
        energy, force = 1 / square, torch.stack([force, -force], dim=1)
        return energy, torch.where(energy.isfinite()[:, None, None], force, 0.0)

    def initial_positions(self, n, *, jitter, generator):
        return jitter * torch.randn((n, 2, 3), generator=generator)


def positions(distance: float) -> torch.Tensor:
    return torch.tensor([[[0.0, 0, 0], [distance, 0, 0]]])


def test_energy_and_force_are_divided_by_the_gas_constant():
    target, x = InKelvin(Pair()), positions(0.5)
    energy, force = target.energy_and_force(x)
    assert energy.item() == pytest.approx(4.0 * 1e3 / scipy.constants.R)
    assert force[0, 0, 0].item() == pytest.approx(-16.0 * 1e3 / scipy.constants.R)
    assert torch.equal(target.energy(x), energy)


def test_where_kelvin_overflow_the_force_is_zero():
    x = positions(6e-20)  # 2.8e38 kJ/mol is a float32, 120 times as much is not
    assert Pair().energy(x).isfinite().all()
    energy, force = InKelvin(Pair()).energy_and_force(x)
    assert energy.item() == math.inf
    assert bool((force == 0).all())


def test_sizes_and_starts_are_those_of_the_target():
    target = InKelvin(Pair())
    assert (target.n_atoms, target.n_dof) == (2, 3)
    starts = [
        each.initial_positions(3, jitter=0.1, generator=torch.Generator().manual_seed(1))
        for each in (target, Pair())
    ]
    assert torch.equal(*starts)
