"""Stage `reference`: two independent parallel-tempering runs of a system, and how far they have converged.

    python -m experiments.reference lj13

An interrupted stage goes on where it stopped when it is started again.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from experiments import paths
from experiments.config import load_section
from experiments.convergence_report import convergence_report
from experiments.errors import reported
from experiments.files import save_json, save_npz
from experiments.reference_data import ReferenceSettings, reference_arrays
from experiments.seeds import torch_generator
from experiments.settings import SystemSettings, load_system
from experiments.tempering_run import Sampled, checkpoint_path, resumed_run

RUNS = ("first", "second")


def sample(name: str, system: SystemSettings, settings: ReferenceSettings, *, system_name: str) -> Sampled:
    """Make or continue the run called `name`."""
    target, tempering = system.target(), settings.tempering(system.temperatures)
    generator = torch_generator(settings.seed, f"reference {name}")
    start = target.initial_lattice(
        len(tempering.temperatures) * tempering.n_walkers,
        spacing=settings.spacing,
        jitter=settings.jitter,
        generator=generator,
    )
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


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    name = parser.parse_args(argv).system
    with reported():
        system = load_system(name)
        settings = load_section(paths.params(name), "reference", ReferenceSettings)
        runs = {run: sample(run, system, settings, system_name=name) for run in RUNS}
        save_npz(paths.reference(name), reference_arrays(system.temperatures, runs))
        report = convergence_report(
            system.target(), settings.tempering(system.temperatures), runs, n_quenched=settings.n_quenched
        )
        save_json(paths.DATA / f"{name}-reference.json", {"system": name, **report})
        for run in RUNS:
            checkpoint(run, system, settings).unlink()


if __name__ == "__main__":
    main()
