// What rushlight/compiler replays: `Guards`, which says whether a call would take the path that was recorded, and
// `Program`, the steps of that path. Both are made in rushlight/compiler/ and know nothing of how steps were found.
#include "python/tape.h"

#include <structmember.h>

#include <cstddef>
#include <cstring>
#include <vector>

extern "C" PyObject* _PyType_Lookup(PyTypeObject*, PyObject*);  // what attribute access asks of a class, with its cache

namespace rushlight {
namespace {

using Slots = std::vector<PyObject*>;  // references

// Gives all references back at the end of the scope.
struct Held {
    Slots slots;
    explicit Held(size_t n) : slots(n, nullptr) {}
    Held(const Held&) = delete;
    ~Held() {
        for (PyObject* o : slots) Py_XDECREF(o);
    }
};

bool read_slots(PyObject* tuple, std::vector<Py_ssize_t>* out) {
    if (!PyTuple_Check(tuple)) return PyErr_SetString(PyExc_TypeError, "expected a tuple of numbers"), false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        out->push_back(PyLong_AsSsize_t(PyTuple_GET_ITEM(tuple, i)));
        if (PyErr_Occurred()) return false;
    }
    return true;
}

// --- guards ----------------------------------------------------------------------------------------------------------

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

bool is_none_or_empty(PyObject* dict) { return is_none(dict) || (PyDict_Check(dict) && PyDict_GET_SIZE(dict) == 0); }

// Whether nothing is called when a gradient comes to this leaf.
bool has_no_hooks(PyObject* tensor) {
    PyObject* edge = as_tensor(tensor)->edge;
    return is_none(edge) || Py_TYPE(edge) != tape.leaf_type ||
           (is_none_or_empty(as_leaf(edge)->hooks) && is_none_or_empty(as_leaf(edge)->after));
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

// --- programs --------------------------------------------------------------------------------------------------------

// FORWARD and UNPACK share a tuple out to slots; FORWARD also makes 0-d arrays of NumPy's scalars, as the tape does.
// BEGIN and END are what the tape does before and after the forward of an operator whose backward is to come.
enum Action { CALL, UNPACK, FORWARD, BEGIN, END, SUM, DELIVER, WRAP };

// One step: what it does, with which object, from which slots to which; `last` are slots that nobody reads after it.
struct Step {
    Action action;
    PyObject* object;
    std::vector<Py_ssize_t> in, out, last;
};

// Program(constants, inputs, steps, results): `constants` has the object for each slot, or Ellipsis.
struct Program {
    PyObject_HEAD
    std::vector<Step>* steps;
    std::vector<Py_ssize_t>*inputs, *results;
    PyObject* constants;  // a tuple
    Py_ssize_t failed;    // the step that raised last
    vectorcallfunc call;
};

Program* as_program(PyObject* o) { return reinterpret_cast<Program*>(o); }

void store(PyObject*& slot, PyObject* reference) {
    PyObject* old = slot;
    slot = reference;
    Py_XDECREF(old);
}

PyObject* at(const Step& step, const Slots& slots, size_t i) {
    PyObject* value = step.in[i] < 0 ? nullptr : slots[size_t(step.in[i])];
    return value ? value : Py_None;
}

// A new entry of the tape, whose edges are in the slots: what an operator's forward is called with first.
PyObject* begin(const Step& step, const Slots& slots) {
    PyTypeObject* type = reinterpret_cast<PyTypeObject*>(step.object);
    Ref entry(type->tp_new(type, tape.empty_tuple, nullptr)), edges(PyTuple_New(Py_ssize_t(step.in.size())));
    if (!entry || !edges) return nullptr;
    for (size_t i = 0; i < step.in.size(); i++) {
        PyObject* edge = at(step, slots, i);
        Py_INCREF(edge);
        PyTuple_SET_ITEM(edges.get(), Py_ssize_t(i), edge);
    }
    put(as_entry(entry.get())->edges, edges.get());
    as_entry(entry.get())->seq = tape.now;
    return entry.release();
}

// Puts an entry on the tape (`record` in tape.cpp): slots are the entry, and the arguments if backward may need them.
bool end(const Step& step, const Slots& slots) {
    Entry* entry = as_entry(at(step, slots, 0));
    if (step.in.size() > 1 && PyTuple_CheckExact(entry->saved) && PyTuple_GET_SIZE(entry->saved)) {
        Ref args(PyTuple_New(Py_ssize_t(step.in.size()) - 1));
        if (!args) return false;
        for (size_t i = 1; i < step.in.size(); i++) {
            PyObject* each = at(step, slots, i);
            Py_INCREF(each);
            PyTuple_SET_ITEM(args.get(), Py_ssize_t(i) - 1, each);
        }
        put(entry->args, args.get());
    }
    entry->outputs = PyLong_AsSsize_t(step.object);
    entry->seq = ++tape.now;
    return true;
}

// A leaf's gradient: it becomes `.grad` if there is none, and is added in place otherwise, as in walk.cpp.
bool deliver(PyObject* tensor, PyObject*& slot) {
    PyObject* edge = as_tensor(tensor)->edge;
    if (is_none(edge) || Py_TYPE(edge) != tape.leaf_type) return true;
    PyObject* have = as_tensor(tensor)->grad;
    const bool bare = has_no_hooks(tensor);
    if (bare && is_none(have) && PyArray_CheckExact(slot) && Py_REFCNT(slot) == 1 && !PyArray_BASE(as_array(slot))) {
        Ref wrapped(wrap_array(Ref(slot), nullptr));
        slot = nullptr;
        if (wrapped) put(as_tensor(tensor)->grad, wrapped.get());
        return bool(wrapped);
    }
    if (bare && !is_none(have) && PyArray_CheckExact(as_tensor(have)->array)) {
        Ref sum(PyNumber_InPlaceAdd(as_tensor(have)->array, slot));
        note_write(as_tensor(have)->array);
        return bool(sum);
    }
    Ref done(PyObject_CallFunctionObjArgs(tape.deliver, edge, slot, nullptr));
    return bool(done);
}

// A scalar of NumPy's as a 0-d array; takes the reference and gives one.
PyObject* as_zero_dim(PyObject* o) {
    if (!PyArray_IsScalar(o, Generic)) return o;
    PyObject* array = PyArray_FromScalar(o, nullptr);
    Py_DECREF(o);
    return array;
}

bool call_step(const Step& step, Slots& slots) {
    PyObject* few[16];
    std::vector<PyObject*> many;
    PyObject** args = few;
    if (step.in.size() > 16) {
        many.resize(step.in.size());
        args = many.data();
    }
    for (size_t i = 0; i < step.in.size(); i++) args[i] = at(step, slots, i);
    PyObject* result = PyObject_Vectorcall(step.object, args, step.in.size(), nullptr);
    if (!result) return false;
    if (step.action == CALL || !PyTuple_CheckExact(result)) {
        if (step.action == FORWARD) result = as_zero_dim(result);
        if (!result || step.out.empty() || step.out[0] < 0)
            Py_XDECREF(result);
        else
            store(slots[size_t(step.out[0])], result);
        return result != nullptr;
    }
    Ref whole(result);
    for (size_t i = 0; i < step.out.size() && Py_ssize_t(i) < PyTuple_GET_SIZE(result); i++) {
        if (step.out[i] < 0) continue;
        PyObject* item = PyTuple_GET_ITEM(result, Py_ssize_t(i));
        Py_INCREF(item);
        if (step.action == FORWARD) item = as_zero_dim(item);
        if (!item) return false;
        store(slots[size_t(step.out[i])], item);
    }
    return true;
}

bool run_step(const Step& step, Slots& slots) {
    PyObject* made = nullptr;
    switch (step.action) {
        case CALL:
        case UNPACK:
        case FORWARD:
            return call_step(step, slots);
        case END:
            return end(step, slots);
        case DELIVER:
            return deliver(step.object, slots[size_t(step.in[0])]);
        case BEGIN:
            made = begin(step, slots);
            break;
        case SUM:
            made = PyNumber_Add(at(step, slots, 0), at(step, slots, 1));
            break;
        case WRAP: {
            PyObject *array = at(step, slots, 0), *edge = at(step, slots, 1);
            Py_INCREF(array);
            made = wrap_array(Ref(array), edge == Py_None ? nullptr : edge);
            break;
        }
    }
    if (!made) return false;
    store(slots[size_t(step.out[0])], made);
    return true;
}

// program(values): the values for its inputs -> a tuple of its results.
PyObject* call_program(PyObject* object, PyObject* const* args, size_t flagged, PyObject* names) {
    Program* self = as_program(object);
    if (PyVectorcall_NARGS(flagged) != 1 || names || !PyTuple_CheckExact(args[0]) ||
        size_t(PyTuple_GET_SIZE(args[0])) != self->inputs->size())
        return PyErr_Format(PyExc_TypeError, "program: expected a tuple of as many values as it has inputs");
    const size_t count = size_t(PyTuple_GET_SIZE(self->constants));
    Held held(count);
    for (size_t i = 0; i < count; i++) {
        PyObject* constant = PyTuple_GET_ITEM(self->constants, Py_ssize_t(i));
        if (constant == Py_Ellipsis) continue;
        Py_INCREF(constant);
        held.slots[i] = constant;
    }
    for (size_t i = 0; i < self->inputs->size(); i++) {
        PyObject* value = PyTuple_GET_ITEM(args[0], Py_ssize_t(i));
        Py_INCREF(value);
        if ((*self->inputs)[i] >= 0)
            store(held.slots[size_t((*self->inputs)[i])], value);
        else
            Py_DECREF(value);
    }
    for (size_t i = 0; i < self->steps->size(); i++) {
        const Step& step = (*self->steps)[i];
        if (!run_step(step, held.slots)) {
            self->failed = Py_ssize_t(i);
            return nullptr;
        }
        for (Py_ssize_t slot : step.last) store(held.slots[size_t(slot)], nullptr);
    }
    Ref results(PyTuple_New(Py_ssize_t(self->results->size())));
    for (size_t i = 0; results && i < self->results->size(); i++) {
        PyObject* value = held.slots[size_t((*self->results)[i])];
        value = value ? value : Py_None;
        Py_INCREF(value);
        PyTuple_SET_ITEM(results.get(), Py_ssize_t(i), value);
    }
    return results.release();
}

int clear_program(PyObject* object) {
    Program* self = as_program(object);
    std::vector<Step> steps;
    if (self->steps) steps.swap(*self->steps);
    for (Step& step : steps) Py_DECREF(step.object);
    Py_CLEAR(self->constants);
    return 0;
}

PyObject* new_program(PyTypeObject* type, PyObject* args, PyObject*) {
    PyObject *constants, *inputs, *rows, *results;
    if (!PyArg_ParseTuple(args, "O!OO!O", &PyTuple_Type, &constants, &inputs, &PyList_Type, &rows, &results))
        return nullptr;
    Ref object(type->tp_alloc(type, 0));
    if (!object) return nullptr;
    Program* self = as_program(object.get());
    self->steps = new std::vector<Step>;
    self->inputs = new std::vector<Py_ssize_t>;
    self->results = new std::vector<Py_ssize_t>;
    self->failed = -1;
    self->call = call_program;
    put(self->constants, constants);
    if (!read_slots(inputs, self->inputs) || !read_slots(results, self->results)) return nullptr;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(rows); i++) {
        Step step{};
        int action = 0;
        PyObject *in, *out, *last;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(rows, i), "iOOOO", &action, &step.object, &in, &out, &last) ||
            !read_slots(in, &step.in) || !read_slots(out, &step.out) || !read_slots(last, &step.last))
            return nullptr;
        step.action = Action(action);
        Py_INCREF(step.object);
        self->steps->push_back(step);
    }
    return object.release();
}

int traverse_program(PyObject* object, visitproc visit, void* arg) {
    Program* self = as_program(object);
    if (self->steps)
        for (const Step& step : *self->steps) Py_VISIT(step.object);
    Py_VISIT(self->constants);
    Py_VISIT(Py_TYPE(object));
    return 0;
}

void free_program(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear_program(object);
    Program* self = as_program(object);
    delete self->steps;
    delete self->inputs;
    delete self->results;
    type->tp_free(object);
    Py_DECREF(type);
}

PyMemberDef program_members[] = {
    {"failed", T_PYSSIZET, offsetof(Program, failed), READONLY, "the step that raised last"},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Program, call), READONLY, nullptr},
    {}};
PyType_Slot program_slots[] = {{Py_tp_new, reinterpret_cast<void*>(new_program)},
                               {Py_tp_dealloc, reinterpret_cast<void*>(free_program)},
                               {Py_tp_traverse, reinterpret_cast<void*>(traverse_program)},
                               {Py_tp_clear, reinterpret_cast<void*>(clear_program)},
                               {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                               {Py_tp_members, program_members},
                               {0, nullptr}};
PyType_Spec program_spec = {"rushlight.kernels.Program", sizeof(Program), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, program_slots};

}  // namespace

bool add_replay_types(PyObject* module) {
    Ref guards(PyType_FromSpec(&guards_spec)), program(PyType_FromSpec(&program_spec));
    return guards && program && PyModule_AddObjectRef(module, "Guards", guards.get()) == 0 &&
           PyModule_AddObjectRef(module, "Program", program.get()) == 0;
}

}  // namespace rushlight
