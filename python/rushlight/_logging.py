"""torch._logging: what the compiler and its neighbours would say.  There is no compiler: levels go to the loggers of their names, and nothing else."""

import logging

__all__ = ["set_logs", "getArtifactLogger", "warning_once"]

_said = set()


def set_logs(*, all=None, modules=None, **names):
    """Levels by the name of a part, as in set_logs(dynamo=logging.INFO, graph=True): rushlight.dynamo logs from there on."""
    for name, level in ({"": all} | names | (modules or {})).items():
        if level is not None and not isinstance(level, bool):
            logging.getLogger(f"rushlight.{name}".rstrip(".")).setLevel(level)


def getArtifactLogger(module_qname, artifact_name):
    """The logger of one kind of output of a module."""
    return logging.getLogger(f"{module_qname}.__{artifact_name}")


def warning_once(logger_obj, *args, **kwargs):
    """A warning, the first time only."""
    if (logger_obj.name, args) not in _said:
        _said.add((logger_obj.name, args))
        logger_obj.warning(*args, **kwargs)
