"""Batched force field of a small molecule: bonds, angles, torsions, nonbonded pairs, implicit water.

Energies in kJ/mol and hand-written forces in kJ/mol/nm of thousands of conformations at once, from parameters
that `pita.system_arrays` reads off OpenMM. A pair beyond the cutoff is left out, as OpenMM leaves it out.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pita.compiled import Compiled
from pita.geometry import remove_mean
from pita.targets.bonded import Bonded, angle_energy, bond_energy, bonded_parameters, torsion_energy
from pita.targets.generalized_born import GeneralizedBorn, born_energy, born_parameters
from pita.targets.nonbonded import Nonbonded, Pairs, all_pairs, nonbonded_pairs, nonbonded_parameters

# Conformations at a time, largest first; the last of a batch are padded: no other shapes are compiled.
# On a CPU 256 stay in the cache of a core; a GPU is idle with so few.
CHUNKS = {"cpu": (256, 64, 16), "cuda": (16384, 1024)}


class Parameters(NamedTuple):
    """All parameters of a force field, of one floating-point type on one device."""

    bonded: Bonded
    nonbonded: Nonbonded
    born: GeneralizedBorn
    pairs: Pairs


class ForceField:
    """Energy and force of a molecule whose parameters are in `arrays`; x in nm, energies in kJ/mol.

    With `compiled` float32 goes through torch.compile; float64, for checks, never does.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], *, compiled: bool = True) -> None:
        self.n_atoms = len(arrays["ff_charge"])
        self.n_dof = 3 * (self.n_atoms - 1)
        self._arrays = arrays
        self._fast = Compiled(energy_and_force) if compiled else energy_and_force
        self._parameters: dict[tuple[torch.dtype, torch.device], Parameters] = {}

    def energy(self, x: Tensor) -> Tensor:
        """Return E (N,), kJ/mol, outside of autograd; x (N, n_atoms, 3), nm; +inf where E is not finite."""
        return self.energy_and_force(x)[0]

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return E (N,), kJ/mol, and the force -dE/dx (N, n_atoms, 3), kJ/mol/nm, outside of autograd.

        x: (N, n_atoms, 3), nm. E is +inf where it is not finite, the force zero where E or it is not.
        """
        self._check(x)
        run = self._fast if x.dtype == torch.float32 else energy_and_force
        energies, forces = x.new_empty(len(x)), torch.empty_like(x, requires_grad=False)
        start = 0
        with torch.no_grad():
            for chunk, n in _padded(x):
                energy, force = run(chunk.permute(2, 1, 0).contiguous(), self._parameters_for(x))
                energies[start : start + n] = energy[:n]
                forces[start : start + n] = force.permute(2, 1, 0)[:n]
                start += n
        return energies, forces

    def term_energies(self, x: Tensor) -> dict[str, Tensor]:
        """Return the energies of all kinds of terms by name, each (N,), kJ/mol; x (N, n_atoms, 3), nm."""
        self._check(x)
        p, y = self._parameters_for(x), x.permute(2, 1, 0)
        r_square = _squares(y[:, p.pairs.first] - y[:, p.pairs.second])
        return {
            "bonds": bond_energy(y, p.bonded)[0],
            "angles": angle_energy(y, p.bonded)[0],
            "torsions": torsion_energy(y, p.bonded)[0],
            "nonbonded": nonbonded_pairs(r_square, p.nonbonded)[0].sum(0),
            "generalized_born": born_energy(r_square, p.born, p.pairs)[0],
        }

    def initial_positions(self, n: int, *, jitter: float, generator: torch.Generator) -> Tensor:
        """Return the minimised structure, displaced by Gaussian noise of deviation `jitter`, nm, mean-free.

        Returns (n, n_atoms, 3), float32.
        """
        noise = torch.randn((n, self.n_atoms, 3), generator=generator, device=generator.device)
        return remove_mean(torch.from_numpy(self._arrays["positions"]).to(noise) + jitter * noise)

    def _parameters_for(self, x: Tensor) -> Parameters:
        key = (x.dtype, x.device)
        if key not in self._parameters:
            self._parameters[key] = make_parameters(self._arrays, dtype=x.dtype, device=x.device)
        return self._parameters[key]

    def _check(self, x: Tensor) -> None:
        if x.ndim != 3 or x.shape[1:] != (self.n_atoms, 3):
            raise ValueError(f"x must have shape (N, {self.n_atoms}, 3), got {tuple(x.shape)}")


def make_parameters(
    arrays: Mapping[str, np.ndarray], *, dtype: torch.dtype, device: torch.device
) -> Parameters:
    """Turn the arrays of a system into tensors; indices stay integers."""

    def cast(values: np.ndarray) -> Tensor:
        values = np.ascontiguousarray(values)
        return torch.from_numpy(values).to(device, torch.int64 if values.dtype.kind == "i" else dtype)

    return Parameters(
        bonded_parameters(arrays, cast),
        nonbonded_parameters(arrays, cast),
        born_parameters(arrays, cast),
        all_pairs(len(arrays["ff_charge"]), cast),
    )


def energy_and_force(x: Tensor, p: Parameters) -> tuple[Tensor, Tensor]:
    """Return E (N,), kJ/mol, and the force (3, n_atoms, N), kJ/mol/nm; x (3, n_atoms, N), nm."""
    difference = x[:, p.pairs.first] - x[:, p.pairs.second]
    r_square = _squares(difference)
    pair, slope = nonbonded_pairs(r_square, p.nonbonded)
    water, water_slope = born_energy(r_square, p.born, p.pairs)
    terms = [term(x, p.bonded) for term in (bond_energy, angle_energy, torsion_energy)]
    energy = pair.sum(0) + water + sum(value for value, _ in terms)
    force = (p.pairs.to_second - p.pairs.to_first) @ (difference * (slope + water_slope))
    force = force + p.bonded.incidence @ torch.cat([row for _, rows in terms for row in rows], dim=1)
    finite = energy.isfinite()
    usable = finite & force.isfinite().all(0).all(0)
    return torch.where(finite, energy, math.inf), torch.where(usable, force, 0.0)


def _padded(x: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Yield pieces of x (N, ...) with one of the sizes in CHUNKS, and how many of their entries are of x."""
    sizes = CHUNKS["cpu" if x.device.type == "cpu" else "cuda"]
    while n := len(x):
        size = next((size for size in sizes if 2 * n > size), sizes[-1])  # more than half of it filled
        yield torch.cat([x, x[-1:].expand(size - n, -1, -1)]) if size > n else x[:size], min(n, size)
        x = x[size:]


def _squares(difference: Tensor) -> Tensor:
    return sum(component * component for component in difference)
