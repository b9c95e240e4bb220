"""Forward mode: every differentiable row against differences; levels, views, writes, modules and custom Functions against torch."""

import numpy as np
import pytest
import rushlight as rl
import rushlight.autograd.forward_ad as fwd
from test_ops import DIFFERENTIABLE, NUMERICAL_DIFFERS, OPEN, calls, differentiable_function, function, tensors


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("row", [row for row, _ in DIFFERENTIABLE], ids=[name for _, name in DIFFERENTIABLE])
def test_rows(row, dtype):
    """Tangents are the columns that differences give."""
    if (row["name"], dtype) in OPEN or row["name"] in NUMERICAL_DIFFERS:
        pytest.skip(NUMERICAL_DIFFERS.get(row["name"], "not for complex numbers"))
    tried = 0
    for text, args, kwargs, _ in calls(row, dtype=dtype, grad=True):
        if dtype == "complex128":
            try:
                if not tensors(function(row)(*args, **kwargs)):
                    continue
            except (RuntimeError, NotImplementedError, TypeError, ValueError):
                pytest.skip("not for complex numbers")
        call, inputs = differentiable_function(row, args, kwargs)
        if not inputs or not call(*inputs):
            continue
        tried += 1
        assert rl.autograd.gradcheck(call, inputs, check_forward_ad=True, check_backward_ad=False), text
    if not tried:
        pytest.skip("no sample is differentiable")
