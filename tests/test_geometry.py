"""Proves the mean-free subspace, the order of pair distances, that random rotations are proper and Haar, and
that optimal ones are proper and nearest.
"""

import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from pita.geometry import (
    aligned,
    mean_free_noise,
    optimal_rotation,
    pair_distances,
    random_rotations,
    remove_mean,
)


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


@pytest.fixture
def clouds(generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A reference and 40 distorted copies, displaced and turned at random, the last 20 mirror images."""
    reference = torch.randn((6, 3), generator=generator, dtype=torch.float64)
    x = reference + 0.4 * torch.randn((40, 6, 3), generator=generator, dtype=torch.float64)
    x = x @ random_rotations(40, generator=generator, dtype=torch.float64).mT + 2.0
    x[20:] = -x[20:]
    return x, reference


def test_optimal_rotation_undoes_a_rotation_and_a_displacement(generator):
    reference = torch.randn((6, 3), generator=generator, dtype=torch.float64)
    turn = random_rotations(30, generator=generator, dtype=torch.float64)
    x = reference @ turn.mT + 5.0
    torch.testing.assert_close(optimal_rotation(x, reference), turn.mT)
    torch.testing.assert_close(aligned(x, reference), remove_mean(reference).expand(30, 6, 3))


def test_optimal_rotation_is_proper_and_the_nearest_that_scipy_finds_also_for_mirror_images(clouds):
    x, reference = clouds
    rotation = optimal_rotation(x, reference)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(40, dtype=torch.float64))
    distance = (aligned(x, reference) - remove_mean(reference)).square().sum((1, 2)).sqrt()
    expected = [
        Rotation.align_vectors(remove_mean(reference).numpy(), one.numpy())[1] for one in remove_mean(x)
    ]
    torch.testing.assert_close(distance, torch.tensor(expected, dtype=torch.float64))
    reflected = (aligned(-x[20:], reference) - remove_mean(reference)).square().sum((1, 2)).sqrt()
    assert (reflected < distance[20:] - 0.1).all()  # control: a reflection would bring them nearer


def test_alignment_keeps_distances_and_handedness(clouds):
    x, reference = clouds
    turned = aligned(x, reference)
    torch.testing.assert_close(pair_distances(turned), pair_distances(x))
    torch.testing.assert_close(_signed_volume(turned), _signed_volume(x))
    torch.testing.assert_close(turned.mean(1), torch.zeros(40, 3, dtype=torch.float64))


def test_optimal_rotation_is_differentiable(clouds):
    x, reference = clouds[0][15:25].requires_grad_(), clouds[1]
    assert torch.autograd.gradcheck(lambda y: optimal_rotation(y, reference), x)


def test_configurations_that_are_not_finite_are_not_turned(clouds):
    x, reference = clouds[0].clone(), clouds[1]
    x[0, 0, 0], x[1, 2] = math.nan, math.inf
    rotation = optimal_rotation(x, reference)
    torch.testing.assert_close(rotation[:2], torch.eye(3, dtype=torch.float64).expand(2, 3, 3))
    assert rotation.isfinite().all()


def _signed_volume(x: torch.Tensor) -> torch.Tensor:
    return torch.linalg.det(x[:, 1:4] - x[:, :1])


def _about_z(angle: torch.Tensor) -> torch.Tensor:
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    entries = [angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero, zero, zero, one]
    return torch.stack(entries, dim=-1).reshape(-1, 3, 3)
