"""Metrics of a classical method against the energy evaluations it may spend.

`python -m experiments.budget lj13 parallel_tempering 1` runs the method anew at every budget of the curve.
Metrics whose cost is that of many budgets, Geometric-W2 and those of the slow coordinates, are left out.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm

from experiments import paths
from experiments.classical import RUNS, BaselineSettings, run_classical
from experiments.config import load_section
from experiments.errors import reported
from experiments.evaluate import scores_json
from experiments.files import save_json
from experiments.judges import load_judge
from experiments.sample_sets import load_reference, reduced
from experiments.seeds import numpy_generator, torch_generator
from experiments.settings import load_system


@dataclass(frozen=True)
class BudgetSettings:
    """Budgets of the curve, in energy evaluations."""

    n_energy_evals: tuple[int, ...]


def run_stage(system: str, method: str, seed: int) -> None:
    """Run `method` at every budget and write the curve."""
    physics = load_system(system)
    baseline = load_section(paths.params(system), "baseline", BaselineSettings)
    judge = load_judge(system, physics)
    budgets = load_section(paths.params(system), "budget", BudgetSettings).n_energy_evals
    evaluation = judge.settings
    reference = load_reference(system, physics, n_samples=evaluation.n_samples, seed=evaluation.seed)
    points = []
    for budget in (progress := tqdm(budgets, desc=f"{method} {seed}", unit="run")):
        progress.set_postfix(energy_evals=budget)
        result = run_classical(
            method,
            system=physics,
            settings=baseline,
            n_energy_evals=budget,
            generator=torch_generator(seed, f"{method} {budget}"),
        )
        name = f"{method} at {budget} evaluations"
        scores = judge.quick_scores(
            reduced(result.x.float().numpy(), physics, rung=-1, name=name),
            reference,
            rng=numpy_generator(evaluation.seed, "bootstrap"),
        )
        points.append({"energy_evals": result.energy_evals["total"], "metrics": scores_json(scores)})
    curve = {"system": system, "method": method, "seed": seed, "n_samples": baseline.n_samples}
    save_json(paths.budget(system, method, seed), curve | {"points": points})


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    parser.add_argument("method", choices=RUNS)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args(argv)
    with reported():
        run_stage(arguments.system, arguments.method, arguments.seed)


if __name__ == "__main__":
    main()
