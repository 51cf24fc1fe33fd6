// The tape's hot path: what every operator call passes through, and the fields of Tensors, entries and leaves. It is
// the twin of the plain classes and functions in rushlight/autograd/tape.py, name for name.
#include "python/tape.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <vector>

namespace rushlight {

Tape tape;
thread_local bool grad_enabled = true, inference = false;

namespace {

std::unordered_map<void*, std::pair<Clock, long>>
    written;  // owner of some memory -> last write to it, number of writes

bool wants_grad(PyObject* o) { return is_tensor(o) && !is_none(as_tensor(o)->edge); }

// The object whose memory an array looks at. What is no NumPy array (CuPy's, one of vmap's) tells by its attribute
// `base`.
void* owner_of(PyObject* array) {
    while (PyArray_Check(array)) {
        PyObject* base = PyArray_BASE(as_array(array));
        if (!base) return array;
        array = base;
    }
    Ref base(PyObject_GetAttrString(array, "base"));
    PyErr_Clear();
    return base && !is_none(base.get()) ? owner_of(base.get()) : array;
}

// --- Tensor ------------------------------------------------------------------------------------------------------

int traverse_tensor(PyObject* self, visitproc visit, void* arg) {
    Tensor* t = as_tensor(self);
    for (PyObject* o : {t->array, t->edge, t->base, t->path, t->views, t->grad}) Py_VISIT(o);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

int clear_tensor(PyObject* self) {
    Tensor* t = as_tensor(self);
    for (PyObject** o : {&t->array, &t->edge, &t->base, &t->path, &t->views, &t->grad}) Py_CLEAR(*o);
    return 0;
}

template <inquiry clear>
void free_object(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

#define MEMBER(Type, name, field, kind) {name, kind, offsetof(Type, field), 0, nullptr}

PyMemberDef tensor_members[] = {
    MEMBER(Tensor, "_array", array, T_OBJECT_EX),
    MEMBER(Tensor, "_edge", edge, T_OBJECT),
    MEMBER(Tensor, "_base", base, T_OBJECT),
    MEMBER(Tensor, "_path", path, T_OBJECT),
    MEMBER(Tensor, "_views", views, T_OBJECT),
    MEMBER(Tensor, "_grad", grad, T_OBJECT),
    {},
};

PyType_Slot tensor_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(free_object<clear_tensor>)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse_tensor)},
    {Py_tp_clear, reinterpret_cast<void*>(clear_tensor)},
    {Py_tp_members, tensor_members},
    {0, nullptr},
};
PyType_Spec tensor_spec = {"rushlight.kernels.TensorBase", sizeof(Tensor), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, tensor_slots};

}  // namespace

PyObject* wrap_array(Ref array, PyObject* edge) {
    if (!array) return nullptr;
    if (PyArray_IsScalar(array.get(), Generic)) array = Ref(PyArray_FromScalar(array.get(), nullptr));
    PyObject* tensor = array ? tape.tensor_type->tp_alloc(tape.tensor_type, 0) : nullptr;
    if (!tensor) return nullptr;
    as_tensor(tensor)->array = array.release();
    if (edge) put(as_tensor(tensor)->edge, edge);
    return tensor;
}

namespace {

PyObject* wrap(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count < 1 || count > 2) return PyErr_Format(PyExc_TypeError, "wrap: expected an array and perhaps an entry");
    Py_INCREF(args[0]);
    return wrap_array(Ref(args[0]), count == 2 && args[1] != Py_None ? args[1] : nullptr);
}

// --- entries -----------------------------------------------------------------------------------------------------

int traverse_entry(PyObject* self, visitproc visit, void* arg) {
    Entry* e = as_entry(self);
    for (PyObject* o : {e->edges, e->saved, e->args, e->hooks, e->retained, e->trace}) Py_VISIT(o);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

int clear_entry(PyObject* self) {
    Entry* e = as_entry(self);
    for (PyObject** o : {&e->edges, &e->saved, &e->args, &e->hooks, &e->retained, &e->trace}) Py_CLEAR(*o);
    return 0;
}

PyObject* new_entry(PyTypeObject* type, PyObject*, PyObject*) {
    PyObject* self = type->tp_alloc(type, 0);
    if (!self) return nullptr;
    Entry* e = as_entry(self);
    put(e->edges, tape.empty_tuple);
    put(e->saved, tape.empty_tuple);
    put(e->args, tape.empty_tuple);
    e->outputs = 1;
    return self;
}

PyMemberDef entry_members[] = {
    MEMBER(Entry, "saved", saved, T_OBJECT_EX), MEMBER(Entry, "args", args, T_OBJECT_EX),
    MEMBER(Entry, "hooks", hooks, T_OBJECT),    MEMBER(Entry, "retained", retained, T_OBJECT),
    MEMBER(Entry, "trace", trace, T_OBJECT),    MEMBER(Entry, "outputs", outputs, T_PYSSIZET),
    MEMBER(Entry, "seq", seq, T_ULONGLONG),     {},
};

PyObject* save(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    Ref kept = tuple_of(args, count);
    if (!kept) return nullptr;
    put(as_entry(self)->saved, kept.get());
    Py_RETURN_NONE;
}

// For each argument, whether its gradient is wanted.
PyObject* get_needs(PyObject* self, void*) {
    PyObject* edges = as_entry(self)->edges;
    const bool recorded = PyTuple_CheckExact(edges) && PyTuple_GET_SIZE(edges) > 0;
    const Py_ssize_t count = recorded ? PyTuple_GET_SIZE(edges) : 16;
    PyObject* needs = PyTuple_New(count);
    for (Py_ssize_t i = 0; needs && i < count; i++) {
        PyObject* flag = recorded && PyTuple_GET_ITEM(edges, i) != Py_None ? Py_True : Py_False;
        Py_INCREF(flag);
        PyTuple_SET_ITEM(needs, i, flag);
    }
    return needs;
}

PyObject* get_edges(PyObject* self, void*) {
    Py_INCREF(as_entry(self)->edges);
    return as_entry(self)->edges;
}

// The walk relies on a tuple of entries, leaves and None.
int set_edges(PyObject* self, PyObject* value, void*) {
    Ref edges(value ? PySequence_Tuple(value) : nullptr);
    if (!edges) return PyErr_Occurred() ? -1 : (PyErr_SetString(PyExc_AttributeError, "edges cannot be deleted"), -1);
    put(as_entry(self)->edges, edges.get());
    return 0;
}

PyGetSetDef entry_getset[] = {
    {"needs", get_needs, nullptr, nullptr, nullptr}, {"edges", get_edges, set_edges, nullptr, nullptr}, {}};

// Whether an output has a gradient: those of integers (indices) have none. -1: an exception.
int is_differentiable(PyObject* array) {
    if (PyArray_Check(array)) return !PyArray_ISINTEGER(as_array(array)) && !PyArray_ISBOOL(as_array(array));
    Ref dtype(PyObject_GetAttrString(array, "dtype")),
        kind(dtype ? PyObject_GetAttrString(dtype.get(), "kind") : nullptr);
    return kind ? !is_text(kind.get(), "i") && !is_text(kind.get(), "u") && !is_text(kind.get(), "b") : -1;
}

Ref new_pick(PyObject* whole, Py_ssize_t i) {
    Ref pick(new_entry(tape.pick_type, nullptr, nullptr)), index(PyLong_FromSsize_t(i)), edges(PyTuple_Pack(1, whole));
    if (!pick || !index || !edges || PyObject_SetAttr(pick.get(), tape.s_index, index.get()) < 0) return Ref();
    put(as_entry(pick.get())->edges, edges.get());
    as_entry(pick.get())->seq = ++tape.now;
    return pick;
}

// Several outputs: each is picked from the whole.
PyObject* record_several(PyObject* whole, PyObject* arrays) {
    const Py_ssize_t count = as_entry(whole)->outputs = PyTuple_GET_SIZE(arrays);
    Ref tensors(PyTuple_New(count));
    for (Py_ssize_t i = 0; tensors && i < count; i++) {
        PyObject* array = PyTuple_GET_ITEM(arrays, i);
        const int differentiable = is_differentiable(array);
        Ref pick = differentiable > 0 ? new_pick(whole, i) : Ref();
        if (differentiable < 0 || (differentiable && !pick)) return nullptr;
        Py_INCREF(array);
        PyObject* tensor = wrap_array(Ref(array), pick.get());
        if (!tensor) return nullptr;
        PyTuple_SET_ITEM(tensors.get(), i, tensor);
    }
    return tensors.release();
}

// Finishes a recorded call: arguments kept if backward will have to compute anew, time, edge.
PyObject* record(Entry* ctx, PyObject* const* arrays, Py_ssize_t count, Ref out) {
    if (PyTuple_CheckExact(ctx->saved) && PyTuple_GET_SIZE(ctx->saved)) {
        Ref saves(PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(ctx)), tape.s_saves));
        if (!saves) return nullptr;
        if (saves.get() == Py_None) {
            Ref kept = tuple_of(arrays, count);
            if (!kept) return nullptr;
            put(ctx->args, kept.get());
        }
    }
    ctx->seq = ++tape.now;
    PyObject* self = reinterpret_cast<PyObject*>(ctx);
    if (!is_none(tape.recorder)) {
        Ref told(PyObject_CallOneArg(tape.recorder, self));
        if (!told) return nullptr;
    }
    if (!PyTuple_CheckExact(out.get())) return wrap_array(static_cast<Ref&&>(out), self);
    return record_several(self, out.get());
}

PyObject* wrap_all(PyObject* arrays) {
    Ref tensors(PyTuple_New(PyTuple_GET_SIZE(arrays)));
    for (Py_ssize_t i = 0; tensors && i < PyTuple_GET_SIZE(arrays); i++) {
        PyObject* array = PyTuple_GET_ITEM(arrays, i);
        Py_INCREF(array);
        PyObject* tensor = wrap_array(Ref(array), nullptr);
        if (!tensor) return nullptr;
        PyTuple_SET_ITEM(tensors.get(), i, tensor);
    }
    return tensors.release();
}

// Operator.apply: runs the operator on Tensors and constants, and records it if gradients are wanted.
PyObject* apply(PyObject* cls, PyObject* const* args, Py_ssize_t count) {
    Ref ctx(new_entry(reinterpret_cast<PyTypeObject*>(cls), nullptr, nullptr));
    if (!ctx) return nullptr;
    PyObject* few[12];
    std::vector<PyObject*> many;
    PyObject** arrays = few;
    if (count >= 12) {
        many.resize(count + 1);
        arrays = many.data();
    }
    arrays[0] = ctx.get();
    bool recorded = false;
    for (Py_ssize_t i = 0; i < count; i++) {
        arrays[i + 1] = is_tensor(args[i]) ? as_tensor(args[i])->array : args[i];
        recorded = recorded || wants_grad(args[i]);
    }
    recorded = recorded && grad_enabled;
    if (recorded) {
        Ref edges(PyTuple_New(count));
        if (!edges) return nullptr;
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject* edge = wants_grad(args[i]) ? as_tensor(args[i])->edge : Py_None;
            Py_INCREF(edge);
            PyTuple_SET_ITEM(edges.get(), i, edge);
        }
        put(as_entry(ctx.get())->edges, edges.get());
    }
    Ref forward(PyObject_GetAttr(cls, tape.s_forward));
    if (!forward) return nullptr;
    Ref out(PyObject_Vectorcall(forward.get(), arrays, count + 1, nullptr));
    if (!out) return nullptr;
    if (recorded) return record(as_entry(ctx.get()), arrays + 1, count, static_cast<Ref&&>(out));
    if (PyTuple_CheckExact(out.get())) return wrap_all(out.get());
    return wrap_array(static_cast<Ref&&>(out), nullptr);
}

constexpr Py_ssize_t FEW_VIEWS = 16;

// Notes that `view` is `cls` of `source` with these constants; the base hears of it if a write may come to be recorded.
bool link_view(PyObject* view, PyObject* source, PyObject* cls, PyObject* constants) {
    Tensor* from = as_tensor(source);
    PyObject* base = is_none(from->base) ? source : from->base;
    Ref path(PyTuple_Pack(3, is_none(from->path) ? Py_None : from->path, cls, constants));
    if (!path) return false;
    put(as_tensor(view)->base, base);
    put(as_tensor(view)->path, path.get());
    if (!grad_enabled) return true;
    Ref ref(PyWeakref_NewRef(view, nullptr));
    if (!ref) return false;
    Tensor* root = as_tensor(base);
    if (is_none(root->views) || PyList_GET_SIZE(root->views) >= root->views_due) {
        Ref live(PyList_New(0));
        for (Py_ssize_t i = 0; live && !is_none(root->views) && i < PyList_GET_SIZE(root->views); i++) {
            PyObject* old = PyList_GET_ITEM(root->views, i);
            Ref target(PyObject_CallNoArgs(old));
            if (target.get() != Py_None && PyList_Append(live.get(), old) < 0) return false;
        }
        if (!live) return false;
        put(root->views, live.get());
        root->views_due = std::max(FEW_VIEWS, 2 * PyList_GET_SIZE(live.get()));
    }
    return PyList_Append(root->views, ref.get()) == 0;
}

// link(view, source, cls, constants)
PyObject* link(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 4 || !is_tensor(args[0]) || !is_tensor(args[1]))
        return PyErr_Format(PyExc_TypeError, "link: expected two Tensors, a view operator and its constants");
    if (!link_view(args[0], args[1], args[2], args[3])) return nullptr;
    Py_RETURN_NONE;
}

// View.apply: as Operator.apply; a result that looks at the first argument's memory is noted as its view.
PyObject* apply_view(PyObject* cls, PyObject* const* args, Py_ssize_t count) {
    Ref out(apply(cls, args, count));
    if (!out || count < 1 || !is_tensor(args[0]) || !is_tensor(out.get())) return out.release();
    PyObject *array = as_tensor(out.get())->array, *source = as_tensor(args[0])->array;
    void* owner = owner_of(array);
    if (owner == array || owner != owner_of(source)) return out.release();
    Ref constants = tuple_of(args + 1, count - 1);
    if (!constants) return nullptr;
    return link_view(out.get(), args[0], cls, constants.get()) ? out.release() : nullptr;
}

#define CLASS_METHOD(name, function) \
    {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function)), METH_FASTCALL | METH_CLASS, nullptr}

PyMethodDef entry_methods[] = {CLASS_METHOD("apply", apply), RUSHLIGHT_METHOD(save, nullptr), {}};
PyMethodDef view_methods[] = {CLASS_METHOD("apply", apply_view), {}};

PyType_Slot entry_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(new_entry)},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_object<clear_entry>)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse_entry)},
    {Py_tp_clear, reinterpret_cast<void*>(clear_entry)},
    {Py_tp_members, entry_members},
    {Py_tp_getset, entry_getset},
    {Py_tp_methods, entry_methods},
    {0, nullptr},
};
PyType_Spec entry_spec = {"rushlight.kernels.Entry", sizeof(Entry), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, entry_slots};

PyType_Slot view_slots[] = {{Py_tp_methods, view_methods},
                            {Py_tp_traverse, reinterpret_cast<void*>(traverse_entry)},
                            {Py_tp_clear, reinterpret_cast<void*>(clear_entry)},
                            {Py_tp_dealloc, reinterpret_cast<void*>(free_object<clear_entry>)},
                            {0, nullptr}};
PyType_Spec view_spec = {"rushlight.kernels.ViewEntry", sizeof(Entry), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, view_slots};

// --- Leaf --------------------------------------------------------------------------------------------------------

int traverse_leaf(PyObject* self, visitproc visit, void* arg) {
    Leaf* leaf = as_leaf(self);
    for (PyObject* o : {leaf->tensor, leaf->hooks, leaf->after}) Py_VISIT(o);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

int clear_leaf(PyObject* self) {
    Leaf* leaf = as_leaf(self);
    if (leaf->weak) PyObject_ClearWeakRefs(self);
    for (PyObject** o : {&leaf->tensor, &leaf->hooks, &leaf->after}) Py_CLEAR(*o);
    return 0;
}

PyObject* new_leaf(PyTypeObject* type, PyObject* args, PyObject*) {
    PyObject* tensor;
    if (!PyArg_ParseTuple(args, "O", &tensor)) return nullptr;
    Ref self(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    as_leaf(self.get())->seq = ++tape.now;
    as_leaf(self.get())->tensor = PyWeakref_NewRef(tensor, nullptr);
    return as_leaf(self.get())->tensor ? self.release() : nullptr;
}

PyMemberDef leaf_members[] = {MEMBER(Leaf, "tensor", tensor, T_OBJECT),
                              MEMBER(Leaf, "hooks", hooks, T_OBJECT),
                              MEMBER(Leaf, "after", after, T_OBJECT),
                              MEMBER(Leaf, "seq", seq, T_ULONGLONG),
                              {"__weaklistoffset__", T_PYSSIZET, offsetof(Leaf, weak), READONLY, nullptr},
                              {}};

PyType_Slot leaf_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(new_leaf)},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_object<clear_leaf>)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse_leaf)},
    {Py_tp_clear, reinterpret_cast<void*>(clear_leaf)},
    {Py_tp_members, leaf_members},
    {0, nullptr},
};
PyType_Spec leaf_spec = {"rushlight.kernels.Leaf", sizeof(Leaf), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                         leaf_slots};

// --- the clock of in-place writes ----------------------------------------------------------------------------------

PyObject* tick(PyObject*, PyObject* const*, Py_ssize_t) { return PyLong_FromUnsignedLongLong(++tape.now); }

PyObject* touch(PyObject*, PyObject* const* args, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) note_write(args[i]);
    Py_RETURN_NONE;
}

PyObject* version(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1) return PyErr_Format(PyExc_TypeError, "version: expected one array");
    const auto found = written.find(owner_of(args[0]));
    return PyLong_FromLong(found == written.end() ? 0 : found->second.second);
}

}  // namespace

void note_write(PyObject* array) {
    auto& note = written[owner_of(array)];
    note.first = tape.last_write = ++tape.now;
    note.second++;
}

bool is_written_since(PyObject* array, Clock seq) {
    if (!PyArray_Check(array)) return false;
    const auto found = written.find(owner_of(array));
    return found != written.end() && found->second.first > seq;
}

namespace {

// written_since(array, seq): whether the array's memory was written to in place after that time.
PyObject* written_since(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "written_since: expected an array and a time");
    const Clock seq = PyLong_AsUnsignedLongLong(args[1]);
    if (PyErr_Occurred()) return nullptr;
    return PyBool_FromLong(is_written_since(args[0], seq));
}

// --- whether operators are recorded --------------------------------------------------------------------------------

struct Mode {
    PyObject_HEAD
};

template <bool* flag()>
PyObject* get_flag(PyObject*, void*) {
    return PyBool_FromLong(*flag());
}
template <bool* flag()>
int set_flag(PyObject*, PyObject* value, void*) {
    const int truth = value ? PyObject_IsTrue(value) : -1;
    if (truth >= 0) *flag() = truth != 0;
    return truth < 0 ? -1 : 0;
}
bool* enabled_flag() { return &grad_enabled; }
bool* inference_flag() { return &inference; }

PyGetSetDef mode_getset[] = {{"enabled", get_flag<enabled_flag>, set_flag<enabled_flag>, nullptr, nullptr},
                             {"inference", get_flag<inference_flag>, set_flag<inference_flag>, nullptr, nullptr},
                             {}};
PyType_Slot mode_slots[] = {{Py_tp_getset, mode_getset}, {0, nullptr}};
PyType_Spec mode_spec = {"rushlight.kernels.Mode", sizeof(Mode), 0, Py_TPFLAGS_DEFAULT, mode_slots};

// --- what Python tells the tape --------------------------------------------------------------------------------------

PyTypeObject* as_type(PyObject* o) {
    Py_INCREF(o);
    return reinterpret_cast<PyTypeObject*>(o);
}

PyObject* set_tensor_type(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !PyType_Check(args[0]) || !PyType_IsSubtype(as_type(args[0]), tape.tensor_base))
        return PyErr_Format(PyExc_TypeError, "set_tensor_type: expected a subclass of TensorBase");
    tape.tensor_type = as_type(args[0]);
    Py_RETURN_NONE;
}

// set_recorder(function): function(entry) is called for each entry that apply records; None: no more.
PyObject* set_recorder(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1) return PyErr_Format(PyExc_TypeError, "set_recorder: expected a function or None");
    put(tape.recorder, args[0]);
    Py_RETURN_NONE;
}

// set_tape(Pick, Operator.differentiate, call_hooks, retain, deliver)
PyObject* set_tape(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 5 || !PyType_Check(args[0])) return PyErr_Format(PyExc_TypeError, "set_tape: wrong arguments");
    tape.pick_type = as_type(args[0]);
    put(tape.differentiate, args[1]);
    put(tape.call_hooks, args[2]);
    put(tape.retain, args[3]);
    put(tape.deliver, args[4]);
    Py_RETURN_NONE;
}

PyObject* type_from(PyObject* module, PyType_Spec* spec, PyTypeObject* base, const char* name) {
    Ref bases(base ? PyTuple_Pack(1, base) : nullptr);
    PyObject* type = base ? PyType_FromSpecWithBases(spec, bases.get()) : PyType_FromSpec(spec);
    return type && PyModule_AddObjectRef(module, name, type) == 0 ? type : nullptr;
}

}  // namespace

PyMethodDef tape_methods[] = {
    RUSHLIGHT_METHOD(wrap, "wrap(array, edge=None): a Tensor around an array."),
    RUSHLIGHT_METHOD(link, "link(view, source, cls, constants): notes that a Tensor is a view of another."),
    RUSHLIGHT_METHOD(tick, "tick(): the next number of the clock."),
    RUSHLIGHT_METHOD(touch, "touch(*arrays): notes a write to their memory."),
    RUSHLIGHT_METHOD(version, "version(array): how often its memory was written to in place."),
    RUSHLIGHT_METHOD(written_since, "written_since(array, seq): whether its memory was written to after that time."),
    RUSHLIGHT_METHOD(set_tensor_type, "set_tensor_type(cls): the class of the tape's results."),
    RUSHLIGHT_METHOD(set_recorder, "set_recorder(function): function(entry) is called for each entry recorded."),
    RUSHLIGHT_METHOD(set_tape,
                     "set_tape(Pick, differentiate, tape.call_hooks, retain, deliver): the tape's Python side."),
    {},
};

bool add_tape_types(PyObject* module) {
    const std::pair<PyObject**, const char*> names[] = {
        {&tape.s_forward, "forward"}, {&tape.s_backward, "backward"},
        {&tape.s_saves, "saves"},     {&tape.s_differentiate, "differentiate"},
        {&tape.s_index, "index"},     {&tape.s_check, "_check_unwritten"}};
    for (const auto& pair : names)
        if (!(*pair.first = PyUnicode_InternFromString(pair.second))) return false;
    tape.empty_tuple = PyTuple_New(0);
    tape.tensor_base = tape.tensor_type =
        reinterpret_cast<PyTypeObject*>(type_from(module, &tensor_spec, nullptr, "TensorBase"));
    tape.entry_type = reinterpret_cast<PyTypeObject*>(type_from(module, &entry_spec, nullptr, "Entry"));
    if (!tape.empty_tuple || !tape.tensor_base || !tape.entry_type) return false;
    tape.view_type = reinterpret_cast<PyTypeObject*>(type_from(module, &view_spec, tape.entry_type, "ViewEntry"));
    Ref mode_type(PyType_FromSpec(&mode_spec));
    Ref mode(mode_type ? PyObject_CallNoArgs(mode_type.get()) : nullptr);
    tape.leaf_type = reinterpret_cast<PyTypeObject*>(type_from(module, &leaf_spec, nullptr, "Leaf"));
    return tape.view_type && tape.leaf_type && mode && PyModule_AddObjectRef(module, "mode", mode.get()) == 0;
}

}  // namespace rushlight
