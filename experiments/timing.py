"""What is timed by the benchmark: annealing levels, training steps and energies, each as a rate.

Networks have random weights and configurations come from a jittered lattice: neither changes the cost.
"""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median

import torch

from pita.annealing import AnnealedPath, AnnealingSettings, WeightingName
from pita.data import NoiseSettings, NoisyBatches, TrainingSet
from pita.networks import DiffusionModel, NetworkSettings, build_model
from pita.objective import LossSettings, make_objective
from pita.smc import anneal
from pita.space import ParticleSpace
from pita.targets.lennard_jones import LennardJonesCluster

PACKAGES = ("torch", "numpy", "pytorch-lightning")
PATIENCE = 1.5  # seconds for which a case is repeated
DIRECTIONS_AT_ONCE = 256  # particles times directions of an exact divergence, which bounds its memory


@dataclass(frozen=True, kw_only=True)
class AnnealingCase:
    """One level of annealing a Lennard-Jones cluster, all particles at once where memory allows.

    `heads`: of the model; drift and noise follow the score where there is one. `compiled`: as ladders run,
    through torch.compile.
    """

    kind: str
    n_atoms: int
    n_particles: int
    weighting: WeightingName
    n_probes: int = 0
    heads: str = "score+energy"
    compiled: bool = False

    def measure(self) -> dict[str, float]:
        """Seconds per particle and level: an annealing of one step evaluates two levels."""
        # torch imports much of itself at first use
        replace(self, n_atoms=2, n_particles=1, compiled=False).annealing()()
        once = self.annealing()
        if self.compiled:
            once()
        return {"seconds_per_particle_and_level": repeated(once) / (2 * self.n_particles)}

    def annealing(self) -> Callable[[], object]:
        """An annealing of one step, ready to run."""
        by_feynman_kac = self.weighting == "feynman_kac"
        model = network(self.kind, self.n_atoms, self.heads).at(
            compiled=self.compiled and not by_feynman_kac  # which compile its derivatives themselves
        )
        exact = by_feynman_kac and self.n_probes == 0
        settings = AnnealingSettings(
            n_levels=1,
            sigma_min=1.0,
            sigma_max=1.1,
            weighting=self.weighting,
            transport="score" if "score" in self.heads else "energy",
            langevin="energy" if "energy" in self.heads else "score",
            n_probes=self.n_probes,
            chunk=max(1, DIRECTIONS_AT_ONCE // (3 * self.n_atoms)) if exact else 256,
        )
        space = ParticleSpace(event_shape=(self.n_atoms, 3), mean_free=True)
        path = AnnealedPath(gamma=1.25, data_variance=1.0, settings=settings, space=space)
        generator = torch.Generator().manual_seed(1)
        settings = {"n_particles": self.n_particles, "compiled": self.compiled}
        return lambda: anneal(model, path, generator=generator, **settings)


@dataclass(frozen=True, kw_only=True)
class TrainingCase:
    """One optimiser step of one head."""

    kind: str
    n_atoms: int
    head: str
    batch_size: int
    compiled: bool

    def measure(self) -> dict[str, float]:
        """Training samples per second; compiling happens in the first step and is given apart."""
        model = network(self.kind, self.n_atoms, self.head)
        losses = LossSettings(**{self.head: 1.0})
        objective = make_objective(model, losses, n_rungs=1, compiled=self.compiled)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
        noise = NoiseSettings(batch_size=self.batch_size, sigma_min=0.02, sigma_max=10.0, rotate=True)
        batches = iter(NoisyBatches([TrainingSet(lattice(self.n_atoms, 1024), 1.0)], noise, seed=1))

        def once() -> None:
            optimiser.zero_grad()
            torch.stack(list(objective(next(batches)).values())).sum().backward()
            optimiser.step()

        first = elapsed(once)
        seconds = repeated(once)
        return {"samples_per_second": self.batch_size / seconds, "first_step_seconds": first}


@dataclass(frozen=True, kw_only=True)
class EnergyCase:
    """Energies and forces of a Lennard-Jones cluster."""

    n_atoms: int
    n_configurations: int

    def measure(self) -> dict[str, float]:
        """Energies, and energies with forces, per second."""
        target, x = LennardJonesCluster(self.n_atoms), lattice(self.n_atoms, self.n_configurations)
        energy = repeated(lambda: target.energy(x))
        force = repeated(lambda: target.energy_and_force(x))
        return {
            "energies_per_second": self.n_configurations / energy,
            "energies_and_forces_per_second": self.n_configurations / force,
        }


def network(kind: str, n_atoms: int, heads: str) -> DiffusionModel:
    """Three layers of 32 channels, the transformer four of 64; weights as initialised."""
    width, depth = (64, 4) if kind == "transformer" else (32, 3)
    return build_model(NetworkSettings(kind=kind, n_atoms=n_atoms, width=width, depth=depth, heads=heads))


def lattice(n_atoms: int, n_configurations: int) -> torch.Tensor:
    """Configurations without overlaps, (n_configurations, n_atoms, 3) in r_min."""
    generator = torch.Generator().manual_seed(1)
    target = LennardJonesCluster(n_atoms)
    return target.initial_lattice(n_configurations, spacing=1.05, jitter=0.03, generator=generator)


def repeated(once: Callable[[], None]) -> float:
    """Median seconds of a call, repeated until the patience is over."""
    seconds = [elapsed(once)]
    while sum(seconds) < PATIENCE:
        seconds.append(elapsed(once))
    return median(seconds)


def elapsed(once: Callable[[], None]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    once()
    return time.perf_counter() - start


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "n_cores": os.cpu_count(),
        "n_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
