"""The registry of systems: the name of a target and its parameters, turned into the target."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pita.targets.base import Target
from pita.targets.forcefield import ForceField
from pita.targets.kelvin import InKelvin
from pita.targets.lennard_jones import LennardJonesCluster


def peptide(arrays: Mapping[str, np.ndarray], *, compiled: bool = True) -> InKelvin:
    """Return the target of a peptide, in nm and kelvin, from the arrays `pita.peptide` made."""
    return InKelvin(ForceField(arrays, compiled=compiled))


SYSTEMS: dict[str, Callable[..., Target]] = {"lennard_jones": LennardJonesCluster, "peptide": peptide}


def make_system(name: str, parameters: Mapping[str, Any]) -> Target:
    """Build the target called ``name``; ``parameters`` are the keyword arguments of its constructor."""
    if name not in SYSTEMS:
        raise ValueError(f"unknown system {name!r}; known: {', '.join(sorted(SYSTEMS))}")
    return SYSTEMS[name](**parameters)
