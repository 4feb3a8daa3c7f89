"""The variants of the second gate: how a model of one rung is built, trained on the reference and sampled."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from experiments import paths
from experiments.config import load_section
from experiments.files import load_npz
from experiments.ladder_run import LadderConfig, TrainingPlan, isomer_of, load_ladder, load_network
from experiments.settings import load_system, load_topology
from pita.annealing import AnnealingSettings
from pita.data import NoiseSettings, TrainingSet
from pita.descent import Arrays, DescentSettings
from pita.geometry import optimal_rotation, remove_mean
from pita.ladder import as_training_set
from pita.landing import LandingSettings
from pita.module import TrainingSettings
from pita.networks import NetworkSettings
from pita.objective import LossSettings


@dataclass(frozen=True)
class VariantSettings:
    """What a variant decides: network, losses, how data are turned and regressed on, how it is annealed.

    `landing`: in place of that of the gate. `conditioned`: one model of every temperature from the hottest to
    that of the gate.
    """

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
    landing: LandingSettings | None = None
    conditioned: bool = False


@dataclass(frozen=True)
class GateSettings:
    """One rung on reference data: the rung's number, its training, and how many particles judge it.

    `seed` draws weights, batches and particles of every variant; `seeds` are the ladders of the first gate,
    each judged once for every number of islands in `hot_islands`, with `hot_particles`, as many as on the
    ladder's way down where that is None. `n_islands`, of the second gate, and `compiled` as in
    `pita.descent.DescentSettings`.
    """

    seed: int
    rung: int
    n_training: int
    n_particles: int
    n_fit: int
    training: TrainingSettings
    landing: LandingSettings
    variants: dict[str, VariantSettings]
    seeds: tuple[int, ...] = (1, 2, 3)
    hot_islands: tuple[int, ...] = (1,)
    hot_particles: int | None = None
    n_islands: int = 1
    compiled: bool = True

    def __post_init__(self) -> None:
        for name, variant in self.variants.items():
            power = self.landing_of(variant).power
            if variant.annealing.weighting == "unweighted" and power > 0:
                raise ValueError(f"variants.{name}: landing.power must be 0 if unweighted, got {power}")

    def landing_of(self, variant: VariantSettings) -> LandingSettings:
        """Return how a variant is landed."""
        return variant.landing or self.landing


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
        noise=_noise_of(chosen, config.noise),
        training=TrainingPlan(first=gates.training, later=gates.training),
        descent=DescentSettings(
            n_particles=gates.n_particles,
            n_islands=gates.n_islands,
            annealing=chosen.annealing,
            landing=gates.landing_of(chosen),
            n_fit=gates.n_fit,
            compiled=gates.compiled,
        ),
    )


def _noise_of(chosen: VariantSettings, noise: NoiseSettings) -> NoiseSettings:
    """Return how batches of a variant are drawn: with what its losses read, and no more.

    Flattened only where weights take that out again.
    """
    losses = chosen.losses
    kept = {name: getattr(noise, name) if getattr(losses, name) else None for name in ("hands", "pin")}
    kept["flatten"] = None if chosen.annealing.weighting == "unweighted" else noise.flatten
    return replace(noise, **_fields(chosen, NoiseSettings), **kept)


def _fields(chosen: VariantSettings, schema: type) -> dict[str, object]:
    """Return what the variant decides of the fields of a dataclass."""
    return {
        field.name: getattr(chosen, field.name) for field in fields(schema) if hasattr(chosen, field.name)
    }


def hotter_sets(system: str, gates: GateSettings, variant: str) -> list[TrainingSet]:
    """Return what a conditioned variant learns beside the samples of the gate: every hotter temperature."""
    if not gates.variants[variant].conditioned:
        return []
    temperatures = load_system(system).temperatures[: gates.rung]
    return [
        as_training_set(training_samples(system, replace(gates, rung=rung), variant), beta=1 / temperature)
        for rung, temperature in enumerate(temperatures)
    ]


def training_samples(system: str, gates: GateSettings, variant: str) -> Arrays:
    """Return samples of the second reference run, on which nothing is judged, with energies and forces.

    Only those of the isomer which a ladder is of.
    Those of a variant with a frame are turned onto its reference, where its model is fitted to them.
    """
    x = load_npz(paths.reference(system), {"x_second": "float32"})["x_second"][gates.rung][: gates.n_training]
    keeps = isomer_of(load_system(system), load_network(system))
    if keeps is not None:
        x = x[keeps(torch.from_numpy(x)).numpy()]
    if gates.variants[variant].frame:
        x = onto_structure(x, system)
    energy, force = load_system(system).target().energy_and_force(torch.from_numpy(x))
    return {
        "x": x,
        "energy": energy.numpy(),
        "force": force.numpy(),
        "n_energy_evals": np.array(len(x)),
    }


def onto_structure(x: np.ndarray, system: str) -> np.ndarray:
    """Return x (n, n_atoms, 3), nm, each turned onto the structure of the peptide, mean-free."""
    configurations = remove_mean(torch.from_numpy(x))
    rotation = optimal_rotation(configurations, torch.from_numpy(load_topology(system)["positions"]).float())
    return (configurations @ rotation.mT).numpy()
