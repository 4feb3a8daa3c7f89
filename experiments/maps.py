"""Stage: where the samples of each method lie at the target temperature, beside the reference.

`python -m experiments.maps aldp 1 pita parallel_tempering` writes histograms of phi and psi, of the plane of
the two slowest coordinates, and of energies, of one seed of each method named, for the figures. The reference
is the subset that the metrics are judged against.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from experiments import paths
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import load_npz, save_json
from experiments.histograms import angle_maps, filled_bins, plane_edges, residue_labels
from experiments.judges import PeptideEvaluation
from experiments.rungs import relative_energies
from experiments.sample_sets import load_reference, reduced
from experiments.settings import load_system, load_topology
from pita.metrics.peptide_scores import Observables, observe
from pita.metrics.tica import TicaModel


def maps_of(seen: Observables, *, edges: list[list[float]]) -> dict:
    """Return the filled bins of one set, by the angles of residues and in the plane, and what is outside."""
    tica = filled_bins(seen.tics, edges)
    return {
        "n_samples": len(seen.tics),
        "rama": angle_maps(seen.rama),
        "tica": tica,
        "tica_outside": 1.0 - sum(tica["count"]) / len(seen.tics),
    }


def method_maps(seen: Observables, reference: Observables, *, edges: list[list[float]]) -> dict:
    """Return the maps of a method's samples and their energies beside those of the reference."""
    energies = relative_energies(seen.reduced_energy, reference.reduced_energy)
    return maps_of(seen, edges=edges) | energies


def run_stage(system: str, seed: int, methods: Sequence[str]) -> None:
    """Read the samples of the methods and the reference, and write the maps of all."""
    physics, topology = load_system(system), load_topology(system)
    tica = TicaModel.from_arrays(load_npz(paths.tica(system)))
    settings = load_section(paths.params(system), "evaluate", PeptideEvaluation)
    chosen = load_reference(system, physics, n_samples=settings.n_samples, seed=settings.seed)
    reference = observe(chosen, topology, tica)
    edges = plane_edges(reference.tics)

    def observed(method: str) -> Observables:
        path = paths.samples(system, method, seed)
        x: np.ndarray = load_npz(path, {"x": "float32"})["x"]
        return observe(reduced(x, physics, rung=-1, name=str(path)), topology, tica)

    content = {
        "system": system,
        "seed": seed,
        "temperature": physics.temperatures[-1],
        "residues": residue_labels(topology),
        "tica_edges": edges,
        "reference": maps_of(reference, edges=edges),
        "methods": {method: method_maps(observed(method), reference, edges=edges) for method in methods},
    }
    save_json(paths.DATA / f"{system}-maps.json", content)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    parser.add_argument("seed", type=int)
    parser.add_argument("methods", nargs="+", metavar="method")
    arguments = parser.parse_args(argv)
    with reported():
        run_stage(arguments.system, arguments.seed, arguments.methods)


if __name__ == "__main__":
    main()
