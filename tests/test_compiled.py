"""Proves that compiled functions give way to plain ones without a compiler, and hide no other error."""

import pytest
import torch

from pita.compiled import Compiled


def test_without_a_compiler_the_function_itself_runs_with_one_notice(recwarn):
    def no_compiler(_x):
        cause = torch._inductor.exc.InvalidCxxCompiler()
        raise torch._inductor.exc.InductorError(cause, None)

    doubled = Compiled(lambda x: 2 * x)
    doubled.run = no_compiler
    assert doubled(torch.ones(())) == doubled(torch.ones(())) == 2
    assert len([w for w in recwarn if "uncompiled" in str(w.message)]) == 1


def test_other_compiler_errors_are_not_hidden():
    def broken(_x):
        raise torch._inductor.exc.InductorError(ValueError("lowering"), None)

    doubled = Compiled(lambda x: 2 * x)
    doubled.run = broken
    with pytest.raises(torch._inductor.exc.InductorError):
        doubled(torch.ones(()))


@pytest.mark.slow
def test_compiled_function_returns_what_the_function_returns():
    x = torch.linspace(-1, 1, 7)
    torch.testing.assert_close(Compiled(lambda x: x.sin() + 2 * x)(x), x.sin() + 2 * x)
