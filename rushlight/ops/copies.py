"""The `_copy` form of every view operator: the same result in memory of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import sections, shape, strided
from .promotion import into


def _copying(view: Callable[..., Any], name: str) -> Callable[..., Any]:
    def function(input: Any, *args: Any, out: Any = None, **options: Any) -> Any:
        found = view(input, *args, **options)
        if not isinstance(found, tuple):
            return into(out, found.clone(), name)
        if out is None:
            return tuple(piece.clone() for piece in found)
        for place, piece in zip(out, found):
            into(place, piece, name)
        return None

    function.__name__ = name
    function.__doc__ = f"A copy of what `{name.removesuffix('_copy')}` gives."
    return function


alias_copy = _copying(shape.view_as_itself, "alias_copy")
as_strided_copy = _copying(strided.as_strided, "as_strided_copy")
detach_copy = _copying(lambda x: x.detach(), "detach_copy")
diagonal_copy = _copying(strided.diagonal, "diagonal_copy")
expand_copy = _copying(shape.expand, "expand_copy")
permute_copy = _copying(shape.permute, "permute_copy")
select_copy = _copying(sections.select, "select_copy")
slice_copy = _copying(
    lambda x, dim=0, start=None, end=None, step=1: x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)],
    "slice_copy",
)
split_copy = _copying(sections.split, "split_copy")
split_with_sizes_copy = _copying(sections.split_with_sizes, "split_with_sizes_copy")
squeeze_copy = _copying(shape.squeeze, "squeeze_copy")
t_copy = _copying(shape.t, "t_copy")
transpose_copy = _copying(shape.transpose, "transpose_copy")
unbind_copy = _copying(sections.unbind, "unbind_copy")
unfold_copy = _copying(strided.unfold, "unfold_copy")
unsqueeze_copy = _copying(shape.unsqueeze, "unsqueeze_copy")
view_copy = _copying(shape.view, "view_copy")
view_as_complex_copy = _copying(shape.view_as_complex, "view_as_complex_copy")
view_as_real_copy = _copying(shape.view_as_real, "view_as_real_copy")
