"""Sets of samples as the metrics take them: in float64, with energies in kT at a ladder's temperature."""

import dataclasses

import numpy as np
import torch

from experiments import paths
from experiments.files import DataFileError, load_npz
from experiments.seeds import numpy_generator
from experiments.settings import SystemSettings
from pita.metrics.scores import SampleSet


def reduced(x: np.ndarray, system: SystemSettings, *, rung: int, name: str) -> SampleSet:
    """Return `x` (n, n_atoms, 3) in float64 with its energies in kT at the temperature of `rung`.

    An infinite energy is an error.
    """
    double = torch.from_numpy(x).double()
    target = dataclasses.replace(system, compiled=False).target()  # compiling takes longer than judging
    energy = target.energy(double) / system.temperatures[rung]
    if count := len(energy) - int(energy.isfinite().sum()):
        raise DataFileError(f"{name}: {count} of {len(energy)} samples have no finite energy")
    return SampleSet(double.numpy(), energy.numpy())


def load_reference(system: str, physics: SystemSettings, *, n_samples: int, seed: int) -> SampleSet:
    """Return the reference subset, at the target temperature, that every method is judged against."""
    path = paths.reference(system)
    arrays = load_npz(path, {"temperatures": "float64", "x": "float32"})
    if tuple(arrays["temperatures"]) != physics.temperatures:
        raise DataFileError(f"{path}: temperatures: {arrays['temperatures']}, not {physics.temperatures}")
    x = arrays["x"][-1]
    if len(x) < n_samples:
        raise DataFileError(f"{path}: x: {n_samples} samples are needed, the file has {len(x)}")
    rng = numpy_generator(seed, "reference")
    return reduced(x[rng.choice(len(x), n_samples, replace=False)], physics, rung=-1, name=str(path))
