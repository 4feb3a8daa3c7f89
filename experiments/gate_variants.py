"""The variants of the second gate: how a model of one rung is built, trained on the reference and sampled."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from experiments import paths
from experiments.config import load_section
from experiments.files import load_npz
from experiments.ladder_run import LadderConfig, TrainingPlan, load_ladder
from experiments.settings import load_system
from pita.annealing import AnnealingSettings
from pita.data import NoiseSettings
from pita.descent import Arrays, DescentSettings
from pita.landing import LandingSettings
from pita.module import TrainingSettings
from pita.networks import NetworkSettings
from pita.objective import LossSettings


@dataclass(frozen=True)
class VariantSettings:
    """What a variant decides: network, losses, whether data are rotated, how it is annealed."""

    kind: str
    width: int
    depth: int
    heads: str
    rotate: bool
    losses: LossSettings
    annealing: AnnealingSettings


@dataclass(frozen=True)
class GateSettings:
    """One rung on reference data: the rung's number, its training, and how many particles judge it.

    `seed` draws weights, batches and particles of every variant.
    """

    seed: int
    rung: int
    n_training: int
    n_particles: int
    n_fit: int
    training: TrainingSettings
    landing: LandingSettings
    variants: dict[str, VariantSettings]


def load_gates(system: str) -> GateSettings:
    """Read the section [gates]."""
    return load_section(paths.params(system), "gates", GateSettings)


def ladder_of(system: str, gates: GateSettings, variant: str) -> LadderConfig:
    """Return the parameters of a ladder of one rung, from the gate's temperature to the next."""
    chosen = gates.variants[variant]
    config, physics = load_ladder(system), load_system(system)
    return LadderConfig(
        system=replace(physics, temperatures=physics.temperatures[gates.rung : gates.rung + 2]),
        network=NetworkSettings(
            kind=chosen.kind,
            n_atoms=physics.n_atoms,
            width=chosen.width,
            depth=chosen.depth,
            heads=chosen.heads,
        ),
        initial=config.initial,
        losses=chosen.losses,
        noise=NoiseSettings(
            batch_size=config.noise.batch_size,
            sigma_min=config.noise.sigma_min,
            sigma_max=config.noise.sigma_max,
            rotate=chosen.rotate,
        ),
        training=TrainingPlan(first=gates.training, later=gates.training),
        descent=DescentSettings(
            n_particles=gates.n_particles,
            annealing=chosen.annealing,
            landing=gates.landing,
            n_fit=gates.n_fit,
        ),
    )


def training_samples(system: str, gates: GateSettings) -> Arrays:
    """Return samples of the second reference run, on which nothing is judged, with energies and forces."""
    x = load_npz(paths.reference(system), {"x_second": "float32"})["x_second"][gates.rung][: gates.n_training]
    energy, force = load_system(system).target().energy_and_force(torch.from_numpy(x))
    return {
        "x": x,
        "energy": energy.numpy(),
        "force": force.numpy(),
        "n_energy_evals": np.array(len(x)),
    }
