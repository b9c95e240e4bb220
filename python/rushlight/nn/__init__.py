"""Neural networks: modules, their functions, parameters and initial values, under torch.nn's names."""

from . import init  # noqa: F401
from .modules import *  # noqa: F403
from .modules.module import Module  # noqa: F401
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter  # noqa: F401
