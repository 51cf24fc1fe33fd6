"""What surrounds training: data sets and loaders, handles of hooks."""

from . import data, hooks
