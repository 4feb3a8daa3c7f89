"""Proves the TICA plane against a Markov chain with a known time scale and an eigenproblem by hand."""

from dataclasses import fields

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from pita.metrics.dihedrals import dihedrals
from pita.metrics.tica import TicaModel, feature_atoms, project, tica_features, tica_w1, tica_w2
from pita.metrics.tica_fit import fit_tica
from tests.backbone_cases import TOPOLOGY, switching_chains

FLIP, LAG = 0.01, 10


@pytest.fixture(scope="module")
def chains():
    return switching_chains(100, 400, rng=np.random.default_rng(1), flip=FLIP)


@pytest.fixture(scope="module")
def model(chains):
    return fit_tica(chains, TOPOLOGY, lag=LAG)


def by_hand(chains, *, lag):
    """Eigenvalues and kinetic-map vectors of C(lag) u = lambda C(0) u, variances below 1e-6 left out."""
    atoms, quads = feature_atoms(TOPOLOGY)
    features = np.stack([tica_features(chain, atoms=atoms, quads=quads) for chain in chains])
    early, late = (part.reshape(-1, features.shape[-1]) for part in (features[:, :-lag], features[:, lag:]))
    mean = 0.5 * (early.mean(axis=0) + late.mean(axis=0))
    early, late = early - mean, late - mean
    instant = (early.T @ early + late.T @ late) / (2 * len(early))
    lagged = (early.T @ late + late.T @ early) / (2 * len(early))
    variances, directions = np.linalg.eigh(instant)
    kept = directions[:, variances > 1e-6]
    values, vectors = eigh(kept.T @ lagged @ kept, kept.T @ instant @ kept)
    return mean, values[::-1], (kept @ vectors)[:, ::-1] * values[::-1]


def test_model_solves_the_eigenproblem_by_hand(chains, model):
    mean, values, vectors = by_hand(chains, lag=LAG)
    assert model.mean == pytest.approx(mean)
    assert model.eigenvalues == pytest.approx(values[:2], abs=1e-8)
    slow = vectors[:, 0] * np.sign(vectors[:, 0] @ model.components[:, 0])
    assert model.components[:, 0] == pytest.approx(slow, rel=1e-5, abs=1e-7)


def test_slowest_coordinate_is_the_jump_with_its_time_scale_and_shuffled_frames_have_none(chains, model):
    assert model.timescales()[0] == pytest.approx(-1.0 / np.log(1.0 - 2.0 * FLIP), rel=0.15)
    assert model.eigenvalues[1] < 0.1
    sign = np.sign(dihedrals(chains[0], TOPOLOGY["phi"])[:, 0])
    assert abs(np.corrcoef(project(model, chains[0])[:, 0], sign)[0, 1]) > 0.97
    shuffled = np.random.default_rng(2).permutation(chains.reshape(-1, 6, 3)).reshape(chains.shape)
    assert fit_tica(shuffled, TOPOLOGY, lag=LAG).eigenvalues[0] < 0.1


def test_the_kinetic_map_scales_variance_to_the_squared_eigenvalue(chains, model):
    y = project(model, chains.reshape(-1, 6, 3))
    assert np.cov(y.T) == pytest.approx(np.diag(model.eigenvalues**2), abs=0.02)


def test_features_leave_oxygen_out_and_are_distances_then_sines_and_cosines(chains):
    oxygen = TOPOLOGY | {"elements": np.array(["C", "N", "C", "C", "N", "O"])}
    atoms, quads = feature_atoms(oxygen)
    assert atoms.tolist() == [0, 1, 2, 3, 4] and quads.tolist() == [[0, 1, 2, 3], [1, 2, 3, 4]]
    features = tica_features(chains[0], atoms=atoms, quads=quads)
    assert features.shape == (400, 10 + 4)
    assert features[:, 3] == pytest.approx(np.linalg.norm(chains[0, :, 0] - chains[0, :, 4], axis=-1))
    assert features[:, 10:12] ** 2 + features[:, 12:] ** 2 == pytest.approx(1.0)


def test_projection_ignores_rotation_and_sees_the_mirror(chains, model):
    x = chains[0]
    turn = Rotation.from_rotvec([0.4, 1.1, -0.7]).as_matrix()
    assert project(model, x @ turn + 1.0) == pytest.approx(project(model, x), abs=1e-9)
    assert np.abs(project(model, -x) - project(model, x)).max() > 1.0


def test_a_model_survives_its_arrays(model):
    arrays = model.to_arrays()
    assert all(name.startswith("tica_") and not array.dtype.hasobject for name, array in arrays.items())
    again = TicaModel.from_arrays(arrays | {"x": np.zeros(3)})
    assert all(np.array_equal(getattr(again, f.name), getattr(model, f.name)) for f in fields(model))


def test_distances_are_those_of_the_best_assignment():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(40, 2)), 2.0 * rng.normal(size=(40, 2)) + 1.0
    distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
    w1 = distance[linear_sum_assignment(distance)].mean()
    squared = (distance**2)[linear_sum_assignment(distance**2)].mean()
    assert tica_w1(a, b) == pytest.approx(w1, rel=1e-9)
    assert tica_w2(a, b) == pytest.approx(np.sqrt(squared), rel=1e-9)
    assert abs(squared - np.sqrt(squared)) > 0.3  # not rooted
    assert tica_w2(a, b) > 1.02 * tica_w1(a, b)
    assert tica_w1(a, a + [0.3, 0.4]) == pytest.approx(0.5) == pytest.approx(tica_w2(a, a + [0.3, 0.4]))


@pytest.mark.parametrize("lag", [0, 400])
def test_a_lag_outside_the_chains_raises(chains, lag):
    with pytest.raises(ValueError, match=f"lag must be between 1 and 399 frames, got {lag}"):
        fit_tica(chains, TOPOLOGY, lag=lag)


def test_wrong_shapes_and_nan_raise(chains):
    with pytest.raises(ValueError, match="trajectories must have shape"):
        fit_tica(chains[0], TOPOLOGY, lag=1)
    with pytest.raises(ValueError, match="projections must have shape"):
        tica_w1(np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="projections holds 1 NaN"):
        tica_w2(np.array([[np.nan, 0.0]]), np.zeros((3, 2)))
