"""Choices of how a module's conversions (to, half, to_empty) and load_state_dict put new tensors in: what torch may do one day, off by default."""

_overwrite_module_params_on_conversion = False
_swap_module_params_on_conversion = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether a conversion gives a module new parameters instead of changing those it has."""
    global _overwrite_module_params_on_conversion
    _overwrite_module_params_on_conversion = value


def get_overwrite_module_params_on_conversion() -> bool:
    """Whether a conversion gives a module new parameters; False unless set."""
    return _overwrite_module_params_on_conversion


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether conversions and load_state_dict exchange a parameter's whole content for the new one's (utils.swap_tensors), so that it also
    takes the new one's class; it goes before set_overwrite_module_params_on_conversion."""
    global _swap_module_params_on_conversion
    _swap_module_params_on_conversion = value


def get_swap_module_params_on_conversion() -> bool:
    """Whether conversions and load_state_dict exchange contents; False unless set."""
    return _swap_module_params_on_conversion
