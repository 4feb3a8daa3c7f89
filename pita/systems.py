"""The registry of systems: the name of a target and its parameters, turned into the target."""

from collections.abc import Callable, Mapping
from typing import Any

from pita.targets.base import Target
from pita.targets.lennard_jones import LennardJonesCluster

SYSTEMS: dict[str, Callable[..., Target]] = {"lennard_jones": LennardJonesCluster}


def make_system(name: str, parameters: Mapping[str, Any]) -> Target:
    """Build the target called ``name``; ``parameters`` are the keyword arguments of its constructor."""
    if name not in SYSTEMS:
        raise ValueError(f"unknown system {name!r}; known: {', '.join(sorted(SYSTEMS))}")
    return SYSTEMS[name](**parameters)
