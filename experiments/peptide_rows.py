"""Rows of the CSVs of a peptide's figures, from results already read; a column's unit stands in brackets.

Free energies are -ln(count / largest count) of the bins of one set, in kT at its temperature; a bin that
holds no sample has no row.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from experiments.histograms import angle_edges
from experiments.plot_rows import PITA, Rows, histogram_columns

Edges = Sequence[Sequence[float]]


def ramachandran_rows(rungs: Sequence[Mapping], maps: Mapping) -> Rows:
    """Free energy by phi and psi: reference and PITA at every rung, other methods at the last."""
    rows: Rows = []
    for rung in rungs:
        for method, angle_maps in (("reference", rung["rama_reference"]), (PITA, rung["rama"])):
            rows += angle_rows(method, rung["temperature"], rung["residues"], angle_maps)
    for method, entry in maps["methods"].items():
        if method != PITA:
            rows += angle_rows(method, maps["temperature"], maps["residues"], entry["rama"])
    return rows


def angle_rows(
    method: str, temperature: float, residues: Sequence[str], angle_maps: Sequence[Mapping]
) -> Iterator[dict[str, object]]:
    """Free energy by phi and psi of one set, one residue after the other."""
    for residue, stored in zip(residues, angle_maps, strict=True):
        for cell in bin_columns(stored, angle_edges(), names=("phi", "psi"), unit="degree"):
            yield {"method": method, "temperature [K]": temperature, "residue": residue} | cell


def tica_rows(maps: Mapping) -> Rows:
    """Free energy in the plane of the slow coordinates of reference and methods, and what is outside."""
    sets = {"reference": maps["reference"]} | maps["methods"]
    return [
        {"method": method, "outside_fraction [1]": entry["tica_outside"]} | cell
        for method, entry in sets.items()
        for cell in bin_columns(entry["tica"], maps["tica_edges"], names=("tic_1", "tic_2"), unit="1")
    ]


def bin_columns(
    stored: Mapping[str, Sequence[int]], edges: Edges, *, names: tuple[str, str], unit: str
) -> Iterator[dict[str, object]]:
    """Edges and free energy of the bins that hold samples."""
    largest = max(stored["count"])
    for i, j, count in zip(stored["i"], stored["j"], stored["count"], strict=True):
        row: dict[str, object] = {}
        for name, axis, place in zip(names, edges, (i, j), strict=True):
            row |= {f"{name}_left [{unit}]": axis[place], f"{name}_right [{unit}]": axis[place + 1]}
        yield row | {"free_energy [kT]": math.log(largest / count)}


def energy_rows(seeds: Mapping[int, Sequence[Mapping]], maps: Mapping) -> Rows:
    """Densities of energies in kT less the reference mean at the same temperature, beside the reference.

    PITA at every rung, mean and range over seeds; the other methods at the target temperature, of one seed.
    """
    rows: Rows = []
    for rungs in zip(*seeds.values(), strict=True):
        rows += density_rows(PITA, rungs[0]["temperature"], rungs)
    for method, entry in maps["methods"].items():
        if method != PITA:
            rows += density_rows(method, maps["temperature"], [entry | {"temperature": maps["temperature"]}])
    return rows


def density_rows(method: str, temperature: float, entries: Sequence[Mapping]) -> Rows:
    """Energy histogram of one method at one temperature, from one entry per seed."""
    outside = sum(entry["reduced_energy_outside"] for entry in entries) / len(entries)
    first = {"method": method, "temperature [K]": temperature, "outside_fraction [1]": outside}
    columns = histogram_columns(entries, "reduced_energy", "kT")
    return [
        first | dict(zip(columns, map(float, values), strict=True))
        for values in zip(*columns.values(), strict=True)
    ]


def conformation_rows(shown: Mapping) -> Rows:
    """One row per bond of every conformation, with elements and positions of both its atoms."""
    rows: Rows = []
    for entry in shown["basins"]:
        for number, x in enumerate(entry["x"]):
            for bond in shown["bonds"]:
                row = {"basin": entry["basin"], "population [1]": entry["fraction"], "conformation": number}
                for end, atom in zip(("first", "second"), bond, strict=True):
                    row[f"element_{end}"] = shown["elements"][atom]
                    row |= {f"{c}_{end} [nm]": x[atom][k] for k, c in enumerate("xyz")}
                rows.append(row)
    return rows
