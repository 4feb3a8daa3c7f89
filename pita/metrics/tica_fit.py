"""Estimation of the TICA plane from time-ordered trajectories in equilibrium (deeptime, reversible).

Estimated apart from its use, so that judging samples needs no trajectories and no deeptime.
"""

from collections.abc import Mapping

import numpy as np
from deeptime.decomposition import TICA
from numpy.typing import ArrayLike, NDArray

from pita.metrics.tica import TicaModel, feature_atoms, tica_features


def fit_tica(trajectories: ArrayLike, topology: Mapping[str, NDArray], *, lag: int) -> TicaModel:
    """Return the two slowest linear combinations of the features of `tica`.

    trajectories: (n_chains, n_frames, n_atoms, 3), nm, frames in the order of time and equally spaced, pairs
    a frame and the one `lag` frames later in the same chain; topology: as in `feature_atoms`. Solves
    C(lag) u = lambda C(0) u with covariances symmetrised in time, which is right for chains in equilibrium:
    the field's Koopman reweighting, for chains that are not, is off. Directions of a feature variance below
    1e-6 (nm^2 for distances) are dropped, as deeptime does by default and the field's code with it.
    """
    chains = np.asarray(trajectories)
    if chains.ndim != 4:
        raise ValueError(f"trajectories must have shape (n_chains, n_frames, n_atoms, 3), got {chains.shape}")
    if not 0 < lag < chains.shape[1]:
        raise ValueError(f"lag must be between 1 and {chains.shape[1] - 1} frames, got {lag}")
    atoms, quads = feature_atoms(topology)
    covariances = TICA.covariance_estimator(lagtime=lag)
    for chain in chains:
        features = tica_features(chain, atoms=atoms, quads=quads)
        covariances.partial_fit((features[:-lag], features[lag:]))
    found = TICA(lagtime=lag, scaling="kinetic_map").fit_from_covariances(covariances).fetch_model()
    return TicaModel(
        atoms=atoms,
        quads=quads,
        mean=found.mean_0,
        components=found.singular_vectors_left[:, :2],
        eigenvalues=found.singular_values[:2],
        lag=lag,
    )
