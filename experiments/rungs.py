"""What samples of one temperature of a ladder look like beside the reference's at the same temperature."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from experiments.histograms import angle_maps, densities, residue_labels
from experiments.settings import SystemSettings
from pita.geometry import pair_distances
from pita.metrics.dihedrals import dihedrals, residue_pairs
from pita.metrics.distance import distance_w2
from pita.metrics.energy import energy_w1, energy_w2
from pita.metrics.ramachandran import rama_tv
from pita.metrics.structure import wrong_chirality_fraction
from pita.metrics.torus import torus_w2

Topology = Mapping[str, np.ndarray]
N_TRANSPORT = 2048  # samples on either side of an optimal transport
ENERGY_MARGIN = 0.25  # peptides: bins on either side of the reference's, for what only samples reach


def compared(
    x: torch.Tensor,
    reference: torch.Tensor,
    system: SystemSettings,
    *,
    rung: int,
    topology: Topology | None,
) -> dict:
    """Return histograms and distances of samples x (n, n_atoms, 3) and as many of the reference.

    Energies are in the unit of the target; those of a peptide in kT less the mean of the reference.
    """
    target = replace(system, compiled=False).target()  # compiling takes longer than the energies
    temperature = system.temperatures[rung]
    same = reference[: len(x)]
    energies = [target.energy(each.double()).numpy() for each in (x, same)]
    distances = [pair_distances(each.double()).flatten().numpy() for each in (x, same)]
    reduced = [energy / temperature for energy in energies]
    configurations = [each.double().numpy() for each in (x, same)]
    entry = {
        "temperature": temperature,
        "n_samples": len(x),
        "metrics": {
            "distance_w2": distance_w2(*configurations),
            "energy_w1": energy_w1(*reduced),
            "energy_w2": energy_w2(*reduced),
        },
        **densities("distance", *distances),
    }
    if topology is None:
        return entry | densities("energy", *energies)
    metrics, maps = backbone(*configurations, topology)
    return entry | relative_energies(*reduced) | maps | {"metrics": entry["metrics"] | metrics}


def relative_energies(ours: np.ndarray, reference: np.ndarray) -> dict:
    """Return histograms of reduced energies (n,), (m,) in kT less `reduced_energy_zero`, the reference mean.

    `reduced_energy_outside` is the share of ours beyond the bins.
    """
    zero = float(np.mean(reference))
    entry = densities("reduced_energy", ours - zero, reference - zero, margin=ENERGY_MARGIN)
    low, high = entry["reduced_energy_edges"][0], entry["reduced_energy_edges"][-1]
    outside = float(np.mean((ours - zero < low) | (ours - zero > high)))
    return entry | {"reduced_energy_zero": zero, "reduced_energy_outside": outside}


def backbone(x: np.ndarray, reference: np.ndarray, topology: Topology) -> tuple[dict, dict]:
    """Return metrics and maps of phi and psi of x (n, n_atoms, 3) and reference (m, n_atoms, 3), nm."""
    quads = np.concatenate([topology["phi"], topology["psi"]])
    torsions = [dihedrals(each, quads) for each in (x, reference)]
    places = residue_pairs(topology["phi"], topology["psi"]) + [0, len(topology["phi"])]
    ours, theirs = (angles[:, places] for angles in torsions)
    metrics = {
        "rama_tv": rama_tv(ours, theirs),
        "torus_w2": torus_w2(*(angles[:N_TRANSPORT] for angles in torsions)),
        "wrong_chirality": wrong_chirality_fraction(x, topology["chiral"]),
    }
    maps = {
        "residues": residue_labels(topology),
        "rama": angle_maps(ours),
        "rama_reference": angle_maps(theirs),
    }
    return metrics, maps
