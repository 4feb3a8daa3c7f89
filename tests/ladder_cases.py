"""A ladder with known answers: springs between atoms, analytic models for training, a store in memory."""

import numpy as np
import pytest
import torch

from pita.ladder import Work
from pita.targets.gaussian import GaussianMixture

N_ATOMS, N_DOF = 3, 6
WIDTH = 0.5  # variance of a coordinate at temperature 1


def generator(name):
    return torch.Generator().manual_seed(sum(name.encode()))


def gaussian(variance):
    one = torch.ones(1)
    return GaussianMixture(torch.zeros(1, N_ATOMS, 3), variance * one, one, mean_free=True)


class Springs:
    """E = |x|^2 / (2 WIDTH), mean-free: beta E is a Gamma(N_DOF / 2) variable at every temperature."""

    n_atoms, n_dof = N_ATOMS, N_DOF

    def energy(self, x):
        return x.square().sum((1, 2)) / (2 * WIDTH)

    def energy_and_force(self, x):
        return self.energy(x), -x / WIDTH

    def initial_lattice(self, n, *, spacing, jitter, generator):
        x = spacing * torch.eye(3) + jitter * torch.randn(n, N_ATOMS, 3, generator=generator)
        return x - x.mean(1, keepdim=True)


class MemoryStore:
    def __init__(self):
        self.kept, self.saved = {}, []

    def load(self, name):
        return self.kept.get(name)

    def save(self, name, arrays):
        self.kept[name] = arrays
        self.saved.append(name)


class Analytic:
    """Stands for training: a Gaussian of the right width, or of a multiple of it, whatever the samples."""

    def __init__(self, factor=1.0, stop_at=()):
        self.factor, self.stop_at, self.fitted, self.learned = factor, list(stop_at), [], []

    def fit(self, rung, sets):
        self.fitted.append(rung)
        self.learned.append([pytest.approx(1 / each.beta) for each in sets])
        if rung in self.stop_at:
            self.stop_at.remove(rung)
            return None
        return {"variance": np.array(self.factor * WIDTH / sets[-1].beta)}

    def bind(self, weights, _beta):
        return gaussian(float(weights["variance"]))

    def work(self, *, conditioned):
        return Work(generator, self.fit, self.bind, conditioned=conditioned)
