"""Proves that training learns, that averaged weights follow, and that interruption changes no bit."""

import itertools
import os
import signal
from typing import NamedTuple

import pytest
import torch

from pita.data import NoiseSettings, NoisyBatches, TrainingSet
from pita.geometry import mean_free_noise
from pita.losses import denoising_score_matching
from pita.module import DiffusionModule, TrainingSettings
from pita.networks import NetworkSettings, build_model, weights_to_arrays
from pita.objective import LossSettings
from pita.training import CHECKPOINT_NAME, fit

N_ATOMS = 3
VARIANCE = 0.05


class Training(NamedTuple):
    module: DiffusionModule
    batches: NoisyBatches


def training(n_steps, *, n=2000, heads="score", losses=None, checkpoint_every=10):
    """A model of a Gaussian cloud of variance 0.05 per coordinate, untrained."""
    x = VARIANCE**0.5 * mean_free_noise((n, N_ATOMS, 3), generator=torch.Generator().manual_seed(1))
    sets = [TrainingSet(x, 1.0, energy=x.square().sum((1, 2)) / (2 * VARIANCE))]
    noise = NoiseSettings(batch_size=64, sigma_min=0.05, sigma_max=5.0, rotate=False)
    torch.manual_seed(2)
    model = build_model(NetworkSettings(kind="pairwise", n_atoms=N_ATOMS, width=16, depth=1, heads=heads))
    settings = TrainingSettings(
        n_steps=n_steps,
        learning_rate=1e-2,
        warmup_steps=5,
        ema_decay=0.95,
        gradient_clip=1.0,
        compile=False,
        checkpoint_every=checkpoint_every,
    )
    module = DiffusionModule(model, losses=losses or LossSettings(score=1.0), settings=settings)
    return Training(module, NoisyBatches(sets, noise, seed=5))


def run(job, directory, **options):
    return fit(
        job.module, job.batches, checkpoint_dir=directory, progress=False, accelerator="cpu", **options
    )


def excess_loss(model, batches):
    """Denoising loss above that of the exact denoiser, on batches far down the stream."""
    excess = 0.0
    for batch in itertools.islice(iter(batches.starting_at(10**6)), 20):
        best = batch.x / (1 + batch.h / VARIANCE)[:, None, None]
        with torch.no_grad():
            found = denoising_score_matching(model.denoise(batch.x, batch.h), batch.x0, batch.h)
        excess += (found - denoising_score_matching(best, batch.x0, batch.h)).item() / 20
    return excess


def interrupt_at(step, module, action):
    inner = module.training_step

    def training_step(batch, batch_idx):
        if module.global_step == step:
            action()
        return inner(batch, batch_idx)

    module.training_step = training_step


def same_bits(first, second):
    one, other = weights_to_arrays(first), weights_to_arrays(second)
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def test_two_hundred_steps_close_most_of_the_gap_to_the_exact_denoiser(tmp_path):
    job = training(200)
    before = excess_loss(job.module.averaged, job.batches)
    assert run(job, tmp_path) == (True, 200)
    assert excess_loss(job.module.averaged, job.batches) < 0.01 * before
    # A model that saw a tenth of the steps does not pass.
    short = training(20)
    run(short, tmp_path / "short")
    assert excess_loss(short.module.averaged, job.batches) > 0.01 * before


def test_a_single_configuration_is_learned_by_heart(tmp_path):
    job = training(300, n=1)
    run(job, tmp_path)
    batch = job.batches.batch(10**6)
    small = batch.h < 0.02
    with torch.no_grad():
        denoised = job.module.averaged.denoise(batch.x, batch.h)
    remaining = (denoised - batch.x0).square().sum((1, 2)) / (batch.x - batch.x0).square().sum((1, 2))
    # An invariant network cannot tell a turn of the configuration from its noise: 3 of 6 modes stay.
    assert remaining[small].mean() < 0.75


def test_energy_is_learned_up_to_its_gauge(tmp_path):
    job = training(200, heads="score+energy", losses=LossSettings(score=1.0, distill=1.0, pin=1.0))
    run(job, tmp_path)
    model, x = job.module.averaged.at(), job.batches.x[:500]
    expected = x.square().sum((1, 2)) / (2 * VARIANCE)
    error = (model.energy(x, 1e-4) - expected).std()
    untrained = training(200, heads="energy", losses=LossSettings(pin=1.0)).module.averaged.at()
    assert error < 0.1 * (untrained.energy(x, 1e-4) - expected).std()


@pytest.mark.parametrize("how", ["error", "interrupt", "terminate"])
def test_interrupted_training_ends_with_the_same_bits(how, tmp_path):
    whole, halved, continued, fresh = (training(40) for _ in range(4))
    assert run(whole, tmp_path / "whole") == (True, 40)
    directory = tmp_path / "halved"
    if how == "error":
        interrupt_at(27, halved.module, lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(halved, directory)
    else:
        number = signal.SIGINT if how == "interrupt" else signal.SIGTERM
        handler = signal.getsignal(number)
        interrupt_at(27, halved.module, lambda: os.kill(os.getpid(), number))
        assert run(halved, directory) == (False, 28)
        assert signal.getsignal(number) is handler
    assert (directory / CHECKPOINT_NAME).exists() and not list(directory.glob("*.partial"))
    assert run(continued, directory) == (True, 40)
    assert same_bits(continued.module, whole.module)
    assert not same_bits(continued.module, fresh.module)


def test_the_clock_stops_training_and_a_finished_one_is_only_read(tmp_path):
    job, later = training(30), training(30)
    assert run(job, tmp_path, max_minutes=0.0) == (False, 1)
    assert run(job, tmp_path) == (True, 30)
    assert run(later, tmp_path) == (True, 30)
    assert same_bits(job.module, later.module)


@pytest.mark.parametrize("damage", ["empty", "half", "all but the end", "a weight"])
def test_damaged_checkpoint_is_refused_by_its_name(damage, tmp_path):
    job, checkpoint = training(20), tmp_path / CHECKPOINT_NAME
    run(job, tmp_path, max_minutes=0.0)
    content = checkpoint.read_bytes()
    weight = max(weights_to_arrays(job.module.model).values(), key=len).tobytes()
    assert weight in content
    damaged = {
        "empty": b"",
        "half": content[: len(content) // 2],
        "all but the end": content[:-100],
        "a weight": content.replace(weight, weight[:-1] + bytes([weight[-1] ^ 1])),
    }
    checkpoint.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=f"{checkpoint}: cannot be read as a checkpoint"):
        run(training(20), tmp_path)


def test_averaged_weights_trail_the_trained_ones_by_the_stated_rule(tmp_path):
    job = training(12)
    path = []
    inner = job.module.optimizer_step

    def optimizer_step(*args, **kwargs):
        inner(*args, **kwargs)
        path.append(next(job.module.model.parameters()).detach().clone())

    average = next(job.module.averaged.parameters()).clone()
    job.module.optimizer_step = optimizer_step
    run(job, tmp_path)
    for step, weights in enumerate(path):
        average = average.lerp(weights, 1 - min(0.95, (1 + step) / (10 + step)))
    torch.testing.assert_close(next(job.module.averaged.parameters()), average)
    assert not torch.allclose(average, path[-1])
