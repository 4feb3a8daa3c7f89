"""Stage: sample every temperature of a ladder from its pinned weights, and compare rung by rung.

`python -m experiments.chain lj13 1` writes the annealing traces, the histograms of energy and distance
beside the reference's, and the distances between them.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from experiments import paths
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import load_npz, save_json
from experiments.ranks import launched_ranks
from experiments.sampling import TrainedLadder, samples_of
from experiments.settings import SystemSettings, load_system
from pita.descent import Descent, DescentSettings
from pita.geometry import pair_distances
from pita.metrics.distance import distance_w2
from pita.metrics.energy import energy_w1, energy_w2

N_BINS = 60
RANGE = (0.0005, 0.9995)  # quantiles of the reference between which histograms are drawn


def main(argv: Sequence[str] | None = None) -> None:
    """Read weights and reference, anneal every rung, write traces and histograms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args(argv)
    with reported(), launched_ranks() as ranks:
        system = load_system(arguments.system)
        settings = load_section(paths.params(arguments.system), "chain", DescentSettings)
        if settings.landing is None:
            raise ValueError(f"{paths.params(arguments.system)}: chain.landing is missing")
        ladder = TrainedLadder.load(arguments.system, arguments.seed, ranks=ranks)
        reference = load_npz(paths.reference(arguments.system), {"x": "float32"})["x"]
        traces, rungs = [], []
        for rung in range(len(system.temperatures) - 1):
            done = ladder.step(rung, settings, name=f"chain-{rung}")
            traces.append(trace_of(done, system.temperatures[rung : rung + 2]))
            rungs.append(compared(samples_of(done).cpu(), reference[rung + 1], system, rung + 1))
        if not ranks.is_first:
            return
        save_json(paths.DATA / f"{arguments.system}-chain-trace-{arguments.seed}.json", {"rungs": traces})
        save_json(paths.DATA / f"{arguments.system}-chain-rungs-{arguments.seed}.json", {"rungs": rungs})


def trace_of(done: Descent, temperatures: Sequence[float]) -> dict:
    """Return the trace of an annealing between two temperatures as it is stored."""
    trace = {name: values.tolist() for name, values in done.annealed.trace._asdict().items()}
    hot, cold = temperatures
    return trace | {
        "temperature_from": hot,
        "temperature_to": cold,
        "n_particles": len(done.annealed.origins),
        "landing_ess_fraction": done.landed.ess_fraction,
        "landed_ancestors": done.landed.n_unique_ancestors,
    }


def compared(x: torch.Tensor, reference: np.ndarray, system: SystemSettings, rung: int) -> dict:
    """Return histograms and distances of samples x (n, n_atoms, 3) and as many of the reference."""
    target, temperature = system.target(), system.temperatures[rung]
    same = torch.from_numpy(reference[: len(x)])
    energies = [target.energy(each.double()).numpy() for each in (x, same)]
    distances = [pair_distances(each.double()).flatten().numpy() for each in (x, same)]
    reduced = [energy / temperature for energy in energies]
    return {
        "temperature": temperature,
        "n_samples": len(x),
        "metrics": {
            "distance_w2": distance_w2(x.double().numpy(), same.double().numpy()),
            "energy_w1": energy_w1(*reduced),
            "energy_w2": energy_w2(*reduced),
        },
        **histograms("energy", *energies),
        **histograms("distance", *distances),
    }


def histograms(name: str, ours: np.ndarray, reference: np.ndarray) -> dict[str, list[float]]:
    """Return densities per unit on common bins; what lies outside them counts in the normalisation."""
    low, high = np.quantile(reference, RANGE)
    edges = np.linspace(low, high, N_BINS + 1)

    def density(values: np.ndarray) -> list[float]:
        return (np.histogram(values, edges)[0] / (len(values) * np.diff(edges))).tolist()

    return {
        f"{name}_edges": edges.tolist(),
        f"{name}_density": density(ours),
        f"{name}_density_reference": density(reference),
    }


if __name__ == "__main__":
    main()
