"""Operations on functions, under the name of torch's private package."""

from .associative_scan import associative_scan

__all__ = ["associative_scan"]
