"""torch.backends.cpu: what the processor can do."""

__all__ = ["get_cpu_capability"]


def _flags():
    """The features that the system lists for the first processor."""
    try:
        with open("/proc/cpuinfo") as file:
            return next((set(line.split()) for line in file if line.startswith("flags")), set())
    except OSError:
        return set()


def get_cpu_capability() -> str:
    """DEFAULT, AVX2 or AVX512: the widest kernels that this machine runs. RUSHLIGHT_ISA may ask for narrower ones; random numbers stay."""
    flags = _flags()
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        return "AVX512"
    return "AVX2" if {"avx2", "fma"} <= flags else "DEFAULT"
