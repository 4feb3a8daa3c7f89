"""Proves that a user's mistake ends in one line, and a programmer's in a traceback."""

import numpy as np
import pytest

from experiments.clock import Clock
from experiments.errors import reported
from experiments.files import load_npz
from pita.schedules import check_ladder


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: Clock(-1.0),
        lambda: check_ladder([1.0, 2.0]),
        lambda: load_npz("absent.npz"),
    ],
)
def test_errors_that_name_an_input_are_one_line(mistake):
    with pytest.raises(ValueError) as raised:
        mistake()
    with pytest.raises(SystemExit) as stop, reported():
        mistake()
    assert stop.value.code == f"error: {raised.value}" and "\n" not in stop.value.code


@pytest.mark.parametrize(
    ("kind", "mistake"),
    [
        (ValueError, lambda: np.zeros(3).reshape(2, 2)),
        (ValueError, lambda: int("seven")),
        (KeyError, lambda: {}["temperatures"]),
    ],
)
def test_errors_of_libraries_and_of_the_program_keep_their_traceback(kind, mistake):
    with pytest.raises(kind), reported():
        mistake()
