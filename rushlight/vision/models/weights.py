"""Published weights: where they are, how images are prepared for them, and how a builder loads them.

`published.json` lists them by enum and name. A builder is a function that makes a network from its options; `published`
turns it into the public function with `weights=`, and enters it in the list of models.
"""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from importlib import resources
from typing import Any
from urllib.error import URLError

from ...errors import ArgumentError, DTypeError
from ...hub import get_dir, load_state_dict_from_url
from ...nn import Module
from ..transforms.modes import InterpolationMode
from .presets import ImageClassification

Config = dict[str, Any]
Build = Callable[..., Any]


@dataclass
class Weights:
    """Weights that are published.

    Attributes:
        url: where the state dict is.
        transforms: makes what prepares an image.
        meta: numbers of parameters and of hits, the smallest image, the names of the classes (`categories`) ...
    """

    url: str
    transforms: Callable[[], Module]
    meta: dict[str, Any]


class WeightsEnum(Enum):
    """The published weights of one network; `DEFAULT` are the best."""

    value: Weights

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member, also from its name; None stays None.

        Raises:
            KeyError: unknown name. TypeError: a member of another enum.
        """
        if isinstance(obj, str):
            return cls[obj.replace(f"{cls.__name__}.", "")]
        if obj is not None and not isinstance(obj, cls):
            raise DTypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {type(obj).__name__}."
            )
        return obj

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The state dict, downloaded once: see `hub.load_state_dict_from_url`.

        Raises:
            URLError: no network, and the file is not there.
        """
        try:
            return load_state_dict_from_url(self.url, *args, **kwargs)
        except URLError as error:
            raise URLError(
                f"{self!r} cannot be downloaded: {error.reason}. Without a network, put the file of {self.url} into "
                f"{get_dir()}/checkpoints"
            ) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    @property
    def url(self) -> str:
        """Where the state dict is."""
        return self.value.url

    @property
    def transforms(self) -> Callable[[], Module]:
        """Makes what prepares an image."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """What is known about them."""
        return self.value.meta


def _text(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


@cache
def _table() -> dict[str, Any]:
    return json.loads(_text("published.json"))


@cache
def _categories() -> list[str]:
    return _text("imagenet_classes.txt").splitlines()


def _weights(entry: dict[str, Any]) -> Weights:
    options = dict(entry["transforms"])
    if "interpolation" in options:
        options["interpolation"] = InterpolationMode[options["interpolation"]]
    meta = {"categories": _categories(), **entry["meta"], "min_size": tuple(entry["meta"]["min_size"])}
    return Weights(entry["url"], partial(ImageClassification, **options), meta)


def weights_enum(name: str) -> Any:
    """The enum of that name, from the table."""
    entries = dict(_table()[name])
    default = entries.pop("DEFAULT")
    members = {key: _weights(entry) for key, entry in entries.items()}
    make: Any = WeightsEnum  # called so, an enum without members makes another
    return make(name, {**members, "DEFAULT": members[default]}, module=__package__)


# ------------------------------------------------------------------------------------------------------------ builders

BUILDERS: dict[str, Build] = {}


def force(config: Config, name: str, value: Any) -> None:
    """Sets an option that the weights ask for.

    Raises:
        ValueError: another value was given.
    """
    if config.setdefault(name, value) != value:
        raise ArgumentError(f"The parameter '{name}' expected value {value} but got {config[name]} instead.")


def _nothing(*args: Any) -> None:
    pass


def published(
    enum: Any,
    prepare: Callable[[WeightsEnum, Config], None] = _nothing,
    adapt: Callable[[Any], Any] = lambda state: state,
    finish: Callable[[Any, Config], None] = _nothing,
) -> Callable[[Build], Build]:
    """Decorates a builder: it takes `weights=` from the enum, and is listed.

    Args:
        enum: the weights.
        prepare: changes the options for the weights.
        adapt: changes the state dict before it is loaded.
        finish: changes the network after that, by the options that were given.
    """

    def decorate(make: Build) -> Build:
        @functools.wraps(make)
        def build(weights: Any = None, progress: bool = True, **config: Any) -> Any:
            chosen = enum.verify(_modern(enum, weights, config))
            if chosen is None:
                return make(**config)
            given = dict(config)
            prepare(chosen, config)
            if chosen.meta["categories"] is not None:
                force(config, "num_classes", len(chosen.meta["categories"]))
            model = make(**config)
            model.load_state_dict(adapt(chosen.get_state_dict(progress=progress, check_hash=True)))
            finish(model, given)
            return model

        build.weights_enum = enum  # type: ignore[attr-defined]
        BUILDERS[make.__name__] = build
        return build

    return decorate


def _modern(enum: Any, weights: Any, config: Config) -> Any:
    """The weights, also from how they were asked for before torchvision 0.13: pretrained=True."""
    if "pretrained" in config:
        warnings.warn(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, please use "
            "'weights' instead.",
            stacklevel=3,
        )
        asked = config.pop("pretrained")
    elif isinstance(weights, bool):
        asked = weights
    else:
        return weights
    chosen = enum["IMAGENET1K_V1"] if asked else None
    warnings.warn(
        "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and may be removed in "
        f"the future. The current behavior is equivalent to passing `weights={chosen}`.",
        stacklevel=3,
    )
    return chosen
