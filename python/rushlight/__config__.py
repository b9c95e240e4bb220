"""How this build was made."""

__all__ = ["show", "parallel_info"]


def show():
    """A text about the build."""
    from . import _C, __version__
    return f"rushlight built with:\n  - C11 engine {getattr(_C, '__file__', '')}\n  - OpenBLAS for matrix products\n  - USE_CUDA=OFF, USE_MKL=OFF, version {__version__}\n"


def parallel_info():
    """A text about threads."""
    from . import get_num_threads
    return f"threads of the engine's own pool: {get_num_threads()}\n"
