"""Stage `reference`: two independent parallel-tempering runs of a system, and how far they have converged.

    python -m experiments.reference lj13

An interrupted stage goes on where it stopped when it is started again.
"""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from experiments import paths
from experiments.config import load_section
from experiments.conformers import Topology
from experiments.convergence_report import convergence_report
from experiments.dynamics_check import dynamics_check
from experiments.errors import reported
from experiments.files import save_json, save_npz
from experiments.reference_data import ReferenceSettings, reference_arrays
from experiments.seeds import torch_generator
from experiments.settings import SystemSettings, load_system, load_topology
from experiments.tempering_run import Sampled, checkpoint_path, resumed_run

RUNS = ("first", "second")


def sample(name: str, system: SystemSettings, settings: ReferenceSettings, *, system_name: str) -> Sampled:
    """Make or continue the run called `name`."""
    target, tempering = system.target(), settings.tempering(system.temperatures)
    generator = torch_generator(settings.seed, f"reference {name}")
    n_walkers = len(tempering.temperatures) * tempering.n_walkers
    start = settings.start.draw(target, n_walkers, generator=generator)
    with tqdm(total=tempering.n_moves, unit="move", desc=f"{system_name} {name} run") as bar:
        return resumed_run(
            target,
            start,
            settings=tempering,
            generator=generator,
            checkpoint=checkpoint(name, system, settings),
            progress=lambda done, _: bar.update(done - bar.n),
        )


def checkpoint(name: str, system: SystemSettings, settings: ReferenceSettings) -> Path:
    """Return the scratch file of a run, named by everything its samples depend on."""
    parameters = {"system": dataclasses.asdict(system), "reference": dataclasses.asdict(settings)}
    return checkpoint_path(paths.SCRATCH, run=name, parameters=parameters)


def reported_runs(
    runs: Mapping[str, Sampled],
    system: SystemSettings,
    settings: ReferenceSettings,
    *,
    topology: Topology | None,
) -> dict:
    """Return how far the runs have converged and, if asked for, how they compare with dynamics."""
    target, tempering = system.target(), settings.tempering(system.temperatures)
    report = convergence_report(target, tempering, runs, n_quenched=settings.n_quenched, topology=topology)
    if settings.dynamics is not None:
        report["dynamics"] = dynamics_check(
            target,
            system.temperatures[0],
            runs,
            start=settings.start,
            settings=settings.dynamics,
            topology=topology,
            generator=torch_generator(settings.seed, "reference dynamics"),
        )
    return report


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    name = parser.parse_args(argv).system
    with reported():
        system = load_system(name)
        settings = load_section(paths.params(name), "reference", ReferenceSettings)
        runs = {run: sample(run, system, settings, system_name=name) for run in RUNS}
        save_npz(paths.reference(name), reference_arrays(system.temperatures, runs))
        report = reported_runs(
            runs, system, settings, topology=load_topology(name) if system.kind == "peptide" else None
        )
        save_json(paths.DATA / f"{name}-reference.json", {"system": name, **report})
        for run in RUNS:
            checkpoint(run, system, settings).unlink()


if __name__ == "__main__":
    main()
