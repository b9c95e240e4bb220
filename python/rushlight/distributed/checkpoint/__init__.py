"""torch.distributed.checkpoint: files that several processes write together. One process uses rushlight.save and rushlight.load."""

__all__ = ["FileSystemReader", "FileSystemWriter", "async_save", "load", "save"]


def _refuse(*args, **kwargs):
    raise NotImplementedError("rushlight.distributed knows one process: rushlight.save(state_dict, path) and rushlight.load(path) keep its state")


save = load = async_save = FileSystemReader = FileSystemWriter = load_state_dict = save_state_dict = _refuse
