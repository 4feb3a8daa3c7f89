"""Parameters that several stages share: the system and its ladder."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from experiments import paths
from experiments.config import load_section
from experiments.files import load_npz
from pita.schedules import check_ladder
from pita.systems import SYSTEMS, make_system
from pita.targets.base import Target

FORCE_FIELD = "ff_"  # begins the names of the arrays of a peptide that are not its topology


@dataclass(frozen=True)
class SystemSettings:
    """Name and kind of the target, temperatures of the ladder hot to cold, of a peptide in kelvin.

    A cluster is given by `n_atoms`, a peptide by its `residues` and by the file of that name, which stage
    `system` writes. `compiled`: a peptide's energy through torch.compile, which takes 20 s to begin.
    """

    system: str
    kind: str
    temperatures: tuple[float, ...]
    n_atoms: int | None = None
    residues: tuple[str, ...] = ()
    compiled: bool = True

    def __post_init__(self) -> None:
        check_ladder(self.temperatures)
        if self.kind not in SYSTEMS:
            raise ValueError(f"kind must be one of {', '.join(SYSTEMS)}, got {self.kind!r}")
        if self.kind == "peptide" and not self.residues:
            raise ValueError("residues are needed for a peptide, got none")
        if self.kind != "peptide" and (self.n_atoms is None or self.residues):
            raise ValueError(
                f"{self.kind} is given by n_atoms alone, got n_atoms {self.n_atoms}, residues {self.residues}"
            )

    def target(self) -> Target:
        """Build the target."""
        if self.kind == "peptide":
            arrays = load_npz(paths.system(self.system), keys=("positions", "ff_charge"))
            return make_system(self.kind, {"arrays": arrays, "compiled": self.compiled})
        return make_system(self.kind, {"n_atoms": self.n_atoms})


def load_system(system: str) -> SystemSettings:
    """Read the section [system] of a system's parameter file, and the size of a peptide from its own file."""
    settings = read_system(system)
    if settings.kind != "peptide":
        return settings
    return dataclasses.replace(settings, n_atoms=len(load_topology(system)["positions"]))


def read_system(system: str) -> SystemSettings:
    """Read the section [system] of a system's parameter file alone; `n_atoms` of a peptide is None."""
    settings = load_section(paths.system_params(system), "system", SystemSettings, system=system)
    if settings.kind == "peptide" and settings.n_atoms is not None:
        raise ValueError(f"{system}: n_atoms of a peptide follows from its residues, got {settings.n_atoms}")
    return settings


def load_topology(system: str) -> dict[str, np.ndarray]:
    """Read what describes the molecule of a peptide, see `pita.peptide.topology_arrays`."""
    arrays = load_npz(paths.system(system), keys=("positions",))
    return {name: array for name, array in arrays.items() if not name.startswith(FORCE_FIELD)}
