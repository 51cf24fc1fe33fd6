"""What reads image files: Pillow, under torchvision's switches."""

from __future__ import annotations

from ..errors import ArgumentError, UnsupportedError


def set_image_backend(backend: str) -> None:
    """Chooses what loads images.

    Args:
        backend: "PIL".

    Raises:
        NotImplementedError: "accimage". ValueError: unknown.
    """
    if backend == "accimage":
        raise UnsupportedError("set_image_backend: accimage is not supported; images are read by Pillow ('PIL')")
    if backend != "PIL":
        raise ArgumentError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage'")


def get_image_backend() -> str:
    """What loads images: "PIL"."""
    return "PIL"


def disable_beta_transforms_warning() -> None:
    """There is no such warning here."""
