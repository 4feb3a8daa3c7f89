"""Proves that the comparison of weightings repeats itself, and that its exact answer is exact."""

from dataclasses import replace

import pytest
import torch

from experiments.config import load_config
from experiments.mixture import MixtureConfig, compare
from experiments.mixture_case import Case
from experiments.paths import params


@pytest.fixture(scope="module")
def config() -> MixtureConfig:
    """The stored comparison, made tiny."""
    return replace(load_config(params("mixture"), MixtureConfig), n_repeats=2, n_particles=50, steps=(25,))


def test_same_seed_gives_the_same_numbers_and_another_seed_others(config: MixtureConfig) -> None:
    names = ("feynman_kac_hutchinson", "energy_kernel_ratio")
    two = replace(config, weightings={name: config.weightings[name] for name in names})
    first = compare(two)
    assert compare(two) == first
    others = compare(replace(two, seed=2))
    assert all(
        one["estimates"] != other["estimates"]
        for one, other in zip(first["runs"], others["runs"], strict=True)
    )


def test_another_weighting_leaves_the_others_as_they_are(config: MixtureConfig) -> None:
    alone = replace(config, weightings={"unweighted": config.weightings["unweighted"]})
    assert compare(alone)["runs"][0] == compare(config)["runs"][-1]


def test_exact_answer_agrees_with_importance_weights(config: MixtureConfig) -> None:
    case = Case(gamma=1.5, n_particles=50, density=config.density, noise=config.noise)
    mixture, exact = config.density.mixture(h=config.noise.sigma_min**2), case.exact()
    x = mixture.sample(200_000, generator=torch.Generator().manual_seed(1))
    log_w = 0.5 * mixture.log_density(x).double()
    w = torch.softmax(log_w, dim=0)
    assert (w * (x[:, 0] < 0)).sum().item() == pytest.approx(exact["mode_mass"], abs=0.004)
    assert (w * x[:, 1:].square().mean(1)).sum().item() == pytest.approx(exact["variance"], rel=0.01)
    log_z = (torch.logsumexp(log_w, dim=0) - torch.log(torch.tensor(200_000.0))).item()
    assert log_z == pytest.approx(exact["log_z"], abs=0.01)
    unannealed = mixture.weights[0].item()
    assert unannealed != pytest.approx(exact["mode_mass"], abs=0.004), "the source would pass"


def test_independent_errors_are_those_of_independent_draws(config: MixtureConfig) -> None:
    case = Case(gamma=1.5, n_particles=50, density=config.density, noise=config.noise)
    annealed = config.density.mixture(h=config.noise.sigma_min**2).annealed(1.5)
    x = annealed.sample(50 * 4000, generator=torch.Generator().manual_seed(1)).reshape(4000, 50, -1)
    found = {"mode_mass": (x[..., 0] < 0).float().mean(1), "variance": x[..., 1:].square().mean((1, 2))}
    for name, expected in case.independent_errors().items():
        assert found[name].std().item() == pytest.approx(expected, rel=0.05)


def test_exact_divergence_costs_a_pass_per_dimension(config: MixtureConfig) -> None:
    passes = {name: weighting.network_passes(10) for name, weighting in config.weightings.items()}
    assert passes == {
        "feynman_kac": 15,
        "feynman_kac_plain": 15,
        "feynman_kac_hutchinson": 6,
        "energy_kernel_ratio": 3,
        "score_kernel_ratio": 1,
        "unweighted": 1,
    }
