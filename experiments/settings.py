"""Parameters that several stages share: the system and its ladder."""

from dataclasses import dataclass

from experiments import paths
from experiments.config import load_section
from pita.schedules import check_ladder
from pita.systems import SYSTEMS, make_system
from pita.targets.base import Target


@dataclass(frozen=True)
class SystemSettings:
    """Kind of target, number of atoms, temperatures of the ladder hot to cold (reduced units)."""

    kind: str
    n_atoms: int
    temperatures: tuple[float, ...]

    def __post_init__(self) -> None:
        check_ladder(self.temperatures)
        if self.kind not in SYSTEMS:
            raise ValueError(f"kind must be one of {', '.join(SYSTEMS)}, got {self.kind!r}")

    def target(self) -> Target:
        """Build the target."""
        return make_system(self.kind, {"n_atoms": self.n_atoms})


def load_system(system: str) -> SystemSettings:
    """Read the section [system] of a system's parameter file."""
    return load_section(paths.params(system), "system", SystemSettings)
