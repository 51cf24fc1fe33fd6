// `Guards` says whether a call would take the path that a recording took: what was read then (entries of dicts,
// attributes, cells, the looks of tensors) is still there. rushlight/compiler/ makes them; replay.cpp has the steps of
// that path.
#include "python/tape.h"

#include <structmember.h>

#include <cstddef>
#include <cstring>
#include <vector>

extern "C" PyObject* _PyType_Lookup(PyTypeObject*, PyObject*);  // what attribute access asks of a class, with its cache

namespace rushlight {
namespace {

// Whether two Python values are one and the same to any program: one object, or equal numbers, texts or tuples of them.
bool is_same(PyObject* a, PyObject* b) {
    if (a == b) return true;
    if (!a || !b || Py_TYPE(a) != Py_TYPE(b)) return false;
    if (PyFloat_CheckExact(a)) {
        const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
        return memcmp(&x, &y, sizeof x) == 0;  // tells 0 from -0, and takes NaN for itself
    }
    if (PyTuple_CheckExact(a)) {
        if (PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) return false;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); i++)
            if (!is_same(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i))) return false;
        return true;
    }
    if (!PyLong_CheckExact(a) && !PyUnicode_CheckExact(a) && !PyBytes_CheckExact(a)) return false;
    const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
    if (equal < 0) PyErr_Clear();
    return equal == 1;
}

// Whether the strides of a tensor that is not row-major are the user's choice (see Tensor._pin).
bool is_layout_kept(PyObject* tensor) {
    if (PyArray_IS_C_CONTIGUOUS(as_array(as_tensor(tensor)->array))) return true;
    PyObject* base = as_tensor(tensor)->base;
    Ref kept(PyObject_GetAttrString(is_none(base) ? tensor : base, "_layout_kept"));
    return kept && kept.get() == Py_True;
}

// What a tensor must look like: class, dtype, sizes, strides, whether it is part of a graph, and whether strides that
// are not row-major stay when they are asked for.
struct Looks {
    PyTypeObject* type;
    PyArray_Descr* dtype;
    std::vector<npy_intp> sizes, strides;
    bool recorded, kept;

    explicit Looks(PyObject* tensor)
        : type(Py_TYPE(tensor)), recorded(!is_none(as_tensor(tensor)->edge)), kept(is_layout_kept(tensor)) {
        PyArrayObject* a = as_array(as_tensor(tensor)->array);
        dtype = PyArray_DESCR(a);
        sizes.assign(PyArray_DIMS(a), PyArray_DIMS(a) + PyArray_NDIM(a));
        strides.assign(PyArray_STRIDES(a), PyArray_STRIDES(a) + PyArray_NDIM(a));
        Py_INCREF(dtype);
    }
    bool fit(PyObject* tensor) const {
        if (Py_TYPE(tensor) != type || is_none(as_tensor(tensor)->edge) == recorded) return false;
        PyObject* array = as_tensor(tensor)->array;
        if (!array || !PyArray_CheckExact(array)) return false;
        PyArrayObject* a = as_array(array);
        if (PyArray_DESCR(a) != dtype && !PyArray_EquivTypes(PyArray_DESCR(a), dtype)) return false;
        if (size_t(PyArray_NDIM(a)) != sizes.size() || !PyArray_ISBEHAVED_RO(a)) return false;
        for (size_t i = 0; i < sizes.size(); i++)
            if (PyArray_DIM(a, int(i)) != sizes[i] || PyArray_STRIDE(a, int(i)) != strides[i]) return false;
        return is_layout_kept(tensor) == kept;
    }
};

enum Kind { ENTRY_OF, ATTRIBUTE_OF, CELL, LENGTH, ITEMS, CODE, TENSOR, CLASS_OF, BARE };

// One thing that was read while recording: where (`place`, `key`) and what was there (`value`).
struct Guard {
    Kind kind;
    PyObject *place, *key, *value;
    Looks* looks;
};

// Whether a dict has these items, (key, value, key, value, ...), in this order.
bool has_items(PyObject* dict, PyObject* items) {
    if (2 * PyDict_GET_SIZE(dict) != PyTuple_GET_SIZE(items)) return false;
    PyObject *key, *value;
    for (Py_ssize_t at = 0, i = 0; PyDict_Next(dict, &at, &key, &value); i += 2)
        if (!is_same(key, PyTuple_GET_ITEM(items, i)) || !is_same(value, PyTuple_GET_ITEM(items, i + 1))) return false;
    return true;
}

bool holds(const Guard& g) {
    switch (g.kind) {
        case ENTRY_OF:
            return is_same(PyDict_GetItemWithError(g.place, g.key), g.value == Py_Ellipsis ? nullptr : g.value);
        case ATTRIBUTE_OF:
            return _PyType_Lookup(reinterpret_cast<PyTypeObject*>(g.place), g.key) == g.value;
        case CELL:
            return is_same(PyCell_GET(g.place), g.value);
        case LENGTH:
            return PyObject_Size(g.place) == PyLong_AsSsize_t(g.value);
        case ITEMS: {
            if (PyDict_Check(g.place)) return has_items(g.place, g.value);
            if (PyList_GET_SIZE(g.place) != PyTuple_GET_SIZE(g.value)) return false;
            for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(g.value); i++)
                if (!is_same(PyList_GET_ITEM(g.place, i), PyTuple_GET_ITEM(g.value, i))) return false;
            return true;
        }
        case CODE: {
            PyObject* defaults = PyFunction_GetDefaults(g.place);
            return PyFunction_GetCode(g.place) == g.value && (defaults ? defaults : Py_None) == g.key;
        }
        case TENSOR:
            return g.looks->fit(g.place);
        case CLASS_OF:
            return reinterpret_cast<PyObject*>(Py_TYPE(g.place)) == g.value;
        case BARE:
            return has_no_hooks(g.place);
    }
    return false;
}

// Guards(arguments, guards, tensors, grad_enabled): arguments are Tensors, which may change as long as they look the
// same, or constants; guards are (kind, place, key, value); `tensors` are those whose arrays a program starts from.
struct Guards {
    PyObject_HEAD
    std::vector<Guard>* guards;
    std::vector<Looks*>* looks;  // of the arguments; nullptr for constants
    PyObject *arguments, *tensors;
    bool grad_enabled;
    vectorcallfunc call;
};

Guards* as_guards(PyObject* o) { return reinterpret_cast<Guards*>(o); }

bool may_replay(const Guards* self, PyObject* arguments) {
    if (self->grad_enabled != grad_enabled || inference || !is_none(tape.recorder)) return false;
    const Py_ssize_t count = PyTuple_GET_SIZE(self->arguments);
    if (PyTuple_GET_SIZE(arguments) != count) return false;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *given = PyTuple_GET_ITEM(arguments, i), *expected = PyTuple_GET_ITEM(self->arguments, i);
        const Looks* looks = (*self->looks)[size_t(i)];
        if (looks ? !(is_tensor(given) && looks->fit(given)) : !is_same(given, expected)) return false;
        for (Py_ssize_t j = 0; looks && j < i; j++)  // the same tensor twice, or different ones, as it was
            if ((given == PyTuple_GET_ITEM(arguments, j)) != (expected == PyTuple_GET_ITEM(self->arguments, j)))
                return false;
    }
    for (const Guard& g : *self->guards)
        if (!holds(g)) return PyErr_Clear(), false;
    return true;
}

// guards(arguments): the arrays and then the edges of all tensors that the program starts from, or None.
PyObject* call_guards(PyObject* object, PyObject* const* args, size_t flagged, PyObject* names) {
    Guards* self = as_guards(object);
    if (PyVectorcall_NARGS(flagged) != 1 || names || !PyTuple_CheckExact(args[0]))
        return PyErr_Format(PyExc_TypeError, "guards: expected a tuple of arguments");
    if (!may_replay(self, args[0])) Py_RETURN_NONE;
    const Py_ssize_t given = PyTuple_GET_SIZE(args[0]), count = given + PyTuple_GET_SIZE(self->tensors);
    PyObject* values = PyTuple_New(2 * count);
    for (Py_ssize_t i = 0; values && i < count; i++) {
        PyObject* from = i < given ? PyTuple_GET_ITEM(args[0], i) : PyTuple_GET_ITEM(self->tensors, i - given);
        PyObject *value = from, *edge = Py_None;
        if (is_tensor(from)) {
            value = as_tensor(from)->array;
            if (!is_none(as_tensor(from)->edge)) edge = as_tensor(from)->edge;
        }
        Py_INCREF(value);
        Py_INCREF(edge);
        PyTuple_SET_ITEM(values, i, value);
        PyTuple_SET_ITEM(values, count + i, edge);
    }
    return values;
}

bool read_guard(PyObject* row, Guard* out) {
    int kind = 0;
    if (!PyArg_ParseTuple(row, "iOOO", &kind, &out->place, &out->key, &out->value)) return false;
    out->kind = Kind(kind);
    bool fits = true;
    if (out->kind == ENTRY_OF) fits = PyDict_Check(out->place);
    if (out->kind == ATTRIBUTE_OF) fits = PyType_Check(out->place);
    if (out->kind == CELL) fits = PyCell_Check(out->place);
    if (out->kind == ITEMS) fits = (PyList_Check(out->place) || PyDict_Check(out->place)) && PyTuple_Check(out->value);
    if (out->kind == CODE) fits = PyFunction_Check(out->place);
    if (out->kind == TENSOR || out->kind == BARE) fits = is_tensor(out->place);
    if (!fits) return PyErr_SetString(PyExc_TypeError, "Guards: a guard of an unknown kind"), false;
    out->looks = out->kind == TENSOR ? new Looks(out->place) : nullptr;
    return true;
}

int clear_guards(PyObject* object) {
    Guards* self = as_guards(object);
    std::vector<Guard> guards;
    if (self->guards) guards.swap(*self->guards);
    for (Guard& g : guards)
        for (PyObject* o : {g.place, g.key, g.value}) Py_DECREF(o);
    for (Guard& g : guards) delete g.looks;
    Py_CLEAR(self->arguments);
    Py_CLEAR(self->tensors);
    return 0;
}

PyObject* new_guards(PyTypeObject* type, PyObject* args, PyObject*) {
    PyObject *arguments, *rows, *tensors;
    int enabled;
    if (!PyArg_ParseTuple(args, "O!O!O!p", &PyTuple_Type, &arguments, &PyList_Type, &rows, &PyTuple_Type, &tensors,
                          &enabled))
        return nullptr;
    Ref object(type->tp_alloc(type, 0));
    if (!object) return nullptr;
    Guards* self = as_guards(object.get());
    self->guards = new std::vector<Guard>;
    self->looks = new std::vector<Looks*>;
    self->grad_enabled = enabled;
    self->call = call_guards;
    put(self->arguments, arguments);
    put(self->tensors, tensors);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); i++) {
        PyObject* each = PyTuple_GET_ITEM(arguments, i);
        self->looks->push_back(is_tensor(each) ? new Looks(each) : nullptr);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(rows); i++) {
        Guard guard{};
        if (!read_guard(PyList_GET_ITEM(rows, i), &guard)) return nullptr;
        for (PyObject* o : {guard.place, guard.key, guard.value}) Py_INCREF(o);
        self->guards->push_back(guard);
    }
    return object.release();
}

int traverse_guards(PyObject* object, visitproc visit, void* arg) {
    Guards* self = as_guards(object);
    if (self->guards)
        for (const Guard& g : *self->guards)
            for (PyObject* o : {g.place, g.key, g.value}) Py_VISIT(o);
    Py_VISIT(self->arguments);
    Py_VISIT(self->tensors);
    Py_VISIT(Py_TYPE(object));
    return 0;
}

void free_guards(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear_guards(object);
    Guards* self = as_guards(object);
    if (self->looks)
        for (Looks* looks : *self->looks) {
            if (looks) Py_DECREF(looks->dtype);
            delete looks;
        }
    delete self->looks;
    delete self->guards;
    type->tp_free(object);
    Py_DECREF(type);
}

PyMemberDef guards_members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(Guards, call), READONLY, nullptr}, {}};
PyType_Slot guards_slots[] = {{Py_tp_new, reinterpret_cast<void*>(new_guards)},
                              {Py_tp_dealloc, reinterpret_cast<void*>(free_guards)},
                              {Py_tp_traverse, reinterpret_cast<void*>(traverse_guards)},
                              {Py_tp_clear, reinterpret_cast<void*>(clear_guards)},
                              {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                              {Py_tp_members, guards_members},
                              {0, nullptr}};
PyType_Spec guards_spec = {"rushlight.kernels.Guards", sizeof(Guards), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, guards_slots};

}  // namespace

bool add_guards_type(PyObject* module) {
    Ref guards(PyType_FromSpec(&guards_spec));
    return guards && PyModule_AddObjectRef(module, "Guards", guards.get()) == 0;
}

}  // namespace rushlight
