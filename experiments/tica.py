"""Stage `tica`: the plane of the slowest coordinates of a peptide, from dynamics at the target temperature.

    python -m experiments.tica aldp

Fitted once per system and pinned: distances in the plane have its unit.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from experiments import paths
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import load_npz, save_npz
from experiments.settings import load_topology
from pita.metrics.tica_fit import fit_tica


@dataclass(frozen=True)
class TicaSettings:
    """`lag` in frames of the stage `chains`, whose `interval` is the number of steps between two."""

    lag: int


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    system = parser.parse_args(argv).system
    with reported():
        settings = load_section(paths.params(system), "tica", TicaSettings)
        chains = load_npz(paths.chains(system), {"x": "float32"})["x"]
        model = fit_tica(chains, load_topology(system), lag=settings.lag)
        save_npz(paths.tica(system), model.to_arrays())
        print(f"{system}: implied timescales {model.timescales().round(1).tolist()} frames")


if __name__ == "__main__":
    main()
