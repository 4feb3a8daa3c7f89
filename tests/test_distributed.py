"""Proves that particles shared over two processes are the same particles as in one."""

import pytest
import torch
import torch.distributed

from pita.distributed import ProcessGroup, SingleProcess
from pita.landing import LandingSettings, land
from pita.space import ParticleSpace
from tests.annealing_cases import path_of, run, two_modes
from tests.processes import run_ranks

WEIGHTINGS = ("energy_kernel_ratio", "score_kernel_ratio", "feynman_kac")
MIXTURE = two_modes(4)
N = 64


def annealed_and_landed(communicator, weighting: str) -> dict[str, torch.Tensor]:
    """The whole population's particles and bookkeeping, gathered."""
    path = path_of(
        MIXTURE,
        gamma=1.5,
        communicator=communicator,
        n_levels=12,
        weighting=weighting,
        ess_threshold=0.99,
        n_probes=1,
        resample_at_end=False,
    )
    annealed = run(MIXTURE, path, n_particles=N)
    generator = torch.Generator().manual_seed(3)
    settings = LandingSettings(power=0.5)
    landed = land(annealed, MIXTURE, path, beta=1.5, settings=settings, generator=generator)
    return {
        "x": communicator.gather(annealed.particles.x),
        "log_w": communicator.gather(annealed.particles.log_w),
        "origins": annealed.origins,
        "trace": torch.stack(tuple(annealed.trace)),
        "log_z": torch.tensor([annealed.log_z, landed.log_z]),
        "landed": communicator.gather(landed.x),
    }


def worker(rank: int, store: str, results: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    group = ProcessGroup()
    found = {weighting: annealed_and_landed(group, weighting) for weighting in WEIGHTINGS}
    found["errors"] = [error_of(group.shard, torch.zeros(3)), error_of(seeds_differ, group)]
    torch.save(found, f"{results}/{rank}.pt")
    torch.distributed.destroy_process_group()


def seeds_differ(group: ProcessGroup) -> None:
    run(MIXTURE, path_of(MIXTURE, gamma=1.5, communicator=group), n_particles=4, seed=group.rank)


def error_of(function, *arguments) -> str:
    try:
        function(*arguments)
    except ValueError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def from_two_processes(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("ranks")
    run_ranks(worker, str(folder / "store"), str(folder))
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_two_processes_give_the_particles_of_one(from_two_processes, weighting):
    alone = annealed_and_landed(SingleProcess(), weighting)
    for rank in from_two_processes:
        for name, expected in alone.items():
            assert torch.equal(rank[weighting][name], expected), name
    assert alone["trace"][4].sum() > 0  # resampled on the way, so that particles crossed between processes


def test_uneven_shares_and_different_seeds_are_refused(from_two_processes):
    for rank in from_two_processes:
        assert "population of 3" in rank["errors"][0]
        assert "same seed, got [0, 1]" in rank["errors"][1]


def test_process_group_needs_torch_distributed():
    with pytest.raises(RuntimeError, match="init_process_group"):
        ProcessGroup()


def test_probes_are_signs_in_the_whole_space_and_projected_without_centre_of_mass():
    generator = torch.Generator().manual_seed(1)
    flat = ParticleSpace(event_shape=(5,), mean_free=False).rademacher(3, 2, generator=generator)
    assert flat.shape == (3, 2, 5)
    assert (flat.abs() == 1).all()
    cloud = ParticleSpace(event_shape=(5, 3), mean_free=True).rademacher(3, 2, generator=generator)
    assert cloud.mean(-2).abs().max() < 1e-6
