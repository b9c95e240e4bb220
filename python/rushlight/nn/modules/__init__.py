"""The modules of nn, one family per file; the names are torch.nn's."""

from .container import Container, ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .module import Module

__all__ = ["Container", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
