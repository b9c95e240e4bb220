"""torch.ao.quantization: numbers are not quantised here. What libraries say at import works, stubs pass their input on, as they do in torch before a
conversion; observing, preparing and converting say that they are not there."""

from ..nn import Module

__all__ = ["DeQuantStub", "FakeQuantize", "FakeQuantizeBase", "ObserverBase", "QuantStub", "QuantWrapper", "convert", "default_qconfig", "disable_observer",
           "enable_observer", "fuse_modules", "get_default_qat_qconfig", "get_default_qconfig", "prepare", "prepare_qat", "quantize", "quantize_dynamic", "quantize_qat"]


def _refuse(*args, **kwargs):
    raise NotImplementedError("rushlight has no quantised tensors; bfloat16 and float16 make a model smaller: model.to(torch.bfloat16)")


def _refused(name, base=Module):
    return type(name, (base,), {"__new__": _refuse, "__doc__": "Never made: nothing is quantised.", "__module__": __name__})


ObserverBase, FakeQuantizeBase = _refused("ObserverBase"), _refused("FakeQuantizeBase")
FakeQuantize = _refused("FakeQuantize", FakeQuantizeBase)
convert = disable_observer = enable_observer = fuse_modules = get_default_qat_qconfig = get_default_qconfig = _refuse
prepare = prepare_qat = quantize = quantize_dynamic = quantize_qat = _refuse
default_qconfig = None


class QuantStub(Module):
    """Where a converted model would begin to be quantised: passes its input on."""

    def __init__(self, qconfig=None):
        super().__init__()

    def forward(self, x):
        return x


class DeQuantStub(QuantStub):
    """Where a converted model would end to be quantised: passes its input on."""


class QuantWrapper(Module):
    """A module between two stubs."""

    def __init__(self, module):
        super().__init__()
        self.quant, self.dequant, self.module = QuantStub(), DeQuantStub(), module

    def forward(self, X):
        return self.dequant(self.module(self.quant(X)))
