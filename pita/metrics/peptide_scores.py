"""All metrics of one set of peptide configurations against a reference set, with errors and noise floors."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pita.metrics.basins import free_energy_difference
from pita.metrics.bootstrap import bootstrap_se
from pita.metrics.dihedrals import dihedrals, residue_pairs
from pita.metrics.energy import energy_w1, energy_w2
from pita.metrics.floor import NoiseFloor, noise_floor
from pita.metrics.ramachandran import rama_js, rama_kl, rama_tv
from pita.metrics.scores import SampleSet, Score
from pita.metrics.tica import TicaModel, project, tica_w1, tica_w2
from pita.metrics.torus import torus_w2

Array = NDArray[np.float64]


class Observables(NamedTuple):
    """What the metrics see of a set: energies beta * E (n,), phi (n, n_phi), phi and psi of all residues
    `torsions` (n, n_phi + n_psi), those of residues that have both `rama` (n, n_residues, 2), radians, and
    the two slowest coordinates `tics` (n, 2).
    """

    reduced_energy: Array
    phi: Array
    torsions: Array
    rama: Array
    tics: Array

    def take(self, index: NDArray[np.int64]) -> "Observables":
        """Return the configurations `index`."""
        return Observables(*(values[index] for values in self))


Metric = Callable[[Observables, Observables], float]
DELTA_F = "delta_f_error_kcal"
# Samples first, reference second; the asymmetric one is `rama_kl`.
CHEAP: dict[str, Metric] = {
    "energy_w1": lambda a, b: energy_w1(a.reduced_energy, b.reduced_energy),
    "energy_w2": lambda a, b: energy_w2(a.reduced_energy, b.reduced_energy),
    "rama_kl": lambda a, b: rama_kl(a.rama, b.rama),
    "rama_js": lambda a, b: rama_js(a.rama, b.rama),
    "rama_tv": lambda a, b: rama_tv(a.rama, b.rama),
}
TRANSPORT: dict[str, Metric] = {
    "torus_w2": lambda a, b: torus_w2(a.torsions, b.torsions),
    "tica_w1": lambda a, b: tica_w1(a.tics, b.tics),
    "tica_w2": lambda a, b: tica_w2(a.tics, b.tics),
}
METRICS = (*CHEAP, *TRANSPORT, DELTA_F)


class Repeats(NamedTuple):
    """Number of resamples or of draws for the cheap metrics and for those of an (n, m) transport."""

    cheap: int
    transport: int


def observe(samples: SampleSet, topology: Mapping[str, NDArray], model: TicaModel) -> Observables:
    """Return the observables of a set with positions in nm; topology: `phi`, `psi` (n, 4) atom indices."""
    phi, psi = (dihedrals(samples.x, topology[name]) for name in ("phi", "psi"))
    pairs = residue_pairs(topology["phi"], topology["psi"])
    return Observables(
        reduced_energy=samples.reduced_energy,
        phi=phi,
        torsions=np.concatenate([phi, psi], axis=1),
        rama=np.stack([phi[:, pairs[:, 0]], psi[:, pairs[:, 1]]], axis=-1),
        tics=project(model, samples.x),
    )


def delta_f_score(samples: Observables, reference: Observables, *, temperature: float) -> Score | None:
    """Return the absolute difference of F(phi > 0) - F(phi < 0) in kcal/mol; None if a basin is empty.

    temperature: kelvin. The error is binomial, of both sets together: resampled sets can lose a basin.
    """
    found = [free_energy_difference(side.phi) for side in (samples, reference)]
    if None in found:
        return None
    first, second = (entry.in_kcal(temperature=temperature) for entry in found)
    return Score(abs(first.value - second.value), math.hypot(first.se, second.se))


def peptide_scores(
    samples: Observables,
    reference: Observables,
    *,
    names: Collection[str] = METRICS,
    temperature: float,
    n_resamples: Repeats,
    rng: np.random.Generator,
) -> dict[str, Score | None]:
    """Return the metrics called `names`: energies in kT, torus_w2 in radians, rama_kl and rama_js in nats,
    delta_f_error_kcal in kcal/mol; None is not known.
    """
    index = [np.arange(len(side.reduced_energy)) for side in (samples, reference)]
    scores: dict[str, Score | None] = {}
    for metrics, repeats in ((CHEAP, n_resamples.cheap), (TRANSPORT, n_resamples.transport)):
        for name, metric in _chosen(metrics, names).items():
            resampled = _on_draws(metric, samples, reference)
            se = bootstrap_se(resampled, *index, n_resamples=repeats, rng=rng)
            scores[name] = Score(metric(samples, reference), se)
    if DELTA_F in names:
        scores[DELTA_F] = delta_f_score(samples, reference, temperature=temperature)
    return scores


def peptide_floors(
    first: Observables,
    second: Observables,
    *,
    names: Collection[str] = METRICS,
    temperature: float,
    n_samples: int,
    n_repeats: Repeats,
    rng: np.random.Generator,
) -> dict[str, NoiseFloor | None]:
    """Return the noise floors of the metrics called `names` between two independent reference runs.

    None, not known, for delta_f_error_kcal if a draw of either run lost a basin.
    """

    def delta_f_error(a: Observables, b: Observables) -> float:
        score = delta_f_score(a, b, temperature=temperature)
        return math.nan if score is None else score.value

    index = [np.arange(len(side.reduced_energy)) for side in (first, second)]
    floors: dict[str, NoiseFloor | None] = {}
    for metrics, repeats in (
        (CHEAP | {DELTA_F: delta_f_error}, n_repeats.cheap),
        (TRANSPORT, n_repeats.transport),
    ):
        for name, metric in _chosen(metrics, names).items():
            drawn = _on_draws(metric, first, second)
            floors[name] = noise_floor(drawn, *index, n_samples=n_samples, n_repeats=repeats, rng=rng)
    if DELTA_F in names and math.isnan(floors[DELTA_F].mean):
        floors[DELTA_F] = None
    return floors


def _chosen(metrics: Mapping[str, Metric], names: Collection[str]) -> dict[str, Metric]:
    """Return those of `metrics` that are among `names`, in their own order."""
    return {name: metric for name, metric in metrics.items() if name in names}


def _on_draws(
    metric: Metric, first: Observables, second: Observables
) -> Callable[[NDArray[np.int64], NDArray[np.int64]], float]:
    """Return `metric` as a function of the configurations drawn from either set."""
    return lambda i, j: metric(first.take(i), second.take(j))
