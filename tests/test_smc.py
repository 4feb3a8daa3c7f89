"""Proves the sampler's bookkeeping: thresholds, ancestors, log Z, dead particles, clips, repeatability."""

import math

import pytest
import torch

from pita.smc import anneal
from tests.annealing_cases import isotropic, noised, path_of, run, two_modes

MIXTURE = two_modes()


class LosesParticles:
    """A mixture that, at low noise, has a NaN score far to the right and infinite energy far to the left."""

    def score(self, x, h):
        return torch.where((x[:, :1] > 1.2) & (h < 0.1), torch.nan, MIXTURE.score(x, h))

    def energy(self, x, h):
        return torch.where((x[:, 0] < -1.2) & (h < 0.1), torch.inf, MIXTURE.energy(x, h))

    def energy_and_score(self, x, h):
        return self.energy(x, h), self.score(x, h)


def mixture_path(**settings):
    return path_of(MIXTURE, gamma=1.5, **{"n_levels": 20} | settings)


def test_resampling_happens_just_above_the_ess_and_not_just_below():
    free = run(MIXTURE, mixture_path(ess_threshold=0.0))
    ess_fraction = free.trace.ess_fraction[-1].item()
    assert ess_fraction == free.trace.ess_fraction.min()
    for factor, expected in ((1 - 1e-9, 0.0), (1 + 1e-9, 1.0)):
        trace = run(MIXTURE, mixture_path(ess_threshold=factor * ess_fraction)).trace
        assert trace.resampled[-1] == expected
        assert trace.resampled[:-1].sum() == 0
    assert free.trace.resampled.sum() == 0


def test_log_z_does_not_depend_on_when_one_resamples():
    truth = noised(MIXTURE).annealed_log_z(1.5)
    for threshold in (0.0, 0.9, 1.0):
        annealed = run(MIXTURE, mixture_path(ess_threshold=threshold), n_particles=2000)
        assert abs(annealed.log_z - truth) < 0.06
    assert annealed.trace.resampled.min() == 1
    assert abs(truth) > 0.12  # forgotten weights, log Z = 0, would fail


def test_log_z_of_a_gaussian_is_exact_up_to_rounding():
    gaussian = isotropic(1.3)
    annealed = run(gaussian, path_of(gaussian, gamma=1.5, n_levels=8, sigma_max=2.0), n_particles=10)
    assert annealed.log_z == pytest.approx(noised(gaussian).annealed_log_z(1.5), abs=1e-9)


def test_ancestors_are_counted_and_copies_carry_their_own_density():
    annealed = run(MIXTURE, mixture_path(ess_threshold=1.0))
    assert annealed.trace.n_unique_ancestors[-1] >= len(annealed.origins.unique())
    assert 1 < len(annealed.origins.unique()) < 1000
    assert (annealed.trace.n_unique_ancestors.diff() <= 0).all()
    path = mixture_path()
    density = -MIXTURE.energy(annealed.particles.x, path.levels[-1])
    assert torch.allclose(annealed.log_p, density)
    assert (annealed.particles.log_w == 0).all()


def test_trace_has_one_float64_entry_per_level():
    path, seen = mixture_path(), []
    annealed = run(MIXTURE, path, progress=lambda done, ess_fraction: seen.append((done, ess_fraction)))
    for values in annealed.trace:
        assert values.shape == (20,)
        assert values.dtype == torch.float64
    assert annealed.trace.h.tolist() == path.levels[1:]
    assert seen == list(zip(range(1, 21), annealed.trace.ess_fraction.tolist(), strict=True))


def test_particles_that_leave_the_finite_numbers_die_and_are_counted():
    path = mixture_path(ess_threshold=0.0, resample_at_end=False)
    annealed = run(LosesParticles(), path)
    dead = annealed.particles.log_w == -math.inf
    assert 0 < dead.sum() == annealed.n_nonfinite < 1000
    assert annealed.particles.x.isfinite().all()
    assert not annealed.particles.log_w.isnan().any()
    survivors = run(LosesParticles(), mixture_path())
    assert (survivors.particles.log_w == 0).all()
    assert survivors.log_p.isfinite().all()


def test_clip_is_counted_and_biases_log_z_downwards():
    free, clipped = (run(MIXTURE, mixture_path(clip_quantile=q)) for q in (1.0, 0.9))
    assert free.n_clipped == 0
    assert clipped.n_clipped == 20 * 100
    assert clipped.log_z < free.log_z - 0.1


def test_denoising_moves_particles_to_the_posterior_mean():
    noisy, clean = (run(MIXTURE, mixture_path(denoise=on)) for on in (False, True))
    h = mixture_path().levels[-1]
    assert torch.allclose(clean.particles.x, noisy.particles.x + h * MIXTURE.score(noisy.particles.x, h))


def test_unweighted_annealing_has_no_density_and_equal_weights():
    annealed = run(MIXTURE, mixture_path(weighting="unweighted"))
    assert annealed.log_p is None
    assert annealed.log_z == 0
    assert len(annealed.origins.unique()) == 1000


def test_same_seed_gives_the_same_particles_and_another_seed_others():
    first, again, other = (
        run(MIXTURE, mixture_path(), n_particles=20, seed=s).particles.x for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_one_evaluation_per_particle_and_level():
    class Counted(type(MIXTURE)):
        n_calls = 0

        def energy_and_score(self, x, h=0.0):
            Counted.n_calls += len(x)
            return super().energy_and_score(x, h)

    model = Counted(MIXTURE.means, MIXTURE.variances, MIXTURE.weights)
    run(model, mixture_path(transport="energy", ess_threshold=1.0, chunk=30), n_particles=100)
    assert Counted.n_calls == 100 * (20 + 1)


def test_no_particles_are_refused():
    with pytest.raises(ValueError, match="n_particles"):
        anneal(MIXTURE, mixture_path(), n_particles=0, generator=torch.Generator())
