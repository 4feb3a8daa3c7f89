"""Noise floors of a system: the metrics of clusters or of peptides, between two runs of the reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from tqdm import tqdm

from experiments import paths
from experiments.config import load_section
from experiments.files import load_npz
from experiments.sample_sets import reduced
from experiments.seeds import numpy_generator
from experiments.settings import SystemSettings, load_topology
from pita.metrics.distance import distance_w2
from pita.metrics.energy import energy_w1, energy_w2
from pita.metrics.floor import noise_floor
from pita.metrics.geometric import geometric_w2
from pita.metrics.peptide_scores import METRICS, Repeats, observe, peptide_floors
from pita.metrics.tica import TicaModel

Pair = tuple[np.ndarray, np.ndarray]
Reference = Mapping[str, np.ndarray]
RUNS = ("x", "x_second")
AT_EVERY_TEMPERATURE = ("energy_w1", "energy_w2", "rama_tv", "torus_w2")


@dataclass(frozen=True, kw_only=True)
class FloorSettings:
    """Samples on either side of a distance, and pairs of draws for the cheap metrics."""

    seed: int
    n_samples: int
    n_repeats: int


@dataclass(frozen=True, kw_only=True)
class ClusterFloorSettings(FloorSettings):
    """Pairs of draws for `geometric_w2` besides."""

    n_repeats_geometric: int


@dataclass(frozen=True, kw_only=True)
class PeptideFloorSettings(FloorSettings):
    """Pairs of draws for the metrics that need a transport besides."""

    n_repeats_transport: int


class Floors(Protocol):
    """The floors of a system at the target temperature and, of some metrics, at every temperature."""

    settings: FloorSettings

    def between(self, system: SystemSettings, reference: Reference) -> dict:
        """Return `metrics`, name -> mean and sd, and `per_temperature`, as they are stored."""


@dataclass(frozen=True)
class ClusterFloors:
    """Floors of the metrics of distances, energies and shapes."""

    settings: ClusterFloorSettings

    def between(self, system: SystemSettings, reference: Reference) -> dict:
        """Return the floors; `geometric_w2` at the target temperature alone."""
        target, per_temperature = system.target(), []
        for rung, temperature in enumerate(tqdm(system.temperatures, unit="temperature", desc="floor")):
            x = (reference["x"][rung], reference["x_second"][rung])
            energy = tuple(target.energy(torch.from_numpy(run)).double().numpy() for run in x)
            cheap = self._cheap(x, energy, temperature=temperature)
            per_temperature.append({"temperature": temperature, "metrics": cheap})
        geometric = self._floor(
            geometric_w2, x, name="geometric_w2", n_repeats=self.settings.n_repeats_geometric
        )
        return {"metrics": cheap | {"geometric_w2": geometric}, "per_temperature": per_temperature}

    def _cheap(self, x: Pair, energy: Pair, *, temperature: float) -> dict:
        """Return the floors of the metrics of distances and energies at one temperature, in its kT."""
        jobs = {
            "distance_w2": (distance_w2, x),
            "energy_w1": (energy_w1, tuple(e / temperature for e in energy)),
            "energy_w2": (energy_w2, tuple(e / temperature for e in energy)),
        }
        return {
            name: self._floor(metric, pair, name=f"{name} {temperature}", n_repeats=self.settings.n_repeats)
            for name, (metric, pair) in jobs.items()
        }

    def _floor(self, metric: Callable, pair: Pair, *, name: str, n_repeats: int) -> dict:
        """Return mean and standard deviation of a metric between draws of the two runs."""
        rng = numpy_generator(self.settings.seed, f"floor {name}")
        n_samples = self.settings.n_samples
        return noise_floor(metric, *pair, n_samples=n_samples, n_repeats=n_repeats, rng=rng)._asdict()


@dataclass(frozen=True)
class PeptideFloors:
    """Floors of `pita.metrics.peptide_scores`, the slow coordinates in the plane `tica`."""

    settings: PeptideFloorSettings
    topology: Mapping[str, np.ndarray]
    tica: TicaModel

    def between(self, system: SystemSettings, reference: Reference) -> dict:
        """Return the floors, `None` where one is not known; those of torsions and energies everywhere."""
        coldest = len(system.temperatures) - 1
        per_temperature = []
        for rung, temperature in enumerate(tqdm(system.temperatures, unit="temperature", desc="floor")):
            names = METRICS if rung == coldest else AT_EVERY_TEMPERATURE
            found = self._at(system, reference, rung=rung, names=names)
            metrics = {name: found[name] for name in AT_EVERY_TEMPERATURE}
            per_temperature.append({"temperature": temperature, "metrics": metrics})
        return {"metrics": found, "per_temperature": per_temperature}

    def _at(
        self, system: SystemSettings, reference: Reference, *, rung: int, names: tuple[str, ...]
    ) -> dict[str, dict | None]:
        """Return the floors called `names` at one temperature."""
        temperature = system.temperatures[rung]
        floors = peptide_floors(
            *(
                observe(reduced(reference[run][rung], system, rung=rung, name=run), self.topology, self.tica)
                for run in RUNS
            ),
            names=names,
            temperature=temperature,
            n_samples=self.settings.n_samples,
            n_repeats=Repeats(self.settings.n_repeats, self.settings.n_repeats_transport),
            rng=numpy_generator(self.settings.seed, f"floor {temperature}"),
        )
        return {name: floor and floor._asdict() for name, floor in floors.items()}


def load_floors(system: str, physics: SystemSettings) -> Floors:
    """Return how the floors of a system are found, with the section [floor] of its parameters."""
    params = paths.params(system)
    if physics.kind != "peptide":
        return ClusterFloors(load_section(params, "floor", ClusterFloorSettings))
    return PeptideFloors(
        settings=load_section(params, "floor", PeptideFloorSettings),
        topology=load_topology(system),
        tica=TicaModel.from_arrays(load_npz(paths.tica(system))),
    )
