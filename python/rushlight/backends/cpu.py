"""torch.backends.cpu: what the processor can do."""

import os

__all__ = ["get_cpu_capability"]


def _flags():
    """The features that the system lists for the first processor."""
    try:
        with open("/proc/cpuinfo") as file:
            return next((set(line.split()) for line in file if line.startswith("flags")), set())
    except OSError:
        return set()


def get_cpu_capability() -> str:
    """DEFAULT, AVX2 or AVX512: the widest kernels that this machine runs, or that RUSHLIGHT_ISA asks for."""
    asked = {"base": "DEFAULT", "avx2": "AVX2", "avx512": "AVX512"}.get(os.environ.get("RUSHLIGHT_ISA", ""))
    flags = _flags()
    if asked is not None:
        return asked
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        return "AVX512"
    return "AVX2" if {"avx2", "fma"} <= flags else "DEFAULT"
