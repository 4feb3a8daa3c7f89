"""Samples of a classical method at the budget of the table.

`python -m experiments.baseline lj13 parallel_tempering 1` writes the samples and their bill.
"""

import argparse
from collections.abc import Sequence

from experiments import paths
from experiments.classical import RUNS, BaselineSettings, run_classical
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import save_json, save_npz
from experiments.seeds import torch_generator
from experiments.settings import load_system


def run_stage(system: str, method: str, seed: int) -> None:
    """Run `method` and write its samples (n_samples, n_atoms, 3) float32 with the bill beside them."""
    settings = load_section(paths.params(system), "baseline", BaselineSettings)
    result = run_classical(
        method,
        system=load_system(system),
        settings=settings,
        n_energy_evals=settings.n_energy_evals,
        generator=torch_generator(seed, method),
    )
    path = paths.samples(system, method, seed)
    save_npz(path, {"x": result.x.float().numpy()})
    bill = {"energy_evals": result.energy_evals, "ess": result.ess, "counters": result.counters}
    save_json(path.with_suffix(".json"), bill)


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
