// The walk back over the tape in its plain case: gradients are added to the leaves' `.grad`. It is the twin of `Walk`
// in rushlight/autograd/walk.py.
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "python/tape.h"

namespace rushlight {
namespace {

// One backward pass that adds to the `.grad` of leaves (see Walk in walk.py, which it is the twin of).
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
        const Clock mark = ++tape.now;
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
                if (Py_TYPE(edge) == tape.leaf_type)
                    waiting[edge]++;
                else
                    find(edge, mark);
            }
        }
        std::sort(order.begin(), order.end(),
                  [](PyObject* a, PyObject* b) { return as_entry(a)->seq > as_entry(b)->seq; });
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject* edge = PyTuple_GET_ITEM(PyList_GET_ITEM(roots, i), 0);
            if (Py_TYPE(edge) == tape.leaf_type && !waiting.count(edge) && !deliver(edge)) return false;
        }
        for (PyObject* node : order)
            if (!visit(node)) return false;
        return true;
    }

private:
    void find(PyObject* edge, Clock mark) {
        if (!PyObject_TypeCheck(edge, tape.entry_type) || as_entry(edge)->mark == mark) return;
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
        if (!is_none_or_empty(entry->hooks))
            grad = Ref(PyObject_CallFunctionObjArgs(tape.call_hooks, entry->hooks, grad.get(), Py_False, nullptr));
        if (!grad) return false;
        if (!is_none(entry->retained)) {
            Ref done(PyObject_CallFunctionObjArgs(tape.retain, node, grad.get(), nullptr));
            if (!done) return false;
        }
        if (Py_TYPE(node) == tape.pick_type) return pass_to_whole(entry, node, grad.get());
        if (!spread(entry, node, static_cast<Ref&&>(grad))) return false;
        if (!retain_graph && (!PyTuple_CheckExact(entry->saved) || PyTuple_GET_SIZE(entry->saved))) {
            put(entry->saved, Py_None);
            put(entry->args, tape.empty_tuple);
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
        Ref index(PyObject_GetAttr(node, tape.s_index));
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
        Ref method(PyObject_GetAttr(type, tape.s_differentiate));
        if (!method) return Ref();
        if (method.get() != tape.differentiate || entry->saved == Py_None)
            return Ref(PyObject_CallFunctionObjArgs(method.get(), node, grad, Py_False, nullptr));
        if (tape.last_write > entry->seq) {
            Ref checked(PyObject_CallMethodOneArg(node, tape.s_check, entry->saved));
            if (!checked) return Ref();
        }
        Ref backward(PyObject_GetAttr(type, tape.s_backward));
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
            if (Py_TYPE(edge) == tape.leaf_type && --waiting[edge] == 0 && !deliver(edge)) return false;
        }
        return true;
    }

    // All of a leaf's gradient has come. An array that nobody else holds becomes .grad itself; where there is a .grad,
    // it is added in place. The rest is Python's.
    bool deliver(PyObject* node) {
        Ref grad = take(node);
        if (!grad) return true;
        Leaf* leaf = as_leaf(node);
        Ref held(PyObject_CallNoArgs(leaf->tensor));
        PyObject* tensor = held.get();
        if (!tensor) return false;
        if (tensor != Py_None && is_none_or_empty(leaf->hooks) && is_none_or_empty(leaf->after)) {
            PyObject* have = as_tensor(tensor)->grad;
            if (is_none(have) && is_ours(grad.get())) return set_grad(tensor, static_cast<Ref&&>(grad));
            if (!is_none(have) && PyArray_CheckExact(as_tensor(have)->array)) return add_in_place(have, grad.get());
        }
        Ref done(PyObject_CallFunctionObjArgs(tape.deliver, node, grad.get(), nullptr));
        return bool(done);
    }

    static bool set_grad(PyObject* tensor, Ref grad) {
        Ref wrapped(wrap_array(static_cast<Ref&&>(grad), nullptr));
        if (wrapped) put(as_tensor(tensor)->grad, wrapped.get());
        return bool(wrapped);
    }

    static bool add_in_place(PyObject* have, PyObject* grad) {
        PyObject* array = as_tensor(have)->array;
        Ref sum(PyNumber_InPlaceAdd(array, grad));
        note_write(array);
        return bool(sum);
    }

    static bool is_ours(PyObject* grad) {
        if (!PyArray_CheckExact(grad) || Py_REFCNT(grad) != 1) return false;
        PyObject* base = PyArray_BASE(as_array(grad));
        return !base || (PyArray_IS_C_CONTIGUOUS(as_array(grad)) && Py_REFCNT(base) == 1);
    }
};

// sweep(roots, retain_graph): roots is a list of (entry, gradient) pairs. Nothing is recorded meanwhile.
PyObject* sweep(PyObject*, PyObject* const* args, Py_ssize_t count) {
    bool retain = false;
    if (count != 2 || !PyList_CheckExact(args[0]) || !read_bool(args[1], &retain))
        return PyErr_Format(PyExc_TypeError, "sweep: expected a list of roots and a flag");
    const bool before = grad_enabled;
    grad_enabled = false;
    bool whole;
    {
        Walk walk(retain);
        whole = walk.run(args[0]);
    }
    grad_enabled = before;
    if (!whole) return nullptr;
    Py_RETURN_NONE;
}

}  // namespace

PyMethodDef walk_methods[] = {
    RUSHLIGHT_METHOD(sweep, "sweep(roots, retain_graph): a backward pass that adds to the leaves' .grad."),
    {},
};

}  // namespace rushlight
