"""`torch.utils.tensorboard`: SummaryWriter, through the tensorboardX package or, as far as it goes, tensorboard.

TensorBoard's own package comes without a writer (PyTorch has it), so of the two tensorboardX can more: graphs,
embeddings, videos. With tensorboard alone there are scalars, histograms and texts.
"""

from __future__ import annotations

import os
import socket
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..autograd.tape import TensorBase
from ..errors import UnsupportedError

_INSTALL = "pip install tensorboardX  (or: pip install tensorboard)"


def _plain(value: Any) -> Any:
    """Tensors as NumPy arrays, also within containers: what the packages understand."""
    if isinstance(value, TensorBase):
        tensor: Any = value.detach()  # type: ignore[attr-defined]
        return (tensor.float() if tensor.dtype.numpy.kind == "V" else tensor).numpy()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


class _Events:
    """A writer of scalars, histograms and texts over the tensorboard package."""

    def __init__(self, logdir: str, max_queue: int, flush_secs: int, filename_suffix: str) -> None:
        module = import_module("tensorboard.summary.writer.event_file_writer")
        self.file = module.EventFileWriter(logdir, max_queue, flush_secs, filename_suffix)

    def _add(self, kind: str, tag: str, value: Any, step: Any, walltime: Any) -> None:
        event = import_module("tensorboard.compat.proto.event_pb2").Event
        module = import_module(f"tensorboard.plugins.{kind}.summary_v2")  # its older twin wants tensorflow
        summary = getattr(module, f"{kind}_pb")(tag, value)
        self.file.add_event(event(wall_time=walltime or time.time(), step=int(step or 0), summary=summary))

    def add_scalar(self, tag: str, value: Any, step: Any = None, walltime: Any = None, **options: Any) -> None:
        self._add("scalar", tag, float(value), step, walltime)

    def add_scalars(self, tag: str, values: dict[str, Any], step: Any = None, walltime: Any = None) -> None:
        for name, value in values.items():
            self.add_scalar(f"{tag}/{name}", value, step, walltime)

    def add_histogram(
        self, tag: str, values: Any, step: Any = None, bins: Any = None, walltime: Any = None, max_bins: Any = None
    ) -> None:
        self._add("histogram", tag, values, step, walltime)

    def add_text(self, tag: str, text: str, step: Any = None, walltime: Any = None) -> None:
        self._add("text", tag, text, step, walltime)

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()


class SummaryWriter:
    """Writes what training tells into files that TensorBoard shows: `add_scalar("loss", loss, step)` and so on.

    Args:
        log_dir: the folder; by default runs/DATE_HOST and `comment`.
        comment: appended to the default folder's name.
        purge_step, max_queue, flush_secs, filename_suffix: as PyTorch has them; purge_step needs tensorboardX.

    Raises:
        ModuleNotFoundError: neither package is installed.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        stamp = time.strftime("%b%d_%H-%M-%S")
        self.log_dir = (
            os.fspath(log_dir) if log_dir else os.path.join("runs", f"{stamp}_{socket.gethostname()}{comment}")
        )
        if find_spec("tensorboardX") is not None:
            self._writer: Any = import_module("tensorboardX").SummaryWriter(
                self.log_dir, "", purge_step, max_queue, flush_secs, filename_suffix
            )
        elif find_spec("tensorboard") is None:
            raise ModuleNotFoundError(f"SummaryWriter: neither tensorboardX nor tensorboard is installed; {_INSTALL}")
        elif purge_step is not None:
            raise UnsupportedError("SummaryWriter: purge_step needs the tensorboardX package; pip install tensorboardX")
        else:
            self._writer = _Events(self.log_dir, max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder that is written to."""
        return self.log_dir

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._writer, name, None)
        if method is None:
            raise UnsupportedError(
                f"SummaryWriter.{name}: not with the package that is installed; pip install tensorboardX"
            )

        def call(*args: Any, **kwargs: Any) -> Any:
            return method(*map(_plain, args), **{key: _plain(value) for key, value in kwargs.items()})

        return call

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *failure: object) -> None:
        self._writer.close()
