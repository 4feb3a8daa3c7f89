"""What is timed of peptides by the benchmark: our batched force field beside OpenMM, one by one.

Both in one process and on one thread each, on the same configurations: the structure, jittered.
"""

from dataclasses import dataclass

import openmm
import torch
from openmm import unit

from experiments.settings import load_system
from experiments.timing import repeated
from pita.peptide import build_peptide

JITTER = 0.003  # nm
ONE_BY_ONE = 200  # configurations that OpenMM is given


@dataclass(frozen=True, kw_only=True)
class PeptideEnergyCase:
    """Energies and forces of a peptide, ours in batches of `n_configurations`."""

    system: str
    n_configurations: int

    def measure(self) -> dict[str, float]:
        """Energies with forces per second, ours and those of OpenMM's CPU platform, and their ratio."""
        settings = load_system(self.system)
        target, generator = settings.target(), torch.Generator().manual_seed(1)
        x = target.initial_positions(self.n_configurations, jitter=JITTER, generator=generator).float()
        target.energy_and_force(x)  # compiled
        ours = self.n_configurations / repeated(lambda: target.energy_and_force(x))
        theirs = one_by_one(settings.residues, x[:ONE_BY_ONE])
        return {
            "energies_and_forces_per_second": ours,
            "openmm_energies_and_forces_per_second": theirs,
            "times_openmm": ours / theirs,
        }


def one_by_one(residues: tuple[str, ...], x: torch.Tensor) -> float:
    """Energies with forces per second of OpenMM's CPU platform on one thread; x (n, n_atoms, 3) in nm."""
    context = openmm.Context(
        build_peptide(residues).system,
        openmm.VerletIntegrator(0.001 * unit.picoseconds),
        openmm.Platform.getPlatformByName("CPU"),
        {"Threads": "1"},
    )
    configurations = x.double().numpy()

    def all_of_them() -> None:
        for configuration in configurations:
            context.setPositions(configuration)
            state = context.getState(getEnergy=True, getForces=True)
            state.getPotentialEnergy()
            state.getForces(asNumpy=True)

    return len(x) / repeated(all_of_them)
