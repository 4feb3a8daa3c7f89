"""How the samples of a system are judged: clusters by the distances of atoms, peptides by their backbone.

`load_judge` tells the kinds of systems apart; whoever holds a judge need not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from experiments import paths
from experiments.config import load_section
from experiments.files import load_npz
from experiments.settings import SystemSettings, load_topology
from pita.metrics.peptide_averages import peptide_averages
from pita.metrics.peptide_scores import METRICS, Repeats, observe, peptide_scores
from pita.metrics.scores import SampleSet, Score, cheap_scores, geometric_score
from pita.metrics.tica import TicaModel

Scores = dict[str, Score | None]  # by name; None is not known
# Along a curve of budgets one transport is enough.
QUICK = tuple(name for name in METRICS if not name.startswith("tica"))


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """Size of both sets, resamples of the standard errors, and the energy (kT) of an overlap.

    `seed` draws the subset of the reference, the same for all methods, and the resamples.
    """

    seed: int
    n_samples: int
    n_resamples: int
    overlap_kt: float


@dataclass(frozen=True, kw_only=True)
class ClusterEvaluation(EvaluationSettings):
    """Resamples of Geometric-W2 besides."""

    n_resamples_geometric: int


@dataclass(frozen=True, kw_only=True)
class PeptideEvaluation(EvaluationSettings):
    """Resamples of the metrics that need a transport, and how far (nm) a whole bond may be off its length."""

    n_resamples_transport: int
    bond_tolerance: float


class Judge(Protocol):
    """Metrics of a sample set against the reference, what is counted in it, and averages over it."""

    settings: EvaluationSettings

    def scores(self, samples: SampleSet, reference: SampleSet, *, rng: np.random.Generator) -> Scores:
        """Return every metric by name."""

    def quick_scores(self, samples: SampleSet, reference: SampleSet, *, rng: np.random.Generator) -> Scores:
        """Return the metrics whose cost is small beside that of sampling."""

    def counters(self, samples: SampleSet) -> dict[str, int]:
        """Return how many samples are wrong in each way; none of them is left out of the metrics."""

    def observables(self, samples: SampleSet) -> Scores:
        """Return averages that are physical by themselves, if there are any."""


@dataclass(frozen=True)
class ClusterJudge:
    """Judges clusters of identical atoms; `n_workers` processes share the matrix of distances."""

    settings: ClusterEvaluation
    n_workers: int

    def scores(self, samples: SampleSet, reference: SampleSet, *, rng: np.random.Generator) -> Scores:
        """Return the quick metrics and `geometric_w2`, unit of length."""
        return self.quick_scores(samples, reference, rng=rng) | {
            "geometric_w2": geometric_score(
                samples,
                reference,
                n_resamples=self.settings.n_resamples_geometric,
                rng=rng,
                n_workers=self.n_workers,
            )
        }

    def quick_scores(self, samples: SampleSet, reference: SampleSet, *, rng: np.random.Generator) -> Scores:
        """Return `distance_w2`, unit of length, `energy_w1` and `energy_w2`, kT."""
        return cheap_scores(samples, reference, n_resamples=self.settings.n_resamples, rng=rng)

    def counters(self, samples: SampleSet) -> dict[str, int]:
        """Return the number of overlaps."""
        return {"overlaps": overlaps(samples, self.settings)}

    def observables(self, _samples: SampleSet) -> Scores:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class PeptideJudge:
    """Judges peptides at `temperature` (kelvin), the slow coordinates in the plane `tica`."""

    settings: PeptideEvaluation
    temperature: float
    topology: Mapping[str, np.ndarray]
    tica: TicaModel

    def scores(self, samples: SampleSet, reference: SampleSet, *, rng: np.random.Generator) -> Scores:
        """Return the metrics of `pita.metrics.peptide_scores`."""
        return self._named(METRICS, samples, reference, rng=rng)

    def quick_scores(self, samples: SampleSet, reference: SampleSet, *, rng: np.random.Generator) -> Scores:
        """Return the same without the distances of the slow coordinates."""
        return self._named(QUICK, samples, reference, rng=rng)

    def counters(self, samples: SampleSet) -> dict[str, int]:
        """Return the numbers of overlaps, of samples with a wrong hand and of those with a broken bond."""
        averages, n_samples = self.observables(samples), len(samples.x)
        counted = ("wrong_chirality", "broken_bonds")
        return {name: round(averages[name].value * n_samples) for name in counted} | {
            "overlaps": overlaps(samples, self.settings)
        }

    def observables(self, samples: SampleSet) -> Scores:
        """Return the averages of `pita.metrics.peptide_averages`."""
        return peptide_averages(
            samples,
            self.topology,
            temperature=self.temperature,
            bond_tolerance=self.settings.bond_tolerance,
        )

    def _named(
        self, names: Sequence[str], samples: SampleSet, reference: SampleSet, *, rng: np.random.Generator
    ) -> Scores:
        return peptide_scores(
            *(observe(side, self.topology, self.tica) for side in (samples, reference)),
            names=names,
            temperature=self.temperature,
            n_resamples=Repeats(self.settings.n_resamples, self.settings.n_resamples_transport),
            rng=rng,
        )


def overlaps(samples: SampleSet, settings: EvaluationSettings) -> int:
    """Return how many samples have an energy above that of an overlap."""
    return int(np.count_nonzero(samples.reduced_energy > settings.overlap_kt))


def load_judge(system: str, physics: SystemSettings, *, n_workers: int = 1) -> Judge:
    """Return the judge of a system, with the section [evaluate] of its parameters."""
    params = paths.system_params(system)
    if physics.kind != "peptide":
        return ClusterJudge(load_section(params, "evaluate", ClusterEvaluation), n_workers)
    return PeptideJudge(
        settings=load_section(params, "evaluate", PeptideEvaluation),
        temperature=physics.temperatures[-1],
        topology=load_topology(system),
        tica=TicaModel.from_arrays(load_npz(paths.tica(system))),
    )
