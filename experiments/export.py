"""Write samples as a trajectory that molecular viewers read, through mdtraj.

python -m experiments.export aldp pita 1 --format xtc
python -m experiments.export aldp --reference --temperature 1200 --format pdb

The file lies in experiments/samples/; its topology is experiments/systems/<system>.pdb, and a .pdb file has
its own. Frames are the samples in the order of their file; they are no dynamics. Precision: xtc 0.001 nm,
pdb 0.0001 nm, dcd float32.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import mdtraj
import numpy as np

from experiments import paths
from experiments.errors import reported
from experiments.files import DataFileError, load_npz
from experiments.settings import load_topology, read_system

FORMATS = ("xtc", "dcd", "pdb")


def molecule(system: str) -> mdtraj.Topology:
    """Return the topology of the PDB file, which must have the atoms of the system file in their order."""
    if read_system(system).kind != "peptide":
        raise ValueError(f"{system}: only peptides are molecules, got {read_system(system).kind}")
    path, names = paths.structure(system), load_topology(system)["atom_names"].tolist()
    if not path.is_file():
        raise DataFileError(f"{path}: no such file")
    topology = mdtraj.load_topology(str(path), standard_names=False)
    if (found := [atom.name for atom in topology.atoms]) != names:
        raise DataFileError(
            f"{path}: has the atoms {' '.join(found)}, {paths.system(system)} has {' '.join(names)}"
        )
    return topology


def sampled(system: str, method: str, seed: int) -> np.ndarray:
    """Return the samples of a run, (n, n_atoms, 3), nm."""
    return load_npz(paths.samples(system, method, seed), {"x": "float32"})["x"]


def referenced(system: str, temperature: float | None) -> tuple[np.ndarray, float]:
    """Return reference samples (n, n_atoms, 3), nm, and their temperature, the lowest if none is given."""
    path = paths.reference(system)
    arrays = load_npz(path, {"temperatures": "float64", "x": "float32"})
    temperatures = arrays["temperatures"].tolist()
    wanted = temperatures[-1] if temperature is None else temperature
    if wanted not in temperatures:
        raise DataFileError(f"{path}: has no temperature {wanted}, only {', '.join(map(str, temperatures))}")
    return arrays["x"][temperatures.index(wanted)], wanted


def write_trajectory(path: Path, x: np.ndarray, topology: mdtraj.Topology) -> None:
    """Write x (n, n_atoms, 3), nm, in the format that the suffix of `path` names, whole or not at all."""
    if x.ndim != 3 or x.shape[1] != topology.n_atoms:
        raise ValueError(f"{path}: samples have shape {x.shape}, the molecule has {topology.n_atoms} atoms")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial.{path.name}")  # mdtraj chooses the format by the last suffix
    try:
        mdtraj.Trajectory(x, topology).save(str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    parser.add_argument("method", nargs="?")
    parser.add_argument("seed", nargs="?", type=int)
    parser.add_argument("--reference", action="store_true", help="the reference instead of a method")
    parser.add_argument("--temperature", type=float, help="kelvin, of the reference; the lowest if not given")
    parser.add_argument("--format", choices=FORMATS, default="xtc")
    arguments = parser.parse_args(argv)
    system, method, seed = arguments.system, arguments.method, arguments.seed
    if arguments.reference != (method is None) or (seed is None) != (method is None):
        parser.error("give a method and a seed, or --reference")
    if arguments.temperature is not None and not arguments.reference:
        parser.error("--temperature belongs to --reference")
    with reported():
        topology = molecule(system)
        if arguments.reference:
            x, temperature = referenced(system, arguments.temperature)
            method, seed = "reference", f"{temperature:g}K"
        else:
            x = sampled(system, method, seed)
        path = paths.samples(system, method, seed).with_suffix(f".{arguments.format}")
        write_trajectory(path, x, topology)
        print(path)


if __name__ == "__main__":
    main()
