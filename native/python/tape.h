// What the tape's C++ files share: the layout of Tensors, tape entries and leaves, and the classes made in Python.
// tape.cpp holds the classes and `apply`, walk.cpp the walk back. Both are twins of the plain classes and functions in
// rushlight/autograd/, name for name; everything rare (several outputs, hooks, errors, derivatives of higher order) is
// left to the Python code there.
#pragma once
#include "python/binding.h"

namespace rushlight {

using Clock = unsigned long long;

struct Tensor {
    PyObject_HEAD
    PyObject *array, *edge, *base, *path, *views, *grad;
    Py_ssize_t views_due;  // how long `views` may get before the dead ones among them are dropped
};

struct Entry {
    PyObject_HEAD
    PyObject *edges, *saved, *args, *hooks, *retained, *trace;
    Py_ssize_t outputs;
    Clock seq, mark;
};

struct Leaf {
    PyObject_HEAD
    PyObject *tensor, *hooks, *after, *weak;  // tensor: a weak reference
    Clock seq;
};

inline Tensor* as_tensor(PyObject* o) { return reinterpret_cast<Tensor*>(o); }
inline Entry* as_entry(PyObject* o) { return reinterpret_cast<Entry*>(o); }
inline Leaf* as_leaf(PyObject* o) { return reinterpret_cast<Leaf*>(o); }

// Known after import: the classes, and what the hot path calls.
struct Tape {
    PyTypeObject *tensor_base, *tensor_type, *entry_type, *view_type, *leaf_type, *pick_type;
    PyObject *empty_tuple, *differentiate, *call_hooks, *retain, *deliver, *recorder;
    PyObject *s_forward, *s_backward, *s_saves, *s_differentiate, *s_index, *s_check;
    Clock now, last_write;
};
extern Tape tape;
extern thread_local bool grad_enabled, inference;

// The object at `slot` replaced.
inline void put(PyObject*& slot, PyObject* value) {
    PyObject* old = slot;
    Py_XINCREF(value);
    slot = value;
    Py_XDECREF(old);
}

inline bool is_none(PyObject* o) { return !o || o == Py_None; }

inline bool is_tensor(PyObject* o) { return Py_TYPE(o) == tape.tensor_type || PyObject_TypeCheck(o, tape.tensor_base); }

// Hooks that were taken away leave an empty dict.
inline bool is_none_or_empty(PyObject* dict) {
    return is_none(dict) || (PyDict_Check(dict) && PyDict_GET_SIZE(dict) == 0);
}

// Whether nothing is called when a gradient comes to this leaf.
inline bool has_no_hooks(PyObject* tensor) {
    PyObject* edge = as_tensor(tensor)->edge;
    return is_none(edge) || Py_TYPE(edge) != tape.leaf_type ||
           (is_none_or_empty(as_leaf(edge)->hooks) && is_none_or_empty(as_leaf(edge)->after));
}

// A tuple of the first `count` objects.
inline Ref tuple_of(PyObject* const* objects, Py_ssize_t count) {
    Ref tuple(PyTuple_New(count));
    for (Py_ssize_t i = 0; tuple && i < count; i++) {
        Py_INCREF(objects[i]);
        PyTuple_SET_ITEM(tuple.get(), i, objects[i]);
    }
    return tuple;
}

// A Tensor around `array` (a new reference); NumPy's scalars become 0-d arrays.
PyObject* wrap_array(Ref array, PyObject* edge);

// Notes a write in place to the memory of `array`.
void note_write(PyObject* array);

// Whether what an entry saved was written to in place after the entry was made.
bool is_written_since(PyObject* array, Clock seq);

}  // namespace rushlight
