// `Program`: the steps of a path that rushlight/compiler/ has recorded, one after the other, over slots that hold
// arrays, entries of the tape and constants. It knows nothing of how steps were found; guards.cpp says whether the path
// is taken.
#include "python/tape.h"

#include <structmember.h>

#include <cstddef>
#include <vector>

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

bool add_program_type(PyObject* module) {
    Ref program(PyType_FromSpec(&program_spec));
    return program && PyModule_AddObjectRef(module, "Program", program.get()) == 0;
}

}  // namespace rushlight
