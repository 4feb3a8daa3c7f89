"""Stage `floor`: every metric between two independent reference runs, which no method can undercut.

python -m experiments.floor lj13
"""

import argparse
from collections.abc import Sequence

from experiments import paths
from experiments.config import ConfigError
from experiments.errors import reported
from experiments.files import DataFileError, load_npz, save_json
from experiments.noise_floors import FloorSettings, load_floors
from experiments.settings import SystemSettings, load_system

REFERENCE = {"temperatures": "float64", "x": "float32", "x_second": "float32"}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    name = parser.parse_args(argv).system
    with reported():
        system = load_system(name)
        floors = load_floors(name, system)
        reference = load_npz(paths.reference(name), REFERENCE)
        check(system, reference, floors.settings, name=name)
        result = floors.between(system, reference)
        save_json(paths.floor(name), {"system": name, "n_samples": floors.settings.n_samples, **result})


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
