"""Stage: where samples lie at the target temperature, those of the reference or those of one method.

`python -m experiments.maps aldp` writes histograms of phi and psi and of the plane of the two slowest
coordinates of the reference, the subset that the metrics are judged against; `python -m experiments.maps aldp
pita 1` those of one seed of a method, on the same bins, and its energies beside the reference's.
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
from experiments.sample_sets import SampleSet, load_reference, reduced
from experiments.settings import SystemSettings, load_system, load_topology
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


def run_reference(system: str) -> None:
    """Read the reference and write its maps, with the bins of the plane."""
    physics, topology, tica = load_system(system), load_topology(system), _plane(system)
    reference = observe(_judged_by(system, physics), topology, tica)
    edges = plane_edges(reference.tics)
    content = {
        "system": system,
        "temperature": physics.temperatures[-1],
        "residues": residue_labels(topology),
        "tica_edges": edges,
        "reference": maps_of(reference, edges=edges),
    }
    save_json(paths.maps(system), content)


def run_method(system: str, method: str, seed: int) -> None:
    """Read the samples of a method and the reference, and write the method's maps and energies."""
    physics, topology, tica = load_system(system), load_topology(system), _plane(system)
    path = paths.samples(system, method, seed)
    x: np.ndarray = load_npz(path, {"x": "float32"})["x"]
    seen = observe(reduced(x, physics, rung=-1, name=str(path)), topology, tica)
    reference = observe(_judged_by(system, physics), topology, tica)
    content = {"system": system, "method": method, "seed": seed}
    content |= maps_of(seen, edges=plane_edges(reference.tics))
    content |= relative_energies(seen.reduced_energy, reference.reduced_energy)
    save_json(paths.map_of(system, method, seed), content)


def _plane(system: str) -> TicaModel:
    return TicaModel.from_arrays(load_npz(paths.tica(system)))


def _judged_by(system: str, physics: SystemSettings) -> SampleSet:
    """Return the subset of the reference that the metrics are judged against."""
    settings = load_section(paths.system_params(system), "evaluate", PeptideEvaluation)
    return load_reference(system, physics, n_samples=settings.n_samples, seed=settings.seed)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    parser.add_argument("method", nargs="?")
    parser.add_argument("seed", type=int, nargs="?")
    arguments = parser.parse_args(argv)
    if (arguments.method is None) != (arguments.seed is None):
        parser.error("a method needs a seed")
    with reported():
        if arguments.method is None:
            run_reference(arguments.system)
        else:
            run_method(arguments.system, arguments.method, arguments.seed)


if __name__ == "__main__":
    main()
