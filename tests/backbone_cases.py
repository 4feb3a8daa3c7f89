"""A peptide backbone with known angles: atoms placed one by one from lengths, angles and dihedrals."""

import numpy as np

from pita.metrics.scores import SampleSet

# C N CA C N CB of an acetylated residue; CB stands 120 degrees behind C as the sequence of N-C bonds is seen.
TOPOLOGY = {
    "elements": np.array(["C", "N", "C", "C", "N", "C"]),
    "phi": np.array([[0, 1, 2, 3]]),
    "psi": np.array([[1, 2, 3, 4]]),
    "omega": np.empty((0, 4), dtype=np.int64),
    "chiral": np.array([[2, 1, 3, 5]]),
    "bonds": np.array([[0, 1], [1, 2], [2, 3], [3, 4], [2, 5]]),
}
LENGTH, ANGLE = 0.15, np.deg2rad(110.0)


def place(a, b, c, torsion):
    """Atom d, (n, 3), at LENGTH from c and ANGLE from b, with the IUPAC dihedral a-b-c-d = torsion (n,)."""
    forward = (c - b) / np.linalg.norm(c - b, axis=-1, keepdims=True)
    normal = np.cross(b - a, forward)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    inward = np.cross(normal, forward)
    side = np.cos(torsion)[:, None] * inward + np.sin(torsion)[:, None] * normal
    return c + LENGTH * (-np.cos(ANGLE) * forward + np.sin(ANGLE) * side)


def peptide(phi, psi, *, rng=None, jitter=0.0):
    """Configurations (n, 6, 3) in nm with backbone angles phi, psi (n,), then Gaussian jitter."""
    n = len(phi)
    atoms = [np.zeros((n, 3)), np.tile([LENGTH, 0.0, 0.0], (n, 1))]
    bend = LENGTH * np.array([1.0 - np.cos(ANGLE), np.sin(ANGLE), 0.0])
    atoms.append(np.tile(bend, (n, 1)))
    atoms.append(place(*atoms[:3], phi))
    atoms.append(place(*atoms[1:4], psi))
    atoms.append(place(*atoms[:3], phi - np.deg2rad(120.0)))
    x = np.stack(atoms, axis=1)
    return x if rng is None else x + jitter * rng.normal(size=x.shape)


def two_basins(n, *, rng, positive=0.2):
    """Samples with phi near 1 in a fraction `positive`, near -1.5 in the rest; energies are Gaussian."""
    phi = np.where(rng.random(n) < positive, 1.0, -1.5) + 0.2 * rng.normal(size=n)
    psi = 2.0 + 0.3 * rng.normal(size=n)
    return SampleSet(peptide(phi, psi, rng=rng, jitter=0.002), rng.normal(-40.0, 5.0, size=n))


def switching_chains(n_chains, n_frames, *, rng, flip):
    """Trajectories (n_chains, n_frames, 6, 3) in which phi jumps between -1 and 1 with chance `flip` a frame.

    Started in equilibrium; psi and the positions are white noise.
    """
    flips = rng.random((n_chains, n_frames)) < flip
    flips[:, 0] = rng.random(n_chains) < 0.5
    state = 1.0 - 2.0 * (np.cumsum(flips, axis=1) % 2)
    phi = state + 0.15 * rng.normal(size=state.shape)
    psi = 2.0 + 0.3 * rng.normal(size=state.shape)
    x = peptide(phi.ravel(), psi.ravel(), rng=rng, jitter=0.004)
    return x.reshape(n_chains, n_frames, 6, 3)
