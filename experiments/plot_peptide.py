"""Turn stored results of a peptide into the CSV of each figure: `python -m experiments.plot_peptide aldp`.

Every statistic of a figure is computed here; a figure script draws what its CSV says. Energies per rung and
budgets: over seeds; maps and conformations: of one seed, per rung of the first.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from experiments.errors import reported
from experiments.files import load_json
from experiments.paths import ROOT
from experiments.peptide_rows import conformation_rows, energy_rows, ramachandran_rows, tica_rows
from experiments.plot_data import budget, chains, over_seeds, write
from experiments.plot_rows import PITA, PITA_RENOISED, annealing_rows
from experiments.results import DATA_FOLDER

METRIC_UNITS = {"energy_w1": "kT", "torus_w2": "rad", "delta_f_error_kcal": "kcal/mol"}
MAPS = ("temperature", "residues", "tica_edges", "reference")
MAP = ("rama", "tica", "tica_outside")
MAPPED_SEED = 1
CONFORMATIONS = ("elements", "bonds", "basins")


def write_peptide(system: str, *, root: Path) -> None:
    """Write the CSVs of all figures of a peptide."""
    data, rungs = root / DATA_FOLDER, chains(system, "rungs", root=root)
    maps = load_json(data / f"{system}-maps.json", keys=MAPS) | {"methods": mapped(system, root=root)}
    shown = load_json(data / f"{system}-conformations.json", keys=CONFORMATIONS)
    traces = chains(system, "trace", root=root)
    figures = {
        "ramachandran": ramachandran_rows(rungs[min(rungs)], maps),
        "energy": energy_rows(rungs, maps),
        "tica": tica_rows(maps),
        "budget": budget(system, root=root, units=METRIC_UNITS, kinds=(PITA, PITA_RENOISED)),
        "annealing": annealing_rows(traces, temperature="K", length="nm"),
        "conformations": conformation_rows(shown),
    }
    for name, rows in figures.items():
        write(f"{system}_{name}", rows, root=root)


def mapped(system: str, *, root: Path) -> dict[str, dict]:
    """Load the maps of every method that has some, by name."""
    stored = over_seeds(rf"{system}-map-([a-z_]+)-{MAPPED_SEED}\.json", root=root, keys=MAP)
    return {method: entry for (method,), entry in sorted(stored.items())}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    with reported():
        write_peptide(parser.parse_args(argv).system, root=ROOT)


if __name__ == "__main__":
    main()
