"""The variants of the second gate: how a model of one rung is built, trained on the reference and sampled."""

from dataclasses import dataclass, fields, replace

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
    """What a variant decides: network, losses, how data are turned and regressed on, how it is annealed."""

    kind: str
    width: int
    depth: int
    heads: str
    rotate: bool
    losses: LossSettings
    annealing: AnnealingSettings
    frame: bool = False
    stiffness: float | None = None
    stiff: bool = False
    attention_heads: int = 4


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
        network=replace(config.network, **_fields(chosen, NetworkSettings)),
        initial=config.initial,
        losses=chosen.losses,
        noise=replace(config.noise, **_fields(chosen, NoiseSettings)),
        training=TrainingPlan(first=gates.training, later=gates.training),
        descent=DescentSettings(
            n_particles=gates.n_particles,
            annealing=chosen.annealing,
            landing=gates.landing,
            n_fit=gates.n_fit,
        ),
    )


def _fields(chosen: VariantSettings, schema: type) -> dict[str, object]:
    """Return what the variant decides of the fields of a dataclass."""
    return {
        field.name: getattr(chosen, field.name) for field in fields(schema) if hasattr(chosen, field.name)
    }


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
