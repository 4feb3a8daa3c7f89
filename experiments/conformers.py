"""Conformers of peptides in independent chains: how often phi is positive, how often a stereocentre inverts.

L-residues rarely have phi > 0, behind the highest barrier of a short peptide: its share tells whether runs
agree. Standard errors come from the spread over chains.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from pita.convergence import split_r_hat
from pita.metrics.dihedrals import dihedrals
from pita.metrics.structure import wrong_chirality_fraction

Topology = Mapping[str, np.ndarray]


class ChainMean(NamedTuple):
    """A mean over chains with its standard error."""

    value: float
    se: float


def chain_mean(values: np.ndarray) -> ChainMean:
    """Mean of `values` (n_draws, n_chains) and its standard error, chains being independent."""
    means = values.mean(axis=0, dtype=np.float64)
    return ChainMean(float(means.mean()), float(means.std(ddof=1) / len(means) ** 0.5))


def difference_in_se(first: ChainMean, second: ChainMean) -> float | None:
    """Difference of two independent means in standard errors, None where neither has any."""
    error = float(np.hypot(first.se, second.se))
    return (first.value - second.value) / error if error else None


def phi_angles(x: np.ndarray, topology: Topology) -> np.ndarray:
    """Angles phi of x (n_draws, n_chains, n_atoms, 3) -> (n_angles, n_draws, n_chains), radians."""
    angles = dihedrals(x.reshape(-1, *x.shape[2:]), topology["phi"])
    return angles.T.reshape(-1, *x.shape[:2])


def conformer_agreement(draws: Mapping[str, np.ndarray], topology: Topology) -> dict:
    """Compare phi > 0 and handedness of two runs, by name; draws (n_draws, n_chains, n_atoms, 3)."""
    angles = {name: phi_angles(x, topology) for name, x in draws.items()}
    return {
        "phi_positive": [
            _angle_agreement(dict(zip(angles, each, strict=True)))
            for each in zip(*angles.values(), strict=True)
        ],
        "wrong_chirality": {
            name: wrong_chirality_fraction(x.reshape(-1, *x.shape[2:]), topology["chiral"])
            for name, x in draws.items()
        },
    }


def _angle_agreement(angles: Mapping[str, np.ndarray]) -> dict:
    """Compare one angle (n_draws, n_chains) of two runs."""
    shares = {name: chain_mean(phi > 0) for name, phi in angles.items()}
    sine = np.concatenate([np.sin(phi).T for phi in angles.values()])
    return {
        "fraction": {name: share.value for name, share in shares.items()},
        "fraction_se": {name: share.se for name, share in shares.items()},
        "difference_in_se": difference_in_se(*shares.values()),
        "split_r_hat_sine": split_r_hat(torch.from_numpy(sine)),
    }
