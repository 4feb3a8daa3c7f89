"""Judge the samples of one run against the reference at the target temperature.

`python -m experiments.evaluate lj13 pita 1` writes the metrics, each with its bootstrap standard error, and
for peptides also averages over the samples alone.
Samples are equally weighted, and none is dropped: an infinite energy is an error, an overlap is counted and
left in, so that a method which makes overlaps has the astronomical energy distance it deserves.
"""

import argparse
import os
from collections.abc import Mapping, Sequence

from experiments import paths
from experiments.errors import reported
from experiments.files import DataFileError, load_json, load_npz, save_json
from experiments.judges import load_judge
from experiments.sample_sets import load_reference, reduced
from experiments.seeds import numpy_generator
from experiments.settings import load_system
from pita.metrics.scores import Score


def scores_json(scores: Mapping[str, Score | None]) -> dict[str, dict[str, float] | None]:
    """Return metrics by name as they are stored, `None` where one is not known."""
    return {name: score and score._asdict() for name, score in scores.items()}


def run_stage(system: str, method: str, seed: int, *, n_workers: int) -> None:
    """Score one run and write the metrics with its bill."""
    physics = load_system(system)
    judge = load_judge(system, physics, n_workers=n_workers)
    settings = judge.settings
    path = paths.samples(system, method, seed)
    x = load_npz(path, {"x": "float32"})["x"]
    if len(x) != settings.n_samples:
        raise DataFileError(f"{path}: x: {settings.n_samples} samples are needed, the file has {len(x)}")
    bill = load_json(path.with_suffix(".json"), keys=("energy_evals", "ess", "counters"))
    samples = reduced(x, physics, rung=-1, name=str(path))
    reference = load_reference(system, physics, n_samples=settings.n_samples, seed=settings.seed)
    scores = judge.scores(samples, reference, rng=numpy_generator(settings.seed, "bootstrap"))
    run = {"system": system, "method": method, "seed": seed, "n_samples": len(x)}
    run |= {"metrics": scores_json(scores), "energy_evals": bill["energy_evals"], "ess": bill["ess"]}
    run["counters"] = bill["counters"] | judge.counters(samples)
    if observables := judge.observables(samples):
        run["observables"] = scores_json(observables)
    save_json(paths.metrics(system, method, seed), run)


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
