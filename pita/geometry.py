"""Geometry of point clouds: centre of mass, pair distances, mean-free noise, random and optimal rotations.

Configurations have shape (..., n_atoms, 3); removing the mean leaves d = 3 (n_atoms - 1) degrees of freedom.
"""

import torch
from torch import Tensor


def remove_mean(x: Tensor) -> Tensor:
    """Move the unweighted centre of each configuration to the origin.

    x: (..., n_atoms, 3) -> same shape.
    """
    return x - x.mean(dim=-2, keepdim=True)


def pair_distances(x: Tensor) -> Tensor:
    """Return the distances |x_i - x_j| of all pairs i < j, in row order.

    x: (..., n_atoms, 3) -> (..., n_atoms (n_atoms - 1) / 2), in the unit of x.
    """
    first, second = torch.triu_indices(x.shape[-2], x.shape[-2], offset=1, device=x.device)
    return (x[..., first, :] - x[..., second, :]).norm(dim=-1)


def mean_free_noise(
    shape: tuple[int, ...],
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw Gaussian noise with unit variance in every direction of the mean-free subspace.

    shape: (..., n_atoms, 3), also that of the result. Projecting isotropic noise leaves it isotropic in the
    subspace, so nothing is rescaled: E |noise|^2 = 3 (n_atoms - 1).
    """
    return remove_mean(torch.randn(shape, generator=generator, dtype=dtype, device=device))


def random_rotations(
    n: int,
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw proper rotations from the Haar measure on SO(3), as normalised Gaussian quaternions.

    Returns (n, 3, 3); rotate row vectors by ``x @ rotation.mT``.
    """
    quaternion = torch.randn((n, 4), generator=generator, dtype=dtype, device=device)
    w, x, y, z = (quaternion / quaternion.norm(dim=-1, keepdim=True)).unbind(dim=-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def optimal_rotation(x: Tensor, reference: Tensor) -> Tensor:
    """Find the proper rotation that brings each configuration nearest to a reference (Kabsch 1976, 1978).

    x: (N, n_atoms, 3), reference: (n_atoms, 3), in the same unit -> (N, 3, 3), determinant 1 also for
    mirror images; rotate row vectors by ``x @ rotation.mT``. Least sum_i |x_i R^T - reference_i|^2 about the
    unweighted centres. The identity where x is not finite. Differentiable where the singular values of
    x^T reference differ.
    """
    covariance = remove_mean(x).mT @ remove_mean(reference).to(x)
    finite = covariance.isfinite().all(-1, keepdim=True).all(-2, keepdim=True)
    left, _, right = torch.linalg.svd(torch.where(finite, covariance, torch.eye(3).to(x)))
    handedness = torch.linalg.det(left @ right).sign()[:, None, None]
    return torch.cat([right[:, :2], handedness * right[:, 2:]], dim=1).mT @ left.mT


def aligned(x: Tensor, reference: Tensor) -> Tensor:
    """Return each configuration mean-free and turned as near as possible to a reference, never reflected.

    x: (N, n_atoms, 3), reference: (n_atoms, 3), in the same unit -> (N, n_atoms, 3).
    """
    return remove_mean(x) @ optimal_rotation(x, reference).mT
