"""Orientation of a point cloud against a reference, and an isotropic density of orientations.

The tilt of a configuration is 1 - cos theta = (3 - tr R) / 2, with theta the angle of its optimal rotation R
onto the reference. The density is the isotropic matrix Fisher density f_a(R) = exp(-a (1 - cos theta)) / Z(a)
with respect to the Haar measure (Downs 1972): uniform for a = 0, for large a a Gaussian of variance 1 / a in
each of three angles, and f_a^gamma is f_{gamma a} up to its norm. For an energy that ignores orientation,
exp(-beta E) f(R) has shapes distributed as without f, and orientations, independent of them, as f.
"""

import torch
from torch import Tensor

from pita.geometry import optimal_rotation, remove_mean


def tilt(x: Tensor, reference: Tensor) -> Tensor:
    """Return 1 - cos theta of each configuration's optimal rotation onto a reference.

    x: (N, n_atoms, 3), reference: (n_atoms, 3), in the same unit -> (N,), in [0, 2].
    """
    return (3 - _trace(optimal_rotation(x, reference))) / 2


def tilt_and_gradient(x: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tilt and its gradient, outside of autograd.

    x: (N, n_atoms, 3), reference: (n_atoms, 3), in the same unit -> (N,) and (N, n_atoms, 3), 1/unit of x,
    not finite where the optimal rotation is not unique. R C is symmetric, with C = sum_i x_i^T r_i, so
    d(tr R)/dx_i = R^T (t x r_i), t = (tr(R C) - R C)^-1 axial(R), axial(R)_k = sum_ij eps_kij R_ji.
    """
    with torch.no_grad():
        rotation, reference = optimal_rotation(x, reference), remove_mean(reference).to(x)
        stretch = rotation @ (remove_mean(x).mT @ reference)
        stiffness = _trace(stretch)[:, None, None] * torch.eye(3).to(x) - stretch
        axial = (rotation.mT - rotation)[:, (1, 2, 0), (2, 0, 1)]
        turn = (torch.linalg.inv_ex(stiffness).inverse @ axial[:, :, None]).mT
        gradient = -torch.linalg.cross(turn, reference[None], dim=-1) @ rotation / 2
        return (3 - _trace(rotation)) / 2, gradient


def log_normaliser(concentration: Tensor) -> Tensor:
    """Return log Z(a) = log of the mean of exp(-a (1 - cos theta)) over all rotations.

    concentration: a >= 0, any shape -> same shape, float64. Z = exp(-a) (I_0(a) - I_1(a)).
    """
    a = concentration.double()
    return (torch.special.i0e(a) - torch.special.i1e(a)).log()


def rotations_near_identity(
    concentration: Tensor, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Draw one rotation from each f_a, exactly.

    concentration: a >= 0, (n,) -> (n, 3, 3); rotate row vectors by ``x @ rotation.mT``. The unit quaternion
    (w, v) has the Bingham density exp(-2 a |v|^2), drawn by rejection from an angular central Gaussian (Kent,
    Ganeiber, Mardia 2018): at worst about two proposals each.
    """
    a = concentration.double()
    quaternion = torch.zeros((len(a), 4), dtype=torch.float64, device=a.device)
    left = torch.arange(len(a), device=a.device)
    while len(left):
        proposal, accepted = _bingham_proposals(a[left], generator)
        quaternion[left] = proposal
        left = left[~accepted]
    w, v = quaternion[:, :1, None], quaternion[:, 1:]
    cross = torch.linalg.cross(v[:, None], torch.eye(3).to(v)[None], dim=-1).mT  # of v with a column vector
    return (torch.eye(3).to(v) + 2 * w * cross + 2 * cross @ cross).to(dtype)


def _bingham_proposals(a: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return quaternions (n, 4) and which of them, (n,), are draws from exp(-2 a |v|^2)."""
    b = 2 * (1 - a) + 2 * ((1 - a).square() + a).sqrt()  # the most efficient envelope: 1/b + 3/(b + 4a) = 1
    normal = torch.randn((len(a), 4), generator=generator, dtype=a.dtype, device=a.device)
    normal[:, 1:] /= (1 + 4 * a / b).sqrt()[:, None]
    quaternion = normal / normal.norm(dim=1, keepdim=True)
    exponent = 2 * a * quaternion[:, 1:].square().sum(1)
    # exp(-s) (1 + 2 s / b)^2 is greatest at s = (4 - b) / 2.
    log_acceptance = 2 * torch.log((b + 2 * exponent) / 4) - exponent + (4 - b) / 2
    uniform = torch.rand(len(a), generator=generator, dtype=a.dtype, device=a.device)
    return quaternion, uniform.log() < log_acceptance


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
