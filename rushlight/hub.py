"""Weights from the network: `load_state_dict_from_url` and where downloads are kept. Models are not fetched.

`hub.load` runs a repository's code, written for PyTorch with all its parts, so it is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import urllib.request
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import urlparse

from .errors import UnsupportedError
from .serialization import load as _load
from .serialization import write_atomically

_CHUNK = 1 << 20
_HASH = re.compile(r"-([a-f0-9]*)\.")  # resnet18-5c106cde.pth: the beginning of the file's SHA-256
_folder: list[str] = []


def get_dir() -> str:
    """Where downloads are kept: what `set_dir` said, or `$TORCH_HOME/hub`, `$XDG_CACHE_HOME/torch/hub`,
    `~/.cache/torch/hub`."""
    return _folder[0] if _folder else os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Keeps downloads in another folder from now on."""
    _folder[:] = [os.path.expanduser(d)]


def _get_torch_home() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Downloads a file; it is at `dst` only once it is whole.

    Args:
        url: http, https or file.
        hash_prefix: how the SHA-256 of the content must begin, in hexadecimal.
        progress: show a bar.

    Raises:
        RuntimeError: the hash is another. OSError: no network, no such file, no space.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "rushlight.hub"})
    with urllib.request.urlopen(request) as source:
        write_atomically(os.path.expanduser(dst), lambda file: _copy(source, file, url, hash_prefix, progress))


def _copy(source: Any, file: IO[bytes], url: str, hash_prefix: str | None, progress: bool) -> None:
    from tqdm import tqdm  # takes a while to import

    digest = hashlib.sha256()
    length = source.headers.get("Content-Length")
    with tqdm(total=length and int(length), disable=not progress, unit="B", unit_scale=True) as bar:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
    if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
        raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}") of {url}')


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """The state dict in a file on the network, which is downloaded once.

    Args:
        model_dir: where the file is kept; `get_dir()`/checkpoints by default.
        map_location, weights_only: see `load`. torch: there the default is to run whatever the file asks for.
        check_hash: compare the content with the hash in the file's name (`resnet18-5c106cde.pth`).
        file_name: the name of the kept file; by default the last part of the url.
    """
    folder = Path(get_dir(), "checkpoints") if model_dir is None else Path(model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    target = folder / name
    if not target.exists():
        sys.stderr.write(f'Downloading: "{url}" to {target}\n')
        found = _HASH.search(name) if check_hash else None
        download_url_to_file(url, str(target), found.group(1) if found else None, progress)
    return _load(target, map_location=map_location, weights_only=weights_only)


def _refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Refused: it would run a repository's code that needs PyTorch itself."""
    raise UnsupportedError(
        "torch.hub: models of repositories are not fetched, as their code asks for all of PyTorch; import the model's "
        "class from its source and load its weights with hub.load_state_dict_from_url"
    )


load = list = help = _refuse
