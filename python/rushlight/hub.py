"""Models from folders and files: torch.hub with what lies on this machine, and files fetched by their address.

`load(folder, "entry", source="local")` imports the folder's hubconf.py and calls the entry. Repositories are not fetched: clone one and name
its folder. `load_state_dict_from_url` keeps a file under get_dir() and fetches it with urllib when it is not there.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
import urllib.request
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_folder = [None]


def get_dir():
    """The folder of fetched files: set_dir's, else $TORCH_HOME/hub, else ~/.cache/torch/hub."""
    if _folder[0] is not None:
        return _folder[0]
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d):
    """Use this folder from now on."""
    _folder[0] = os.path.expanduser(d)


def _hubconf(repo_or_dir, source):
    if source.lower() not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source.lower() == "github":
        raise NotImplementedError(f"hub fetches no repositories: clone github.com/{repo_or_dir} and give its folder with source='local'")
    folder = os.path.expanduser(repo_or_dir)
    path = os.path.join(folder, "hubconf.py")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: a folder for torch.hub has a hubconf.py")
    import importlib.util
    spec = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    missing = [name for name in getattr(module, "dependencies", ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module, name):
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    function = getattr(module, name, None)
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return function





def list(github, force_reload=False, skip_validation=False, trust_repo=None, verbose=True, *, source="github"):
    """The entries of a folder's hubconf.py."""
    module = _hubconf(github, source)
    return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo=None, *, source="github"):
    """The docstring of an entry."""
    return _entry(_hubconf(github, source), model).__doc__


def load(repo_or_dir, model, *args, source="github", trust_repo=None, force_reload=False, verbose=True, skip_validation=False, **kwargs):
    """What the entry `model` of the folder's hubconf.py returns."""
    return _entry(_hubconf(repo_or_dir, source), model)(*args, **kwargs)


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Fetch a file; if its SHA-256 does not begin with hash_prefix, nothing is left behind."""
    dst = os.path.expanduser(dst)
    digest = hashlib.sha256()
    handle, part = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(dst)), suffix=".partial")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "rushlight.hub"})) as source, os.fdopen(handle, "wb") as file:
            while chunk := source.read(1 << 16):
                file.write(chunk)
                digest.update(chunk)
        if hash_prefix is not None and digest.hexdigest()[:len(hash_prefix)] != hash_prefix:
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
        shutil.move(part, dst)
    finally:
        if os.path.exists(part):
            os.remove(part)


def load_state_dict_from_url(url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None, weights_only=False):
    """rushlight.load of a file that is fetched once and kept."""
    from .serialization import load as load_file
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = file_name if file_name is not None else os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        found = HASH_REGEX.search(name) if check_hash else None
        print(f'Downloading: "{url}" to {path}', file=sys.stderr)
        download_url_to_file(url, path, found[1] if found else None, progress)
    return load_file(path, map_location=map_location, weights_only=weights_only)
