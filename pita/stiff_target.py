"""The regression target of least variance for molecules: clean configuration and force, mixed mode by mode.

Given x = x0 + sqrt(h) noise, the mean of beta f(x0) is the score of p_h (De Bortoli et al. 2024), so that

    u = x + h beta f(x0) - x0

has mean zero given x, and so has A u for every matrix A(x, h): the mean of x0 + A u is the denoised
configuration D(x) whatever A. For a harmonic energy with Hessian K of beta E, A = (1 + h K)^-1 leaves no
variance at all: x0 + A u is D(x). A scalar A, as in `pita.losses.blended_score_matching`, must choose between
stiff modes, whose forces are large, and soft ones; a bond is 1000 times stiffer than a torsion. Here

    A = a(h) (1 + h K(x))^-1,   K(x) = sum_p grad r_p grad r_p^T / c_p,

over stiff pairs p, with c_p the variance of their distance r_p in the data, and K taken at the noisy x, where
its directions blur as the noise grows; the share a(h), one for each of a few ranges of h, is the one that
leaves the least variance on the data.

A harmonic energy of Hessian K is known under noise too. With f = beta f(x0), d = x - x0, A = (1 + h K)^-1,

    U_h(x) = beta E(x0) - h f.A f / 2 - f.A d + d.K A d / 2 + log det(1 + h K) / 2 + const,

whatever x0 the noise came from: `noisy_energy`, with K at x0. It holds for a molecule as long as the noise is
small beside everything but bonds and angles.
"""

import copy
import math

import torch
from torch import Tensor

N_RANGES = 24
N_BATCHES = 40  # to fit the shares on
SHORTEST = 1e-6  # relative to the mean distance: a pair of coincident atoms has no direction


class StiffTarget:
    """`pairs` (n_stiff, 2) of atoms and the data x (n, n_atoms, 3) whose distances they are.

    `bounds`: least and largest sigma of the noise, in the unit of x. Shares are one until `fit`.
    """

    def __init__(self, pairs: Tensor, x: Tensor, *, bounds: tuple[float, float]) -> None:
        distance = (x[:, pairs[:, 0]] - x[:, pairs[:, 1]]).norm(dim=-1)
        self.pairs, self.shortest = pairs, SHORTEST * float(distance.mean())
        self.inverse_spread = distance.var(0).rsqrt()
        self.low, self.span = math.log(bounds[0]), math.log(bounds[1] / bounds[0])
        self.shares = torch.ones(N_RANGES)

    def to(self, device: torch.device | str) -> "StiffTarget":
        """The same target for arguments on a device."""
        moved = copy.copy(self)
        moved.pairs, moved.inverse_spread = self.pairs.to(device), self.inverse_spread.to(device)
        moved.shares = self.shares.to(device)
        return moved

    def __call__(self, x0: Tensor, x: Tensor, h: Tensor, reduced_force: Tensor) -> Tensor:
        """Return x0 + A u; x0, x, reduced_force = beta f(x0): (N, n_atoms, 3), h: (N,) -> as x0."""
        share = self.shares[self._range(h)][:, None, None]
        return x0 + share * self._damped(x0, x, h, reduced_force)

    def noisy_energy(
        self, x0: Tensor, x: Tensor, h: Tensor, reduced_energy: Tensor, reduced_force: Tensor
    ) -> Tensor:
        """Return U_h(x) of the harmonic energy with value, force and K of x0, up to a constant.

        x0, x, reduced_force = beta f(x0): (N, n_atoms, 3), h, reduced_energy = beta E(x0): (N,) -> (N,).
        """
        root = self._root(x0, h)
        force, moved = reduced_force.flatten(1), (x - x0).flatten(1)
        solved = torch.cholesky_solve(torch.stack((force, moved), dim=2), root)
        damped_force, damped_move = solved.unbind(2)
        # K A d = (d - A d) / h, and log det is twice the sum over the root.
        curved = (moved * (moved - damped_move)).sum(1) / (2 * h)
        log_det = root.diagonal(dim1=1, dim2=2).log().sum(1)
        pulled = (damped_force * (h[:, None] * force / 2 + moved)).sum(1)
        return reduced_energy - pulled + curved + log_det

    def fit(self, samples: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> None:
        """Set the shares to the least-squares ones on batches (x0, x, h, reduced_force)."""
        overlap, square = torch.zeros(N_RANGES), torch.zeros(N_RANGES)
        for x0, x, h, reduced_force in samples:
            damped = self._damped(x0, x, h, reduced_force)
            # The mean square of x0 + a A u - x differs from the variance by what does not depend on a.
            overlap.index_add_(0, self._range(h), ((x - x0) * damped).sum((1, 2)) / h)
            square.index_add_(0, self._range(h), damped.square().sum((1, 2)) / h)
        self.shares = (overlap / square.clamp(min=torch.finfo(square.dtype).tiny)).clamp(0, 1)

    def _damped(self, x0: Tensor, x: Tensor, h: Tensor, reduced_force: Tensor) -> Tensor:
        """Return (1 + h K(x))^-1 u."""
        u = x + h[:, None, None] * reduced_force - x0
        solved = torch.cholesky_solve(u.flatten(1)[..., None], self._root(x, h))
        return solved[..., 0].view_as(u)

    def _root(self, x: Tensor, h: Tensor) -> Tensor:
        """Return the Cholesky factor of 1 + h K(x), (N, 3 n_atoms, 3 n_atoms)."""
        rows = self._scaled_gradients(x)
        identity = torch.eye(rows.shape[-1], dtype=x.dtype, device=x.device)
        return torch.linalg.cholesky(h[:, None, None] * (rows.mT @ rows) + identity)

    def _scaled_gradients(self, x: Tensor) -> Tensor:
        """Return grad r_p / sqrt(c_p), (N, n_stiff, 3 n_atoms)."""
        first, second = self.pairs.unbind(1)
        difference = x[:, first] - x[:, second]
        direction = difference / difference.norm(dim=-1, keepdim=True).clamp(min=self.shortest)
        scaled = direction * self.inverse_spread[:, None]
        rows = x.new_zeros(len(x), len(first), x.shape[1], 3)
        place = torch.arange(len(first), device=x.device)
        rows[:, place, first], rows[:, place, second] = scaled, -scaled
        return rows.flatten(2)

    def _range(self, h: Tensor) -> Tensor:
        fraction = (0.5 * h.log() - self.low) / self.span
        return (fraction * N_RANGES).long().clamp(0, N_RANGES - 1)
