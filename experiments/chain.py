"""Stage: sample every temperature of a ladder from its pinned weights, and compare rung by rung.

`python -m experiments.chain lj13 1` writes the annealing traces, the histograms of energy and distance
beside the reference's, and the distances between them; of a peptide the angles phi and psi besides.
"""

import argparse
from collections.abc import Sequence

import torch

from experiments import paths
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import load_npz, save_json
from experiments.ranks import launched_ranks
from experiments.rungs import compared
from experiments.sampling import TrainedLadder, samples_of
from experiments.settings import load_system, load_topology
from pita.descent import Descent, DescentSettings


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
        topology = load_topology(arguments.system) if system.kind == "peptide" else None
        traces, rungs = [], []
        for rung in range(len(system.temperatures) - 1):
            done = ladder.step(rung, settings, name=f"chain-{rung}")
            traces.append(trace_of(done, system.temperatures[rung : rung + 2]))
            sets = samples_of(done).cpu(), torch.from_numpy(reference[rung + 1])
            rungs.append(compared(*sets, system, rung=rung + 1, topology=topology))
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


if __name__ == "__main__":
    main()
