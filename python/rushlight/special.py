"""Special functions: torch.special's names. One function per row of the operation table."""

from rushlight import _C

globals().update({name: value for name, value in vars(_C._special).items() if not name.startswith("_")})


def __getattr__(name):
    import difflib
    close = difflib.get_close_matches(name, globals(), 3, 0.6)
    hint = f". Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
