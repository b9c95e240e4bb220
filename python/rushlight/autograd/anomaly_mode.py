"""Anomaly mode: an error in backward names the forward call that made the node, and a NaN is an error."""

import warnings

import rushlight as rl

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class detect_anomaly:
    """A block in which forward calls remember their traceback and backward looks for NaN, if check_nan says so. It is slow."""

    def __init__(self, check_nan=True) -> None:
        self.prev = rl.is_anomaly_enabled()
        self.check_nan = check_nan
        self.prev_check_nan = rl.is_anomaly_check_nan_enabled()
        warnings.warn("Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
                      "debugging.", stacklevel=2)

    def __enter__(self) -> None:
        rl._C._set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *args) -> None:
        rl._C._set_anomaly_enabled(self.prev, self.prev_check_nan)


class set_detect_anomaly:
    """Anomaly mode on or off: from the call on, or for the length of a block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev = rl.is_anomaly_enabled()
        self.prev_check_nan = rl.is_anomaly_check_nan_enabled()
        rl._C._set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *args) -> None:
        rl._C._set_anomaly_enabled(self.prev, self.prev_check_nan)
