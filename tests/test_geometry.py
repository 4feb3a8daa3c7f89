"""Proves the mean-free subspace, the order of pair distances, and that rotations are proper and Haar."""

import math

import pytest
import torch

from pita.geometry import mean_free_noise, pair_distances, random_rotations, remove_mean


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_removing_the_mean_centres_and_keeps_differences(generator):
    x = torch.randn((5, 2, 4, 3), generator=generator, dtype=torch.float64)
    centred = remove_mean(x)
    torch.testing.assert_close(centred.mean(-2), torch.zeros(5, 2, 3, dtype=torch.float64))
    torch.testing.assert_close(centred[..., 0, :] - centred[..., 3, :], x[..., 0, :] - x[..., 3, :])


def test_pair_distances_of_a_right_triangle_are_3_4_5():
    x = torch.tensor([[[0.0, 0, 0], [3, 0, 0], [0, 4, 0]]])
    assert pair_distances(x).tolist() == [[3.0, 4.0, 5.0]]  # 01, 02, 12


def test_mean_free_noise_has_unit_variance_in_every_direction_of_the_subspace(generator):
    n, n_atoms = 20_000, 4
    noise = mean_free_noise((n, n_atoms, 3), generator=generator, dtype=torch.float64)
    torch.testing.assert_close(noise.mean(1), torch.zeros(n, 3, dtype=torch.float64), atol=1e-12, rtol=0)
    direction = torch.tensor([1.0, -1, 0, 0], dtype=torch.float64) / math.sqrt(2)
    standard_error = math.sqrt(2 / (3 * n))  # of a variance estimated from 3 n unit Gaussians

    def deviation(sample):
        return abs(torch.einsum("nac,a->nc", sample, direction).square().mean().item() - 1) / standard_error

    assert deviation(noise) < 4
    assert deviation(noise * math.sqrt(n_atoms / (n_atoms - 1))) > 4  # control: rescaled per coordinate


def test_rotations_are_orthogonal_proper_and_uniform(generator):
    n = 20_000
    rotation = random_rotations(n, generator=generator, dtype=torch.float64)
    identity = torch.eye(3, dtype=torch.float64).expand(n, 3, 3)
    torch.testing.assert_close(rotation @ rotation.mT, identity)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(n, dtype=torch.float64))

    # Haar: every entry has mean 0 and variance 1/3, the trace 1 + 2 cos(angle) has mean 0.
    def deviation(sample):
        mean = sample.mean(0).abs().max() * math.sqrt(3 * n)
        trace = sample.diagonal(dim1=1, dim2=2).sum(1)
        return max(mean.item(), abs(trace.mean().item()) * math.sqrt(n))

    assert deviation(rotation) < 4.5
    angle = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    uniform_angle = rotation @ _about_z(angle) @ rotation.mT  # control: uniform angle about a random axis
    assert deviation(uniform_angle) > 4.5


def _about_z(angle: torch.Tensor) -> torch.Tensor:
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    entries = [angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero, zero, zero, one]
    return torch.stack(entries, dim=-1).reshape(-1, 3, 3)
