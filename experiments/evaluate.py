"""Judge the samples of one run against the reference at the target temperature.

`python -m experiments.evaluate lj13 pita 1` writes the metrics, each with its bootstrap standard error.
Samples are equally weighted, and none is dropped: an infinite energy is an error, an overlap is counted and
left in, so that a method which makes overlaps has the astronomical energy distance it deserves.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from experiments import paths
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import DataFileError, load_json, load_npz, save_json
from experiments.seeds import numpy_generator
from experiments.settings import SystemSettings, load_system
from pita.metrics.scores import SampleSet, Score, cheap_scores, geometric_score


@dataclass(frozen=True)
class EvaluationSettings:
    """Size of both sets, resamples of the standard errors, and the energy (kT) of an overlap.

    `seed` draws the subset of the reference, the same for all methods, and the resamples.
    """

    seed: int
    n_samples: int
    n_resamples: int
    n_resamples_geometric: int
    overlap_kt: float


def reduced(x: np.ndarray, system: SystemSettings, *, name: str) -> SampleSet:
    """Return `x` (n, n_atoms, 3) in float64 with its energies in kT; an infinite energy is an error."""
    double = torch.from_numpy(x).double()
    energy = system.target().energy(double) / system.temperatures[-1]
    if count := len(energy) - int(energy.isfinite().sum()):
        raise DataFileError(f"{name}: {count} of {len(energy)} samples have no finite energy")
    return SampleSet(double.numpy(), energy.numpy())


def load_reference(system: str, physics: SystemSettings, settings: EvaluationSettings) -> SampleSet:
    """Return the reference subset, at the target temperature, that every method is judged against."""
    path = paths.reference(system)
    arrays = load_npz(path, {"temperatures": "float64", "x": "float32"})
    if tuple(arrays["temperatures"]) != physics.temperatures:
        raise DataFileError(f"{path}: temperatures: {arrays['temperatures']}, not {physics.temperatures}")
    x = arrays["x"][-1]
    if len(x) < settings.n_samples:
        raise DataFileError(f"{path}: x: {settings.n_samples} samples are needed, the file has {len(x)}")
    rng = numpy_generator(settings.seed, "reference")
    return reduced(x[rng.choice(len(x), settings.n_samples, replace=False)], physics, name=str(path))


def scores_json(scores: Mapping[str, Score]) -> dict[str, dict[str, float]]:
    """Return metrics by name as they are stored."""
    return {name: score._asdict() for name, score in scores.items()}


def run_stage(system: str, method: str, seed: int, *, n_workers: int) -> None:
    """Score one run and write the metrics with its bill."""
    physics = load_system(system)
    settings = load_section(paths.params(system), "evaluate", EvaluationSettings)
    path = paths.samples(system, method, seed)
    x = load_npz(path, {"x": "float32"})["x"]
    if len(x) != settings.n_samples:
        raise DataFileError(f"{path}: x: {settings.n_samples} samples are needed, the file has {len(x)}")
    bill = load_json(path.with_suffix(".json"), keys=("energy_evals", "ess", "counters"))
    sets = reduced(x, physics, name=str(path)), load_reference(system, physics, settings)
    rng = numpy_generator(settings.seed, "bootstrap")
    scores = cheap_scores(*sets, n_resamples=settings.n_resamples, rng=rng)
    scores["geometric_w2"] = geometric_score(
        *sets, n_resamples=settings.n_resamples_geometric, rng=rng, n_workers=n_workers
    )
    overlaps = int(np.count_nonzero(sets[0].reduced_energy > settings.overlap_kt))
    run = {"system": system, "method": method, "seed": seed, "n_samples": len(x)}
    run |= {"metrics": scores_json(scores), "energy_evals": bill["energy_evals"], "ess": bill["ess"]}
    save_json(
        paths.metrics(system, method, seed), run | {"counters": bill["counters"] | {"overlaps": overlaps}}
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    parser.add_argument("method")
    parser.add_argument("seed", type=int)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes")
    arguments = parser.parse_args(argv)
    with reported():
        run_stage(arguments.system, arguments.method, arguments.seed, n_workers=arguments.workers)


if __name__ == "__main__":
    main()
