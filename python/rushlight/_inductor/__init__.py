"""torch._inductor, the compiler that is not here: its switches may be set, and nothing comes of it."""

import sys

from .._dynamo import _Config

__all__ = ["config"]

config = _Config("rushlight._inductor.config")
config.triton, config.cpp, config.cuda = (_Config(f"rushlight._inductor.config.{part}") for part in ("triton", "cpp", "cuda"))
sys.modules[config.__name__] = config
