// Python's view of the thread pool.
#include "parallel.h"

#include "python/binding.h"

namespace rushlight {
namespace {

PyObject* get_threads(PyObject*, PyObject*) { return PyLong_FromLong(get_num_threads()); }

PyObject* set_threads(PyObject*, PyObject* count) {
    const long threads = PyLong_AsLong(count);
    if (threads == -1 && PyErr_Occurred()) return nullptr;
    if (threads < 1)
        return PyErr_Format(PyExc_RuntimeError, "set_num_threads: expected a positive number, got %ld", threads);
    set_num_threads(int(threads < 1 << 20 ? threads : 1 << 20));
    Py_RETURN_NONE;
}

}  // namespace

PyMethodDef thread_methods[] = {
    {"get_num_threads", get_threads, METH_NOARGS, "How many threads native kernels use."},
    {"set_num_threads", set_threads, METH_O, "Sets how many threads native kernels use."},
    {},
};

}  // namespace rushlight
