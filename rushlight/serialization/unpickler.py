"""Reading pickles without running what they ask for.

A pickle is a program for a stack machine that can name any function and call it. `Reader` is such a machine whose only
functions are those in its table: the builders of tensors and of a few plain containers, and what the user added. It is
written out here, rather than derived from Python's unpickler, so that nothing else can be reached.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import dtypes
from ..device import device
from ..errors import RushlightError
from ..tensor import Size, Tensor
from .storages import REBUILDERS, TYPED, StorageType, rebuild_from_type

_MARK = object()


class UnsafePickleError(RushlightError, pickle.UnpicklingError):
    """A pickle asks for something that is not allowed, or is damaged."""


# --------------------------------------------------------------------------------------------- what may be called


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """`_codecs.encode`, by which older pickles write bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise UnsafePickleError(f"encoding {encoding!r} is not allowed")
    return text.encode(encoding)


def _bytearray(content: Any = b"", encoding: Any = "latin1") -> bytearray:
    return bytearray(content if isinstance(content, bytes) else _encode(content, encoding))


def _defaultdict(factory: Any = None, items: Any = ()) -> Any:
    if factory not in (None, list, dict, set, int, float):
        raise UnsafePickleError("a defaultdict may only make lists, dicts, sets and numbers")
    return defaultdict(factory, items)


def _complex(real: Any, imag: Any) -> complex:
    if not all(isinstance(part, (int, float)) for part in (real, imag)):
        raise UnsafePickleError("a complex number is to be made of two numbers")
    return complex(real, imag)


def _size(sizes: Any) -> Size:
    return Size(tuple(int(n) for n in sizes))


_CODE = re.compile(r"[<>|=]?[biufcSU]\d{1,5}", re.ASCII)


def _numpy_dtype(code: Any, align: Any = False, copy: Any = True) -> Any:
    """A dtype by its code, 'f8' say. NumPy itself also takes text that it evaluates."""
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise UnsafePickleError(f"NumPy's dtype {code!r} is not allowed")
    return np.dtype(code)


def _numpy_scalar(kind: Any, data: Any = b"") -> Any:
    if not isinstance(kind, np.dtype) or not isinstance(data, bytes) or len(data) != kind.itemsize:
        raise UnsafePickleError("a NumPy scalar is to be a dtype and its bytes")
    return np.frombuffer(data, kind)[0]


def _numpy_array(cls: Any, shape: Any, code: Any) -> Any:
    """An array whose content comes later, in the way of `numpy._reconstruct`."""
    return np.empty(0)


def _fill_numpy_array(array: Any, state: Any) -> None:
    _, shape, kind, fortran, data = state
    if not isinstance(kind, np.dtype) or kind.hasobject or not isinstance(data, bytes):
        raise UnsafePickleError("a NumPy array is to be a shape, a dtype and its bytes")
    if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)):
        raise UnsafePickleError(f"a NumPy array has shape {shape!r}")
    array.__setstate__((1, shape, kind, bool(fortran), data))


def _layout(name: Any) -> Any:
    from ..ops import conversion

    if name not in ("torch.strided", "strided"):
        raise UnsafePickleError(f"layout {name!r} does not exist here")
    return conversion.strided


_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")

CALLABLE: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "collections.defaultdict": _defaultdict,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.complex": _complex,
    "builtins.bytearray": _bytearray,
    "_codecs.encode": _encode,
    "torch.Size": _size,
    "torch.device": device,
    "torch.serialization._get_layout": _layout,
    "torch._tensor._rebuild_from_type_v2": rebuild_from_type,
    "numpy.dtype": _numpy_dtype,
    **{f"torch._utils.{name}": function for name, function in REBUILDERS.items()},
    **{f"{module}.scalar": _numpy_scalar for module in _NUMPY},
    **{f"{module}._reconstruct": _numpy_array for module in _NUMPY},
}

# Names that stand for a thing and are never called.
VALUES: dict[str, Any] = {
    "torch.Tensor": Tensor,
    "torch._tensor.Tensor": Tensor,
    "torch.nn.parameter.Parameter": Tensor,
    "numpy.ndarray": np.ndarray,
    "torch.storage.UntypedStorage": StorageType(dtypes.uint8),
    "torch.UntypedStorage": StorageType(dtypes.uint8),
    **{f"torch.{kind.name}": kind for kind in dtypes.ALL},
    **{f"torch.{name}": StorageType(kind) for name, kind in TYPED.items()},
    **{f"builtins.{kind.__name__}": kind for kind in (list, dict, int, float)},
}

_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}


# --------------------------------------------------------------------------------------- what the user allows besides

_added: dict[str, Any] = {}


def _path_of(each: Any) -> tuple[str, Any]:
    """The name by which a pickle would ask for a class or function."""
    if isinstance(each, tuple):
        if len(each) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(each)}"
            )
        if not isinstance(each[1], str):
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(each[1])}")
        return each[1], each[0]
    return f"{each.__module__}.{each.__qualname__}", each


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Lets `load` make objects of these classes, and call these functions, also with `weights_only=True`.

    Args:
        safe_globals: classes and functions, or pairs of one and the name by which the file asks for it.
    """
    _added.update(_path_of(each) for each in safe_globals)


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` added."""
    return list(_added.values())


def clear_safe_globals() -> None:
    """Takes back all that was added."""
    _added.clear()


class safe_globals:
    """A block in which these classes and functions are allowed; see `add_safe_globals`."""

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self.allowed = list(safe_globals)

    def __enter__(self) -> None:
        self.before = dict(_added)
        add_safe_globals(self.allowed)

    def __exit__(self, *failure: object) -> None:
        _added.clear()
        _added.update(self.before)


# ----------------------------------------------------------------------------------------------------- the machine

_Op = Callable[["Reader"], None]
_operations: dict[int, _Op] = {}


def _operation(code: bytes) -> Callable[[_Op], _Op]:
    def register(function: _Op) -> _Op:
        _operations[code[0]] = function
        return function

    return register


class Reader:
    """The stack machine: reads one pickle from a file.

    Args:
        file: read from where it stands, to the end of the pickle.
        persistent_load: gives the object (a Storage) behind an id that the pickle uses.
        encoding: of text written by Python 2.
    """

    def __init__(self, file: Any, persistent_load: Callable[[Any], Any] | None = None, encoding: str = "utf-8") -> None:
        self.file = file
        self.persistent_load = persistent_load
        self.encoding = encoding
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.callable_ids = {id(f) for f in (*CALLABLE.values(), *_added.values())}
        self.added = dict(_added)
        self.asked: set[str] | None = None  # names, where they are only to be listed

    def load(self) -> Any:
        """The object.

        Raises:
            pickle.UnpicklingError: something is not allowed, or the pickle is damaged.
        """
        try:
            return self._run()
        except (RushlightError, EOFError):
            raise
        except Exception as why:
            raise UnsafePickleError(f"damaged pickle: {type(why).__name__}: {why}") from why

    def _run(self) -> Any:
        while True:
            code = self.file.read(1)
            if not code:
                raise EOFError("the pickle ends too early")
            if code == pickle.STOP:
                return self.stack.pop()
            operation = _operations.get(code[0])
            if operation is None:
                raise UnsafePickleError(f"Unsupported operand {code[0]}")
            operation(self)

    # -- bytes

    def take(self, count: int) -> bytes:
        data: bytes = self.file.read(count)
        if len(data) != count:
            raise EOFError("the pickle ends too early")
        return data

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def line(self) -> str:
        data: bytes = self.file.readline(1000)
        if not data.endswith(b"\n"):
            raise UnsafePickleError("a name does not end")
        return data[:-1].decode("utf-8")

    # -- the stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is _MARK:
                items = self.stack[i + 1 :]
                del self.stack[i:]
                return items
        raise UnsafePickleError("there is no mark on the stack")

    # -- names and calls

    def find(self, module: str, name: str) -> Any:
        path = f"{_PYTHON_2.get(module, module)}.{name}"
        if self.asked is not None:
            self.asked.add(path)
            return _nothing
        for table in (CALLABLE, VALUES, self.added):
            if path in table:
                return table[path]
        shown = path.removeprefix("builtins.")
        raise UnsafePickleError(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{shown}])` or the `torch.serialization.safe_globals([{shown}])` "
            "context manager to allowlist this global if you trust this class/function."
        )

    def call(self, function: Any, args: Any) -> Any:
        if self.asked is not None:
            return _Anything()
        if id(function) not in self.callable_ids or not isinstance(args, tuple):
            raise UnsafePickleError(f"Trying to call reduce for unrecognized function {function!r}")
        return function(*args)

    def create(self, cls: Any, args: Any) -> Any:
        if self.asked is not None:
            return _Anything()
        if not isinstance(cls, type) or not any(cls is each for each in (*self.added.values(), OrderedDict)):
            raise UnsafePickleError(
                "Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got "
                f"{cls}"
            )
        return cls.__new__(cls, *args)

    def build(self, target: Any, state: Any) -> None:
        """Gives an object its state."""
        if self.asked is not None:
            return
        if type(target) is OrderedDict:
            vars(target).update({k: v for k, v in state.items() if k == "_metadata"})
        elif type(target) is np.ndarray:
            _fill_numpy_array(target, state)
        elif isinstance(target, np.dtype):
            if state[1] not in ("<", "|", "="):
                raise UnsafePickleError("NumPy arrays of another byte order are not read")
        elif any(type(target) is each for each in self.added.values()):
            _set_state(target, state)
        else:
            raise UnsafePickleError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{type(target)}"
            )


class _Anything(dict):  # type: ignore[type-arg]
    """What stands for every object while names are only listed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def _nothing(*args: Any) -> None:
    """What stands for every function while names are only listed."""


def _set_state(target: Any, state: Any) -> None:
    """As Python's unpickler does, for a class that the user allowed."""
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    vars(target).update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(target, name, value)


# ------------------------------------------------------------------------------------------------- its operations


def _constant(code: bytes, make: Callable[[], Any]) -> None:
    _operations[code[0]] = lambda reader: reader.push(make())


for _code, _make in (
    (pickle.NONE, lambda: None),
    (pickle.NEWTRUE, lambda: True),
    (pickle.NEWFALSE, lambda: False),
    (pickle.EMPTY_TUPLE, tuple),
    (pickle.EMPTY_LIST, list),
    (pickle.EMPTY_DICT, dict),
    (pickle.EMPTY_SET, set),
    (pickle.MARK, lambda: _MARK),
):
    _constant(_code, _make)


def _number(code: bytes, form: str) -> None:
    _operations[code[0]] = lambda reader: reader.push(reader.number(form))


_number(pickle.BININT, "i")
_number(pickle.BININT1, "B")
_number(pickle.BININT2, "H")
_operations[pickle.BINFLOAT[0]] = lambda reader: reader.push(struct.unpack(">d", reader.take(8))[0])
_operations[pickle.LONG1[0]] = lambda reader: reader.push(pickle.decode_long(reader.take(reader.number("B"))))


def _bytes(code: bytes, length: str, convert: Callable[[Reader, bytes], Any]) -> None:
    _operations[code[0]] = lambda reader: reader.push(convert(reader, reader.take(reader.number(length))))


def _text(reader: Reader, data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _python_2_text(reader: Reader, data: bytes) -> Any:
    return data if reader.encoding == "bytes" else data.decode(reader.encoding)


def _as_bytes(reader: Reader, data: bytes) -> bytes:
    return data


_bytes(pickle.BINUNICODE, "I", _text)
_bytes(pickle.SHORT_BINUNICODE, "B", _text)
_bytes(pickle.BINUNICODE8, "Q", _text)
_bytes(pickle.SHORT_BINSTRING, "B", _python_2_text)
_bytes(pickle.BINSTRING, "i", _python_2_text)
_bytes(pickle.BINBYTES, "I", _as_bytes)
_bytes(pickle.SHORT_BINBYTES, "B", _as_bytes)
_bytes(pickle.BINBYTES8, "Q", _as_bytes)
_bytes(pickle.BYTEARRAY8, "Q", lambda reader, data: bytearray(data))


@_operation(pickle.PROTO)
def _proto(reader: Reader) -> None:
    version = reader.number("B")
    if not 2 <= version <= 5:
        raise UnsafePickleError(f"pickles of protocol {version} are not read")


@_operation(pickle.FRAME)
def _frame(reader: Reader) -> None:
    reader.take(8)


@_operation(pickle.POP)
def _pop(reader: Reader) -> None:
    reader.stack.pop()


@_operation(pickle.TUPLE)
def _tuple(reader: Reader) -> None:
    reader.push(tuple(reader.since_mark()))


def _short_tuple(code: bytes, count: int) -> None:
    def run(reader: Reader) -> None:
        items = tuple(reader.stack[-count:])
        if len(items) != count:
            raise UnsafePickleError("the stack is too short")
        reader.stack[-count:] = [items]

    _operations[code[0]] = run


_short_tuple(pickle.TUPLE1, 1)
_short_tuple(pickle.TUPLE2, 2)
_short_tuple(pickle.TUPLE3, 3)


@_operation(pickle.FROZENSET)
def _frozenset(reader: Reader) -> None:
    reader.push(frozenset(reader.since_mark()))


def _target(reader: Reader, kinds: tuple[type, ...]) -> Any:
    """The container on top of the stack; only containers of these very classes are written to."""
    container = reader.stack[-1]
    if type(container) not in kinds:
        raise UnsafePickleError(f"Can only add to {', '.join(k.__name__ for k in kinds)}, but got {type(container)}")
    return container


_DICTS = (dict, OrderedDict, defaultdict, Counter, _Anything)


@_operation(pickle.APPEND)
def _append(reader: Reader) -> None:
    value = reader.stack.pop()
    _target(reader, (list,)).append(value)


@_operation(pickle.APPENDS)
def _appends(reader: Reader) -> None:
    values = reader.since_mark()
    _target(reader, (list,)).extend(values)


@_operation(pickle.SETITEM)
def _setitem(reader: Reader) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    _target(reader, _DICTS)[key] = value


@_operation(pickle.SETITEMS)
def _setitems(reader: Reader) -> None:
    items = reader.since_mark()
    target = _target(reader, _DICTS)
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[key] = value


@_operation(pickle.ADDITEMS)
def _additems(reader: Reader) -> None:
    values = reader.since_mark()
    _target(reader, (set,)).update(values)


def _put(code: bytes, form: str) -> None:
    def run(reader: Reader) -> None:
        reader.memo[reader.number(form)] = reader.stack[-1]

    _operations[code[0]] = run


def _get(code: bytes, form: str) -> None:
    _operations[code[0]] = lambda reader: reader.push(reader.memo[reader.number(form)])


_put(pickle.BINPUT, "B")
_put(pickle.LONG_BINPUT, "I")
_get(pickle.BINGET, "B")
_get(pickle.LONG_BINGET, "I")


@_operation(pickle.MEMOIZE)
def _memoize(reader: Reader) -> None:
    reader.memo[len(reader.memo)] = reader.stack[-1]


@_operation(pickle.GLOBAL)
def _global(reader: Reader) -> None:
    reader.push(reader.find(reader.line(), reader.line()))


@_operation(pickle.STACK_GLOBAL)
def _stack_global(reader: Reader) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise UnsafePickleError("a name is to be text")
    reader.push(reader.find(module, name))


@_operation(pickle.REDUCE)
def _reduce(reader: Reader) -> None:
    args, function = reader.stack.pop(), reader.stack.pop()
    reader.push(reader.call(function, args))


@_operation(pickle.NEWOBJ)
def _newobj(reader: Reader) -> None:
    args, cls = reader.stack.pop(), reader.stack.pop()
    reader.push(reader.create(cls, args))


@_operation(pickle.BUILD)
def _build(reader: Reader) -> None:
    state = reader.stack.pop()
    reader.build(reader.stack[-1], state)


@_operation(pickle.BINPERSID)
def _persistent(reader: Reader) -> None:
    name = reader.stack.pop()
    if reader.asked is not None:
        reader.push(_Anything())
    elif reader.persistent_load is None:
        raise UnsafePickleError("the pickle refers to data that is not there")
    else:
        reader.push(reader.persistent_load(name))


def names_in(data: bytes) -> set[str]:
    """The classes and functions that a pickle asks for, without making anything."""
    reader = Reader(io.BytesIO(data))
    reader.asked = set()
    reader.load()
    return reader.asked


def is_allowed(name: str) -> bool:
    """Whether a pickle may ask for this."""
    return name in CALLABLE or name in VALUES or name in _added
