"""For tests: assert_close says whether two things agree, and where they do not; make_tensor makes inputs."""

from ._comparison import assert_allclose, assert_close
from ._creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
