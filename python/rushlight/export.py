"""torch.export: there are no graphs to export. The names scripts import say what to do instead."""

__all__ = ["export", "Dim", "ExportedProgram", "load", "save"]


def export(*args, **kwargs):
    """Refused."""
    raise NotImplementedError("rushlight runs eagerly and exports no graphs; rushlight.save(model.state_dict(), path) keeps the weights, which torch loads")


load = save = draft_export = export_for_training = export


class ExportedProgram:
    """Never made."""

    __new__ = export


class Dim:
    """The name and limits of a size that varies."""

    AUTO, STATIC, DYNAMIC = "auto", "static", "dynamic"

    def __init__(self, name, *, min=None, max=None):
        self.__name__, self.min, self.max = name, min, max
