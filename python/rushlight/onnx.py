"""torch.onnx: there is no exporter. Questions have answers; exporting says what to do instead."""

__all__ = ["export", "is_in_onnx_export"]

_WHY = ("rushlight does not write ONNX files: save the weights with rushlight.save(model.state_dict(), path), load them into the same model under torch "
        "and export from there")


def is_in_onnx_export() -> bool:
    """False."""
    return False


def is_onnxrt_backend_supported() -> bool:
    """False."""
    return False


def export(*args, **kwargs):
    """Refused."""
    raise NotImplementedError(_WHY)


dynamo_export = register_custom_op_symbolic = export


class OnnxExporterError(RuntimeError):
    """Never raised here; scripts catch it."""


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}: {_WHY}")
