"""What this build was made with: no device toolkits."""

from . import __version__

__all__ = ["__version__", "debug", "cuda", "git_version", "hip", "rocm", "xpu"]

debug = False
cuda = hip = rocm = xpu = None
git_version = None
