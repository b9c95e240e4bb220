"""Types that exist for isinstance alone: sizes that a compiler does not know, devices' streams and events, compiled scripts.

Nothing here makes one, so every question `isinstance(x, SymInt)` is answered with no.
"""

__all__ = ["SymInt", "SymFloat", "SymBool", "ScriptObject", "Stream", "Event", "TensorType", "PyTorchFileReader", "PyTorchFileWriter"]


def _never(name, why):
    def __new__(cls, *args, **kwargs):
        raise NotImplementedError(f"{name}: {why}")
    return type(name, (), {"__new__": __new__, "__doc__": f"Never made: {why}.", "__module__": "rushlight"})


SymInt, SymFloat, SymBool = (_never(name, "sizes are numbers, since nothing is compiled") for name in ("SymInt", "SymFloat", "SymBool"))
ScriptObject = _never("ScriptObject", "there is no TorchScript")
TensorType = _never("TensorType", "there is no TorchScript")
Stream, Event = (_never(name, "the CPU has no streams") for name in ("Stream", "Event"))
PyTorchFileReader, PyTorchFileWriter = (_never(name, "rushlight.save and rushlight.load know the files") for name in ("PyTorchFileReader", "PyTorchFileWriter"))
