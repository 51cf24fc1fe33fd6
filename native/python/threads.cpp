// Python's view of the thread pool, and of what the machine can do with it.
#include "parallel.h"

#include "kernels.h"
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

PyObject* peak_rates(PyObject*, PyObject*) {
    const npy_intp size = 1 << 25;  // 128 MB
    Ref from = new_array(NPY_FLOAT32, 1, &size), to = new_array(NPY_FLOAT32, 1, &size);
    if (!from || !to) return nullptr;
    double flops, bytes;
    {
        Unlocked unlocked(1e9);
        for (npy_intp i = 0; i < size; i++) data(from)[i] = data(to)[i] = 1;
        flops = peak_flops();
        bytes = peak_copy(data(from), size, data(to));
    }
    return Py_BuildValue("(dd)", flops, bytes);
}

}  // namespace

PyMethodDef thread_methods[] = {
    {"get_num_threads", get_threads, METH_NOARGS, "How many threads native kernels use."},
    {"set_num_threads", set_threads, METH_O, "Sets how many threads native kernels use."},
    {"peak_rates", peak_rates, METH_NOARGS, "Multiplications and additions, and bytes copied, per second at most."},
    {},
};

}  // namespace rushlight
