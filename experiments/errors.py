"""What a user sees of a wrong parameter or data file: one line and exit status 1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from experiments.config import ConfigError
from experiments.files import DataFileError


@contextmanager
def reported() -> Iterator[None]:
    """End the program with the message of a `ConfigError` or `DataFileError`; others keep their traceback."""
    try:
        yield
    except (ConfigError, DataFileError) as error:
        sys.exit(f"error: {error}")
