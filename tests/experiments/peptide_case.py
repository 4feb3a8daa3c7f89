"""Alanine dipeptide in a repository of its own, with configurations whose backbone angles are known."""

import shutil
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from experiments import paths
from experiments.files import load_npz, save_npz
from pita.metrics.dihedrals import dihedrals

SYSTEM_FILE = Path(__file__).parents[2] / "experiments/systems/aldp.npz"
# Atoms that turn with an angle: those behind CA, and those behind C.
BEHIND = {"phi": np.arange(9, 22), "psi": np.array([11, *range(16, 22)])}
N = 64
PARAMETERS = """
[system]
kind = "peptide"
residues = ["ACE", "ALA", "NME"]
temperatures = [600.0, 300.0]
compiled = false

[tica]
lag = 5

[evaluate]
seed = 1
n_samples = 64
n_resamples = 10
n_resamples_transport = 4
overlap_kt = 1000.0
bond_tolerance = 0.03

[floor]
seed = 1
n_samples = {n_floor}
n_repeats = 6
n_repeats_transport = 4
"""


def topology():
    return load_npz(SYSTEM_FILE)


def turned(phi, psi, *, rng):
    """Configurations (n, 22, 3), nm, float32: the minimised structure with its angles moved to phi, psi (n,).

    Every coordinate is then displaced by 0.001 nm.
    """
    arrays = topology()
    x = np.tile(arrays["positions"], (len(phi), 1, 1))
    for name, angle in (("phi", phi), ("psi", psi)):
        _, start, end, _ = arrays[name][0]
        axis = x[:, end] - x[:, start]
        axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
        turn = Rotation.from_rotvec((angle - dihedrals(x, arrays[name])[:, 0])[:, None] * axis)
        for atom in BEHIND[name]:
            x[:, atom] = x[:, end] + turn.apply(x[:, atom] - x[:, end])
    return (x + 0.001 * rng.normal(size=x.shape)).astype(np.float32)


def basins(n, *, seed, positive=0.25):
    """Configurations as of `turned`, exactly a share `positive` of them with phi > 0, in random order."""
    rng = np.random.default_rng(seed)
    phi = np.where(rng.permutation(n) < round(positive * n), 1.0, -1.5) + 0.1 * rng.normal(size=n)
    return turned(phi, 2.5 + 0.2 * rng.normal(size=n), rng=rng)


def switching(n_chains, n_frames, *, seed, flip=0.05):
    """Chains (n_chains, n_frames, 22, 3) in which phi jumps between the basins with chance `flip` a frame."""
    rng = np.random.default_rng(seed)
    jumps = np.cumsum(rng.random((n_chains, n_frames)) < flip, axis=1) + rng.integers(2, size=(n_chains, 1))
    phi = np.where(jumps % 2, 1.0, -1.5).ravel() + 0.1 * rng.normal(size=jumps.size)
    x = turned(phi, 2.5 + 0.2 * rng.normal(size=jumps.size), rng=rng)
    return x.reshape(n_chains, n_frames, *x.shape[1:])


def repository(root, patch, *, n_floor=N):
    """Make `root` the repository, with parameters, the system file and time-ordered chains."""
    patch.setattr(paths, "ROOT", root)
    patch.setattr(paths, "DATA", root / "figures/data")
    paths.params("aldp").parent.mkdir(parents=True, exist_ok=True)
    paths.params("aldp").write_text(PARAMETERS.format(n_floor=n_floor))
    paths.system("aldp").parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(SYSTEM_FILE, paths.system("aldp"))
    save_npz(paths.chains("aldp"), {"x": switching(20, 60, seed=1)})


def save_reference(first, second):
    """Store the same configurations (n, 22, 3) of either run at both temperatures."""
    runs = {"x": first, "x_second": second}
    arrays = {name: np.stack([run, run]) for name, run in runs.items()}
    save_npz(paths.reference("aldp"), {"temperatures": np.array([600.0, 300.0]), **arrays})
