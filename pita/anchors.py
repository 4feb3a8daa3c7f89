"""Configurations under noise at which energies are known: against one another, or up to a gauge.

Denoising teaches the gradient of U_h. What the energies of two basins are against one another it leaves to
the path between them, and below the noise that joins them there is none. Two kinds of rows say it. `Pinned`:
the noise is so small that U_h follows from energy and force of the clean configuration (`pita.stiff_target`).
`Tied`: above, one configuration under two amounts of noise, each level to the next, so that the energies of
each level follow from those of the level below (`pita.losses.energy_tying`).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pita.geometry import mean_free_noise
from pita.stiff_target import StiffTarget

N_LEVELS = 8  # of noise at which energies are pinned, and pairs of levels that are tied


class Pinned(NamedTuple):
    """Configurations x (N, n_atoms, 3) of which the reduced energy U_h(x) (N,) is known up to a gauge.

    The gauge is one number for each of N_LEVELS noise levels, `level` (N,).
    """

    x: Tensor
    h: Tensor
    energy: Tensor
    level: Tensor


class Tied(NamedTuple):
    """Configurations x (N, n_atoms, 3) under noise of variance h (N,), and `noisier` ones made of them by
    more noise, up to noisier_h (N,); `level` (N,) numbers the N_LEVELS pairs of variances.
    """

    x: Tensor
    h: Tensor
    noisier: Tensor
    noisier_h: Tensor
    level: Tensor


def pinned(
    x0: Tensor,
    reduced_energy: Tensor,
    reduced_force: Tensor,
    *,
    bounds: tuple[float, float],
    stiff: StiffTarget,
    generator: torch.Generator,
) -> Pinned:
    """Return clean configurations x0 (N, n_atoms, 3) under a little noise, with their energies there.

    reduced_energy = beta E(x0) (N,), reduced_force as x0; bounds: least and largest sigma, in the unit of x.
    """
    level = torch.arange(len(x0)) % N_LEVELS
    h = _variances(bounds, N_LEVELS)[level]
    x = x0 + h.sqrt()[:, None, None] * mean_free_noise(tuple(x0.shape), generator=generator)
    return Pinned(x, h, stiff.noisy_energy(x0, x, h, reduced_energy, reduced_force), level)


def tied(x0: Tensor, *, bounds: tuple[float, float], generator: torch.Generator) -> Tied:
    """Return clean configurations x0 (N, n_atoms, 3), each under the noise of two neighbouring levels.

    bounds: least and largest sigma, in the unit of x.
    """
    level = torch.arange(len(x0)) % N_LEVELS
    variances = _variances(bounds, N_LEVELS + 1)
    h, noisier_h = variances[level], variances[level + 1]
    x = x0 + h.sqrt()[:, None, None] * mean_free_noise(tuple(x0.shape), generator=generator)
    more = (noisier_h - h).sqrt()[:, None, None] * mean_free_noise(tuple(x0.shape), generator=generator)
    return Tied(x, h, x + more, noisier_h, level)


def _variances(bounds: tuple[float, float], n: int) -> Tensor:
    """Return n variances whose roots are spaced geometrically between the bounds."""
    low, high = bounds
    return (low * (high / low) ** (torch.arange(n) / (n - 1))).square()
