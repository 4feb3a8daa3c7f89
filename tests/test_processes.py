"""Proves that workers of a test end with it, whatever they do."""

import os
import time
from pathlib import Path

import pytest

from tests.processes import free_ports, run_ranks


def writes_its_rank(rank: int, folder: Path) -> None:
    (folder / str(rank)).write_text(str(os.getpid()))


def hangs(rank: int, folder: Path) -> None:
    writes_its_rank(rank, folder)
    time.sleep(600)


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().split()[2] != "Z"


def test_every_rank_runs(tmp_path):
    run_ranks(writes_its_rank, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "1"]


def test_hanging_ranks_are_killed_and_reported(tmp_path):
    with pytest.raises(TimeoutError, match="hangs were not done after 12 s"):
        run_ranks(hangs, tmp_path, longest=12)
    pids = [int(file.read_text()) for file in tmp_path.iterdir()]
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_free_ports_differ():
    assert len(set(free_ports(8))) == 8
