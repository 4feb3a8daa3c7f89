"""Rows of the gates: the particles of a temperature step beside the reference and the noise floors there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from experiments import paths
from experiments.conformers import Topology, chain_mean
from experiments.files import load_json, load_npz
from experiments.ladder_run import isomer_of, load_network
from experiments.rungs import N_TRANSPORT, backbone
from experiments.sample_sets import reduced
from experiments.seeds import numpy_generator
from experiments.settings import SystemSettings, load_system, load_topology
from pita.descent import Descent
from pita.metrics.basins import any_positive
from pita.metrics.dihedrals import dihedrals
from pita.metrics.distance import distance_w2
from pita.metrics.energy import energy_w1, energy_w2
from pita.metrics.peptide_averages import share
from pita.metrics.scores import SampleSet
from pita.resampling import systematic

METRICS = ("distance_w2", "energy_w1", "energy_w2")
BACKBONE = ("rama_tv", "torus_w2")
Pair = tuple[np.ndarray, np.ndarray]


class Stage(NamedTuple):
    """Equally weighted particles `x` (n, n_atoms, 3), offspring of `n_ancestors` first particles."""

    name: str
    x: np.ndarray
    n_ancestors: int


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """The reference (m, n_atoms, 3) at one rung of a system, and the floors there of `n_floor` samples."""

    physics: SystemSettings
    rung: int
    reference: np.ndarray
    floor: Mapping[str, Mapping[str, float] | None]
    n_floor: int

    @property
    def temperature(self) -> float:
        """Temperature of the rung."""
        return self.physics.temperatures[self.rung]

    def compared(self, stage: Stage) -> dict[str, float]:
        """Return the distances between equally many samples and reference samples."""
        n = self._size(stage)
        return self._distances(*self._reduced((stage.x[:: len(stage.x) // n][:n], self.reference[:n])))

    def floors(self) -> dict[str, float | None]:
        """Return the mean floors, None where one is not known."""
        return self._floors(METRICS)

    def _size(self, stage: Stage) -> int:
        """Return how many of either are compared: as many as the floors are of, if there are as many."""
        return min(self.n_floor, len(stage.x), len(self.reference))

    def _floors(self, names: tuple[str, ...]) -> dict[str, float | None]:
        return {f"{name}_floor": (self.floor.get(name) or {}).get("mean") for name in names}

    def _reduced(self, sides: Pair) -> list[SampleSet]:
        names = ("samples", "reference")
        return [
            reduced(x, self.physics, rung=self.rung, name=f"{self.physics.system} gate, {name}")
            for name, x in zip(names, sides, strict=True)
        ]

    def _distances(self, ours: SampleSet, theirs: SampleSet) -> dict[str, float]:
        energies = (ours.reduced_energy, theirs.reduced_energy)
        values = (distance_w2(ours.x, theirs.x), energy_w1(*energies), energy_w2(*energies))
        return {"n_samples": len(ours.x)} | dict(zip(METRICS, values, strict=True))


@dataclass(frozen=True, kw_only=True)
class PeptideYardstick(Yardstick):
    """The same for a peptide, with its topology and the chains of its reference.

    The reference is that of the isomer which a ladder is of: one in ten is of another at 1200 K. Of all M
    stored configurations, `kept` (M,) bool says which m these are and `chain` (M,) whose draw each is.
    """

    topology: Topology
    chain: np.ndarray
    kept: np.ndarray

    def compared(self, stage: Stage) -> dict[str, float]:
        """Return distances between as many samples and reference samples, drawn at random, and shares.

        `torus_w2` is that of the first `n_torus_w2` of either. Shares: `wrong_chirality` of the samples, and
        `phi_positive`, where descendants of one first particle count as one in the standard error, beside
        that of the whole reference, whose chains are independent.
        """
        rng = numpy_generator(1, "gate")
        n = self._size(stage)
        sides = [x[rng.choice(len(x), n, replace=False)] for x in (stage.x, self.reference)]
        ours, theirs = self._reduced(tuple(sides))
        metrics, _ = backbone(ours.x, theirs.x, self.topology)
        positive = share(float(self._positive(ours.x).mean()), min(n, stage.n_ancestors))
        return (
            self._distances(ours, theirs)
            | {name: metrics[name] for name in BACKBONE}
            | {"n_torus_w2": min(n, N_TRANSPORT), "wrong_chirality": metrics["wrong_chirality"]}
            | {"phi_positive": positive.value, "phi_positive_se": positive.se}
            | self._reference_share()
        )

    def floors(self) -> dict[str, float | None]:
        """Return the mean floors, None where one is not known, and how many samples they are of."""
        return self._floors((*METRICS, *BACKBONE)) | {"n_floor": self.n_floor}

    def _positive(self, x: np.ndarray) -> np.ndarray:
        return any_positive(dihedrals(x, self.topology["phi"]))

    def _reference_share(self) -> dict[str, float]:
        """Return the share of those kept, a ratio of two means over chains, with its error to first order."""
        positive = self._positive(self.reference)
        excess = np.zeros(len(self.kept))
        excess[self.kept] = (positive - positive.mean()) / self.kept.mean()
        by_chain = [excess[self.chain == number] for number in np.unique(self.chain)]
        error = chain_mean(np.stack(by_chain, axis=1)).se
        return {"phi_positive_reference": float(positive.mean()), "phi_positive_reference_se": error}


def load_yardstick(system: str, rung: int) -> Yardstick:
    """Read what samples of a rung are compared with."""
    physics, file = load_system(system), paths.reference(system)
    floors = load_json(paths.floor(system), keys=("per_temperature", "n_samples"))
    known = {
        "physics": physics,
        "rung": rung,
        "reference": load_npz(file, {"x": "float32"})["x"][rung],
        "floor": floors["per_temperature"][rung]["metrics"],
        "n_floor": floors["n_samples"],
    }
    if physics.kind != "peptide":
        return Yardstick(**known)
    chain = load_npz(file, {"chain": "int64"})["chain"]
    kept = isomer_of(physics, load_network(system))(torch.from_numpy(known["reference"])).numpy()
    known["reference"] = known["reference"][kept]
    return PeptideYardstick(**known, topology=load_topology(system), chain=chain, kept=kept)


def stages(done: Descent) -> tuple[Stage, Stage]:
    """Return the particles of a temperature step as sampled, nothing left out, and landed."""
    particles, landed = done.annealed.particles, done.landed
    ancestors = systematic(particles.log_w, generator=torch.Generator().manual_seed(1))
    n_ancestors = len(done.annealed.origins[ancestors].unique())
    return (
        Stage("as sampled", particles.x[ancestors].cpu().numpy(), n_ancestors),
        Stage("landed", landed.x.cpu().numpy(), landed.n_unique_ancestors),
    )


def judged(system: str, rung: int, done: Descent, *, gate: int, variant: str) -> list[dict]:
    """Return one row for the particles as sampled and one for the landed ones, with the floors."""
    yardstick, trace, rows = load_yardstick(system, rung), done.annealed.trace, []
    for stage in stages(done):
        row = {"gate": gate, "variant": variant, "samples": stage.name, "temperature": yardstick.temperature}
        row |= yardstick.compared(stage) | yardstick.floors()
        row |= {
            "path_ess_min": trace.ess_fraction.min().item(),
            "resamplings": int(trace.resampled.sum()),
            "landing_ess": done.landed.ess_fraction,
        }
        rows.append(row)
    return rows
