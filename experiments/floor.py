"""Stage `floor`: every metric between two independent reference runs, which no method can undercut.

python -m experiments.floor lj13
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from experiments import paths
from experiments.config import ConfigError, load_section
from experiments.errors import reported
from experiments.files import DataFileError, load_npz, save_json
from experiments.seeds import numpy_generator
from experiments.settings import SystemSettings, load_system
from pita.metrics.distance import distance_w2
from pita.metrics.energy import energy_w1, energy_w2
from pita.metrics.floor import noise_floor
from pita.metrics.geometric import geometric_w2

Pair = tuple[np.ndarray, np.ndarray]
REFERENCE = {"temperatures": "float64", "x": "float32", "x_second": "float32"}


@dataclass(frozen=True)
class FloorSettings:
    """Samples on either side of a distance; pairs of draws for the cheap metrics and for `geometric_w2`."""

    seed: int
    n_samples: int
    n_repeats: int
    n_repeats_geometric: int


def floor(metric: Callable, pair: Pair, *, name: str, settings: FloorSettings, n_repeats: int) -> dict:
    """Return mean and standard deviation of a metric between draws of the two runs."""
    rng = numpy_generator(settings.seed, f"floor {name}")
    return noise_floor(metric, *pair, n_samples=settings.n_samples, n_repeats=n_repeats, rng=rng)._asdict()


def cheap_floors(x: Pair, energy: Pair, *, temperature: float, settings: FloorSettings) -> dict:
    """Return the floors of the metrics of distances and energies at one temperature, in kT at that one."""
    jobs = {
        "distance_w2": (distance_w2, x),
        "energy_w1": (energy_w1, tuple(e / temperature for e in energy)),
        "energy_w2": (energy_w2, tuple(e / temperature for e in energy)),
    }
    return {
        name: floor(
            metric, pair, name=f"{name} {temperature}", settings=settings, n_repeats=settings.n_repeats
        )
        for name, (metric, pair) in jobs.items()
    }


def floors(system: SystemSettings, reference: dict[str, np.ndarray], settings: FloorSettings) -> dict:
    """Return the floors at the target temperature and, of the cheap metrics, at every temperature."""
    target, per_temperature = system.target(), []
    for rung, temperature in enumerate(tqdm(system.temperatures, unit="temperature", desc="floor")):
        x = (reference["x"][rung], reference["x_second"][rung])
        energy = tuple(target.energy(torch.from_numpy(run)).double().numpy() for run in x)
        cheap = cheap_floors(x, energy, temperature=temperature, settings=settings)
        per_temperature.append({"temperature": temperature, "metrics": cheap})
    geometric = floor(
        geometric_w2,
        x,
        name="geometric_w2",
        settings=settings,
        n_repeats=settings.n_repeats_geometric,
    )
    return {"metrics": cheap | {"geometric_w2": geometric}, "per_temperature": per_temperature}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    name = parser.parse_args(argv).system
    with reported():
        system = load_system(name)
        settings = load_section(paths.params(name), "floor", FloorSettings)
        reference = load_npz(paths.reference(name), REFERENCE)
        check(system, reference, settings, name=name)
        result = floors(system, reference, settings)
        save_json(paths.floor(name), {"system": name, "n_samples": settings.n_samples, **result})


def check(system: SystemSettings, reference: dict, settings: FloorSettings, *, name: str) -> None:
    """Refuse a reference of other temperatures, and more samples than it has."""
    if reference["temperatures"].tolist() != list(system.temperatures):
        raise DataFileError(
            f"{paths.reference(name)}: temperatures: are {reference['temperatures'].tolist()}, "
            f"the system's are {list(system.temperatures)}"
        )
    if settings.n_samples > reference["x"].shape[1]:
        raise ConfigError(
            f"{paths.params(name)}: floor.n_samples: {settings.n_samples} is more than the reference has"
        )


if __name__ == "__main__":
    main()
