"""Functions through torch.compile, or as they are, slower, where no C++ compiler works."""

import warnings
from collections.abc import Callable
from typing import Any

import torch


class Compiled:
    """A function compiled at its first call; gives way to the function itself, with one notice."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self.run = torch.compile(function, dynamic=False)

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function returns."""
        try:
            return self.run(*arguments)
        except torch._inductor.exc.InductorError as error:
            if not isinstance(error.inner_exception, torch._inductor.exc.InvalidCxxCompiler):
                raise
            warnings.warn("no working C++ compiler: running uncompiled, slower", RuntimeWarning, stacklevel=2)
            self.run = self.function
            return self.run(*arguments)
