// The tape's hot path: what every operator call and every step of a backward walk passes through. It is the twin of the
// plain classes and functions in rushlight/autograd/tape.py, name for name; everything rare (several outputs, hooks,
// errors, derivatives of higher order) is left to the Python code there.
#include "python/binding.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <vector>

namespace rushlight {
namespace {

using Clock = unsigned long long;

struct Tensor {
    PyObject_HEAD
    PyObject *array, *edge, *base, *path, *views, *grad;
};

struct Entry {
    PyObject_HEAD
    PyObject *edges, *saved, *args, *hooks, *retained, *trace;
    Py_ssize_t outputs;
    Clock seq, mark;
};

Tensor* as_tensor(PyObject* o) { return reinterpret_cast<Tensor*>(o); }
Entry* as_entry(PyObject* o) { return reinterpret_cast<Entry*>(o); }

// Known after import: the classes made in Python, and what of them the hot path calls.
PyTypeObject *tensor_base, *tensor_type, *entry_type, *view_type, *leaf_type, *pick_type;
PyObject *empty_tuple, *operator_differentiate, *call_hooks, *keep_retained, *deliver_slowly, *recorder;
PyObject *s_forward, *s_backward, *s_saves, *s_differentiate, *s_index, *s_hooks, *s_after, *s_tensor, *s_check,
    *s_record;

Clock clock_now = 0, last_write = 0;
std::unordered_map<void*, std::pair<Clock, long>>
    written;  // owner of some memory -> last write to it, number of writes

thread_local bool grad_enabled = true, inference = false;

// The object at `slot` replaced.
void put(PyObject*& slot, PyObject* value) {
    PyObject* old = slot;
    Py_XINCREF(value);
    slot = value;
    Py_XDECREF(old);
}

bool is_none(PyObject* o) { return !o || o == Py_None; }

bool is_tensor(PyObject* o) { return Py_TYPE(o) == tensor_type || PyObject_TypeCheck(o, tensor_base); }

bool wants_grad(PyObject* o) { return is_tensor(o) && !is_none(as_tensor(o)->edge); }

// The object whose memory an array looks at.
void* owner_of(PyObject* array) {
    while (PyArray_Check(array)) {
        PyObject* base = PyArray_BASE(as_array(array));
        if (!base) break;
        array = base;
    }
    return array;
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

// A Tensor around `array` (a new reference); NumPy's scalars become 0-d arrays.
PyObject* wrap_array(Ref array, PyObject* edge) {
    if (!array) return nullptr;
    if (PyArray_IsScalar(array.get(), Generic)) array = Ref(PyArray_FromScalar(array.get(), nullptr));
    PyObject* tensor = array ? tensor_type->tp_alloc(tensor_type, 0) : nullptr;
    if (!tensor) return nullptr;
    as_tensor(tensor)->array = array.release();
    if (edge) put(as_tensor(tensor)->edge, edge);
    return tensor;
}

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
    put(e->edges, empty_tuple);
    put(e->saved, empty_tuple);
    put(e->args, empty_tuple);
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
    Ref kept(PyTuple_New(count));
    if (!kept) return nullptr;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_INCREF(args[i]);
        PyTuple_SET_ITEM(kept.get(), i, args[i]);
    }
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

// Finishes a recorded call with one output: arguments kept if backward will have to compute anew, time, edge.
PyObject* record(Entry* ctx, PyObject* const* arrays, Py_ssize_t count, Ref out) {
    if (PyTuple_CheckExact(ctx->saved) && PyTuple_GET_SIZE(ctx->saved)) {
        Ref saves(PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(ctx)), s_saves));
        if (!saves) return nullptr;
        if (saves.get() == Py_None) {
            Ref kept(PyTuple_New(count));
            if (!kept) return nullptr;
            for (Py_ssize_t i = 0; i < count; i++) {
                Py_INCREF(arrays[i]);
                PyTuple_SET_ITEM(kept.get(), i, arrays[i]);
            }
            put(ctx->args, kept.get());
        }
    }
    ctx->seq = ++clock_now;
    PyObject* self = reinterpret_cast<PyObject*>(ctx);
    if (!is_none(recorder)) {
        Ref told(PyObject_CallOneArg(recorder, self));
        if (!told) return nullptr;
    }
    if (!PyTuple_CheckExact(out.get())) return wrap_array(static_cast<Ref&&>(out), self);
    return PyObject_CallMethodOneArg(self, s_record, out.get());
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
    Ref forward(PyObject_GetAttr(cls, s_forward));
    if (!forward) return nullptr;
    Ref out(PyObject_Vectorcall(forward.get(), arrays, count + 1, nullptr));
    if (!out) return nullptr;
    if (recorded) return record(as_entry(ctx.get()), arrays + 1, count, static_cast<Ref&&>(out));
    if (PyTuple_CheckExact(out.get())) return wrap_all(out.get());
    return wrap_array(static_cast<Ref&&>(out), nullptr);
}

// Notes that `view` is `cls` of `source` with these constants; the base hears of it if a write may come to be recorded.
bool link_view(PyObject* view, PyObject* source, PyObject* cls, PyObject* constants) {
    Tensor* from = as_tensor(source);
    PyObject* base = is_none(from->base) ? source : from->base;
    Ref step(PyTuple_Pack(2, cls, constants));
    Ref last(step ? PyTuple_Pack(1, step.get()) : nullptr);
    if (!last) return false;
    Ref path(is_none(from->path) ? last.release() : PySequence_Concat(from->path, last.get()));
    if (!path) return false;
    put(as_tensor(view)->base, base);
    put(as_tensor(view)->path, path.get());
    if (!grad_enabled) return true;
    Ref ref(PyWeakref_NewRef(view, nullptr));
    if (!ref) return false;
    Tensor* root = as_tensor(base);
    if (is_none(root->views) || PyList_GET_SIZE(root->views) > 16) {
        Ref live(PyList_New(0));
        for (Py_ssize_t i = 0; live && !is_none(root->views) && i < PyList_GET_SIZE(root->views); i++) {
            PyObject* old = PyList_GET_ITEM(root->views, i);
            Ref target(PyObject_CallNoArgs(old));
            if (target.get() != Py_None && PyList_Append(live.get(), old) < 0) return false;
        }
        if (!live) return false;
        put(root->views, live.get());
    }
    return PyList_Append(root->views, ref.get()) == 0;
}

// View.apply: as Operator.apply; a result that looks at the first argument's memory is noted as its view.
PyObject* apply_view(PyObject* cls, PyObject* const* args, Py_ssize_t count) {
    Ref out(apply(cls, args, count));
    if (!out || count < 1 || !is_tensor(args[0]) || !is_tensor(out.get())) return out.release();
    PyObject *array = as_tensor(out.get())->array, *source = as_tensor(args[0])->array;
    if (!PyArray_Check(array) || !PyArray_BASE(as_array(array)) || owner_of(array) != owner_of(source))
        return out.release();
    Ref constants(PyTuple_New(count - 1));
    if (!constants) return nullptr;
    for (Py_ssize_t i = 1; i < count; i++) {
        Py_INCREF(args[i]);
        PyTuple_SET_ITEM(constants.get(), i - 1, args[i]);
    }
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

// --- the clock of in-place writes ----------------------------------------------------------------------------------

PyObject* tick(PyObject*, PyObject* const*, Py_ssize_t) { return PyLong_FromUnsignedLongLong(++clock_now); }

PyObject* touch(PyObject*, PyObject* const* args, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        auto& note = written[owner_of(args[i])];
        note.first = last_write = ++clock_now;
        note.second++;
    }
    Py_RETURN_NONE;
}

PyObject* version(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1) return PyErr_Format(PyExc_TypeError, "version: expected one array");
    const auto found = written.find(owner_of(args[0]));
    return PyLong_FromLong(found == written.end() ? 0 : found->second.second);
}

bool is_written_since(PyObject* array, Clock seq) {
    if (!PyArray_Check(array)) return false;
    const auto found = written.find(owner_of(array));
    return found != written.end() && found->second.first > seq;
}

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

// --- the walk ------------------------------------------------------------------------------------------------------

// One backward pass that adds to the `.grad` of leaves (see _Walk in tape.py, which it is the twin of).
class Walk {
    bool retain_graph;
    std::unordered_map<PyObject*, PyObject*> grads;  // entry or leaf -> the gradient on its way there (a reference)
    std::unordered_map<PyObject*, int> waiting;      // leaf -> edges that may still bring it something
    std::vector<PyObject*> order;                    // entries, newest first (references)

public:
    explicit Walk(bool retain) : retain_graph(retain) {}
    Walk(const Walk&) = delete;
    ~Walk() {
        for (auto& pair : grads) Py_DECREF(pair.second);
        for (PyObject* node : order) Py_DECREF(node);
    }

    bool run(PyObject* roots) {
        const Py_ssize_t count = PyList_GET_SIZE(roots);
        const Clock mark = ++clock_now;
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject* root = PyList_GET_ITEM(roots, i);
            PyObject* edge = PyTuple_GET_ITEM(root, 0);
            if (!add(edge, PyTuple_GET_ITEM(root, 1))) return false;
            find(edge, mark);
        }
        for (size_t i = 0; i < order.size(); i++) {
            PyObject* edges = as_entry(order[i])->edges;
            for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(edges); j++) {
                PyObject* edge = PyTuple_GET_ITEM(edges, j);
                if (Py_TYPE(edge) == leaf_type)
                    waiting[edge]++;
                else
                    find(edge, mark);
            }
        }
        std::sort(order.begin(), order.end(),
                  [](PyObject* a, PyObject* b) { return as_entry(a)->seq > as_entry(b)->seq; });
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject* edge = PyTuple_GET_ITEM(PyList_GET_ITEM(roots, i), 0);
            if (Py_TYPE(edge) == leaf_type && !waiting.count(edge) && !deliver(edge)) return false;
        }
        for (PyObject* node : order)
            if (!visit(node)) return false;
        return true;
    }

private:
    void find(PyObject* edge, Clock mark) {
        if (!PyObject_TypeCheck(edge, entry_type) || as_entry(edge)->mark == mark) return;
        as_entry(edge)->mark = mark;
        Py_INCREF(edge);
        order.push_back(edge);
    }

    bool add(PyObject* edge, PyObject* grad) {
        PyObject*& have = grads[edge];
        if (!have) {
            Py_INCREF(grad);
            have = grad;
            return true;
        }
        PyObject* sum = PyNumber_Add(have, grad);
        if (!sum) return false;
        Py_DECREF(have);
        have = sum;
        return true;
    }

    Ref take(PyObject* edge) {
        const auto found = grads.find(edge);
        if (found == grads.end()) return Ref();
        PyObject* grad = found->second;
        grads.erase(found);
        return Ref(grad);
    }

    bool visit(PyObject* node) {
        Ref grad = take(node);
        if (!grad) return count_down(node);
        Entry* entry = as_entry(node);
        if (!is_none(entry->hooks))
            grad = Ref(PyObject_CallFunctionObjArgs(call_hooks, entry->hooks, grad.get(), Py_False, nullptr));
        if (!grad) return false;
        if (!is_none(entry->retained)) {
            Ref done(PyObject_CallFunctionObjArgs(keep_retained, node, grad.get(), nullptr));
            if (!done) return false;
        }
        if (Py_TYPE(node) == pick_type) return pass_to_whole(entry, node, grad.get());
        if (!spread(entry, node, static_cast<Ref&&>(grad))) return false;
        if (!retain_graph && (!PyTuple_CheckExact(entry->saved) || PyTuple_GET_SIZE(entry->saved))) {
            put(entry->saved, Py_None);
            put(entry->args, empty_tuple);
        }
        return count_down(node);
    }

    // One of several outputs: its gradient takes its place in the list for the whole operator.
    bool pass_to_whole(Entry* entry, PyObject* node, PyObject* grad) {
        PyObject* whole = PyTuple_GET_ITEM(entry->edges, 0);
        PyObject*& list = grads[whole];
        if (!list) {
            list = PyList_New(as_entry(whole)->outputs);
            if (!list) return grads.erase(whole), false;
            for (Py_ssize_t i = 0; i < as_entry(whole)->outputs; i++) {
                Py_INCREF(Py_None);
                PyList_SET_ITEM(list, i, Py_None);
            }
        }
        Ref index(PyObject_GetAttr(node, s_index));
        return index && PyObject_SetItem(list, index.get(), grad) == 0;
    }

    // Runs backward and adds what it returns to the gradients of the arguments.
    bool spread(Entry* entry, PyObject* node, Ref grad) {
        Ref result = differentiate(entry, node, grad.get());
        if (!result) return false;
        PyObject* edges = entry->edges;
        Py_ssize_t count = PyTuple_GET_SIZE(edges);
        const bool several = PyTuple_CheckExact(result.get());
        count = std::min(count, several ? PyTuple_GET_SIZE(result.get()) : Py_ssize_t(1));
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject* edge = PyTuple_GET_ITEM(edges, i);
            PyObject* dx = several ? PyTuple_GET_ITEM(result.get(), i) : result.get();
            if (edge != Py_None && dx != Py_None && !add(edge, dx)) return false;
        }
        return true;
    }

    Ref differentiate(Entry* entry, PyObject* node, PyObject* grad) {
        PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(node));
        Ref method(PyObject_GetAttr(type, s_differentiate));
        if (!method) return Ref();
        if (method.get() != operator_differentiate || entry->saved == Py_None)
            return Ref(PyObject_CallFunctionObjArgs(method.get(), node, grad, Py_False, nullptr));
        if (last_write > entry->seq) {
            Ref checked(PyObject_CallMethodOneArg(node, s_check, entry->saved));
            if (!checked) return Ref();
        }
        Ref backward(PyObject_GetAttr(type, s_backward));
        if (!backward) return Ref();
        if (!PyList_CheckExact(grad)) {
            PyObject* args[] = {node, grad};
            return Ref(PyObject_Vectorcall(backward.get(), args, 2, nullptr));
        }
        std::vector<PyObject*> args{node};
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(grad); i++) args.push_back(PyList_GET_ITEM(grad, i));
        return Ref(PyObject_Vectorcall(backward.get(), args.data(), args.size(), nullptr));
    }

    bool count_down(PyObject* node) {
        PyObject* edges = as_entry(node)->edges;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(edges); i++) {
            PyObject* edge = PyTuple_GET_ITEM(edges, i);
            if (Py_TYPE(edge) == leaf_type && --waiting[edge] == 0 && !deliver(edge)) return false;
        }
        return true;
    }

    // All of a leaf's gradient has come. An array that nobody else holds becomes .grad itself; the rest is Python's.
    bool deliver(PyObject* leaf) {
        Ref grad = take(leaf);
        if (!grad) return true;
        Ref hooks(PyObject_GetAttr(leaf, s_hooks)), after(PyObject_GetAttr(leaf, s_after)),
            ref(PyObject_GetAttr(leaf, s_tensor));
        Ref tensor(ref ? PyObject_CallNoArgs(ref.get()) : nullptr);
        if (!hooks || !after || !tensor) return false;
        if (tensor.get() != Py_None && is_none(hooks.get()) && is_none(after.get()) &&
            is_none(as_tensor(tensor.get())->grad) && is_ours(grad.get())) {
            Ref wrapped(wrap_array(static_cast<Ref&&>(grad), nullptr));
            if (!wrapped) return false;
            put(as_tensor(tensor.get())->grad, wrapped.get());
            return true;
        }
        Ref done(PyObject_CallFunctionObjArgs(deliver_slowly, leaf, grad.get(), nullptr));
        return bool(done);
    }

    static bool is_ours(PyObject* grad) {
        if (!PyArray_CheckExact(grad) || Py_REFCNT(grad) != 1) return false;
        PyObject* base = PyArray_BASE(as_array(grad));
        return !base || (PyArray_IS_C_CONTIGUOUS(as_array(grad)) && Py_REFCNT(base) == 1);
    }
};

// sweep(roots, retain_graph): roots is a list of (entry, gradient) pairs.
PyObject* sweep(PyObject*, PyObject* const* args, Py_ssize_t count) {
    bool retain = false;
    if (count != 2 || !PyList_CheckExact(args[0]) || !read_bool(args[1], &retain))
        return PyErr_Format(PyExc_TypeError, "sweep: expected a list of roots and a flag");
    Walk walk(retain);
    if (!walk.run(args[0])) return nullptr;
    Py_RETURN_NONE;
}

// --- what Python tells the tape --------------------------------------------------------------------------------------

PyTypeObject* as_type(PyObject* o) {
    Py_INCREF(o);
    return reinterpret_cast<PyTypeObject*>(o);
}

PyObject* set_tensor_type(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1 || !PyType_Check(args[0]) || !PyType_IsSubtype(as_type(args[0]), tensor_base))
        return PyErr_Format(PyExc_TypeError, "set_tensor_type: expected a subclass of TensorBase");
    tensor_type = as_type(args[0]);
    Py_RETURN_NONE;
}

// set_recorder(function): function(entry) is called for each entry that apply records; None: no more.
PyObject* set_recorder(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 1) return PyErr_Format(PyExc_TypeError, "set_recorder: expected a function or None");
    put(recorder, args[0]);
    Py_RETURN_NONE;
}

// set_tape(Leaf, Pick, Operator.differentiate, call_hooks, retain, deliver)
PyObject* set_tape(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 6 || !PyType_Check(args[0]) || !PyType_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "set_tape: wrong arguments");
    leaf_type = as_type(args[0]);
    pick_type = as_type(args[1]);
    put(operator_differentiate, args[2]);
    put(call_hooks, args[3]);
    put(keep_retained, args[4]);
    put(deliver_slowly, args[5]);
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
    RUSHLIGHT_METHOD(tick, "tick(): the next number of the clock."),
    RUSHLIGHT_METHOD(touch, "touch(*arrays): notes a write to their memory."),
    RUSHLIGHT_METHOD(version, "version(array): how often its memory was written to in place."),
    RUSHLIGHT_METHOD(written_since, "written_since(array, seq): whether its memory was written to after that time."),
    RUSHLIGHT_METHOD(sweep, "sweep(roots, retain_graph): a backward pass that adds to the leaves' .grad."),
    RUSHLIGHT_METHOD(set_tensor_type, "set_tensor_type(cls): the class of the tape's results."),
    RUSHLIGHT_METHOD(set_recorder, "set_recorder(function): function(entry) is called for each entry recorded."),
    RUSHLIGHT_METHOD(set_tape,
                     "set_tape(Leaf, Pick, differentiate, call_hooks, retain, deliver): the tape's Python side."),
    {},
};

bool add_tape_types(PyObject* module) {
    const std::pair<PyObject**, const char*> names[] = {{&s_forward, "forward"},
                                                        {&s_backward, "backward"},
                                                        {&s_saves, "saves"},
                                                        {&s_differentiate, "differentiate"},
                                                        {&s_index, "index"},
                                                        {&s_hooks, "hooks"},
                                                        {&s_after, "after"},
                                                        {&s_tensor, "tensor"},
                                                        {&s_check, "_check_unwritten"},
                                                        {&s_record, "_record_several"}};
    for (const auto& pair : names)
        if (!(*pair.first = PyUnicode_InternFromString(pair.second))) return false;
    empty_tuple = PyTuple_New(0);
    tensor_base = tensor_type = reinterpret_cast<PyTypeObject*>(type_from(module, &tensor_spec, nullptr, "TensorBase"));
    entry_type = reinterpret_cast<PyTypeObject*>(type_from(module, &entry_spec, nullptr, "Entry"));
    if (!empty_tuple || !tensor_base || !entry_type) return false;
    view_type = reinterpret_cast<PyTypeObject*>(type_from(module, &view_spec, entry_type, "ViewEntry"));
    Ref mode_type(PyType_FromSpec(&mode_spec));
    Ref mode(mode_type ? PyObject_CallNoArgs(mode_type.get()) : nullptr);
    return view_type && mode && PyModule_AddObjectRef(module, "mode", mode.get()) == 0;
}

}  // namespace rushlight
