"""What a user sees of a wrong argument, parameter or data file: one line and exit status 1."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

OURS = {"experiments", "pita", "__main__"}  # a stage that runs is the main module


@contextmanager
def reported() -> Iterator[None]:
    """End the program with the message of a `ValueError` that this code raised; others keep their traceback.

    Here a ValueError names what was given and its value, an argument, a parameter or a file. One that a
    library raises says nothing to the user and something to the developer.
    """
    try:
        yield
    except ValueError as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        if frame.f_globals["__name__"].split(".")[0] not in OURS:
            raise
        sys.exit(f"error: {error}")
