"""Stage `reference`: two independent parallel-tempering runs of a system, and how far they have converged.

    python -m experiments.reference lj13

An interrupted stage goes on where it stopped when it is started again.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments import paths
from experiments.config import load_section
from experiments.convergence_report import convergence_report
from experiments.errors import reported
from experiments.files import save_json, save_npz
from experiments.seeds import torch_generator
from experiments.settings import SystemSettings, load_system
from experiments.tempering_run import Sampled, checkpoint_path, resumed_run
from pita.tempering import ParallelTempering

RUNS = ("first", "second")


@dataclasses.dataclass(frozen=True)
class ReferenceSettings:
    """Samples per temperature and run; temperatures between those of the ladder, which help to mix.

    `n_walkers` per temperature; `n_burn_in`, `thin` in moves; `step_size` in reduced time; the lattice start
    in units of r_min; `n_quenched` configurations per run are relaxed at the lowest temperature.
    """

    seed: int
    extra_temperatures: tuple[float, ...]
    n_samples: int
    n_walkers: int
    n_burn_in: int
    thin: int
    n_leapfrog: int
    step_size: float
    spacing: float
    jitter: float
    n_quenched: int

    def __post_init__(self) -> None:
        if self.thin < 2 or self.n_burn_in < self.thin or self.n_burn_in % self.thin:
            raise ValueError(
                f"n_burn_in must be a multiple of thin > 1, got {self.n_burn_in} and {self.thin}"
            )
        if self.n_samples % self.n_walkers:
            raise ValueError(f"n_samples must be a multiple of n_walkers, got {self.n_samples}")

    def tempering(self, ladder: tuple[float, ...]) -> ParallelTempering:
        """Build the settings of one run, which keeps the samples of the ladder."""
        return ParallelTempering(
            temperatures=tuple(sorted({*ladder, *self.extra_temperatures}, reverse=True)),
            n_walkers=self.n_walkers,
            n_moves=self.n_burn_in + self.thin * self.n_samples // self.n_walkers,
            n_burn_in=self.n_burn_in,
            thin=self.thin,
            n_leapfrog=self.n_leapfrog,
            step_size=self.step_size,
            kept_temperatures=ladder,
        )


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
        save_npz(paths.reference(name), reference_arrays(system, runs))
        report = convergence_report(
            system.target(), settings.tempering(system.temperatures), runs, n_quenched=settings.n_quenched
        )
        save_json(paths.DATA / f"{name}-reference.json", {"system": name, **report})
        for run in RUNS:
            checkpoint(run, system, settings).unlink()


def reference_arrays(system: SystemSettings, runs: dict[str, Sampled]) -> dict[str, np.ndarray]:
    """Return samples by temperature, draw by draw with all walkers of a draw together."""
    n_draws, _, n_walkers = runs["first"].x.shape[:3]
    first, second = (
        run.x.swapaxes(0, 1).reshape(run.x.shape[1], -1, *run.x.shape[3:]) for run in runs.values()
    )
    chain = np.tile(np.arange(n_walkers), n_draws)
    return {
        "temperatures": np.array(system.temperatures),
        "x": first,
        "x_second": second,
        "chain": chain,
        "chain_second": chain,
    }


if __name__ == "__main__":
    main()
