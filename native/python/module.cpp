// The extension module: its methods, gathered from the families, and Kernel, the callable that puts a twin written in
// C++ before the definition written in Python.
#define RUSHLIGHT_IMPORTS_NUMPY
#include "python/binding.h"

#include <structmember.h>

#include <cstddef>

namespace rushlight {
namespace {

// Kernel(twin, definition): calls twin, a positional-only function of this module; where that answers NotImplemented,
// or keyword arguments are given, calls definition with the same arguments.
struct Kernel {
    PyObject_HEAD
    PyObject* twin;
    PyObject* definition;
    PyObject* attributes;
    vectorcallfunc call;
};

Kernel* as_kernel(PyObject* o) { return reinterpret_cast<Kernel*>(o); }

bool twins_run = true;  // false: every Kernel calls its definition

using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

PyObject* call_kernel(PyObject* self, PyObject* const* args, size_t flagged, PyObject* names) {
    Kernel* kernel = as_kernel(self);
    if (!names && twins_run) {
        const auto twin = reinterpret_cast<Fast>(reinterpret_cast<void*>(PyCFunction_GET_FUNCTION(kernel->twin)));
        PyObject* result = twin(PyCFunction_GET_SELF(kernel->twin), args, PyVectorcall_NARGS(flagged));
        if (result != Py_NotImplemented) return result;
        Py_DECREF(result);
    }
    return PyObject_Vectorcall(kernel->definition, args, flagged, names);
}

PyObject* new_kernel(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    static const char* names[] = {"twin", "definition", nullptr};
    PyObject *twin, *definition;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!O", const_cast<char**>(names), &PyCFunction_Type, &twin,
                                     &definition))
        return nullptr;
    if (PyCFunction_GET_FLAGS(twin) != METH_FASTCALL) {
        PyErr_SetString(PyExc_TypeError, "Kernel: twin must be a positional-only function of a native module");
        return nullptr;
    }
    if (!PyCallable_Check(definition)) {
        PyErr_SetString(PyExc_TypeError, "Kernel: definition must be callable");
        return nullptr;
    }
    Kernel* self = as_kernel(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    Py_INCREF(twin);
    Py_INCREF(definition);
    self->twin = twin;
    self->definition = definition;
    self->call = call_kernel;
    return reinterpret_cast<PyObject*>(self);
}

int traverse_kernel(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(as_kernel(self)->twin);
    Py_VISIT(as_kernel(self)->definition);
    Py_VISIT(as_kernel(self)->attributes);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

int clear_kernel(PyObject* self) {
    Py_CLEAR(as_kernel(self)->twin);
    Py_CLEAR(as_kernel(self)->definition);
    Py_CLEAR(as_kernel(self)->attributes);
    return 0;
}

void free_kernel(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clear_kernel(self);
    type->tp_free(self);
    Py_DECREF(type);
}

// What a Kernel does not have itself (`__name__`, `__signature__`, ...) it has from its definition.
PyObject* get_attribute(PyObject* self, PyObject* name) {
    PyObject* found = PyObject_GenericGetAttr(self, name);
    if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
    PyErr_Clear();
    return PyObject_GetAttr(as_kernel(self)->definition, name);
}

PyObject* from_definition(PyObject* self, void* name) {
    return PyObject_GetAttrString(as_kernel(self)->definition, static_cast<const char*>(name));
}

PyObject* show_kernel(PyObject* self) {
    Ref name(from_definition(self, const_cast<char*>("__qualname__")));
    return name ? PyUnicode_FromFormat("<kernel %U>", name.get()) : nullptr;
}

// Pickled by reference, as functions are.
PyObject* reduce_kernel(PyObject* self, PyObject*) { return from_definition(self, const_cast<char*>("__qualname__")); }

PyMemberDef kernel_members[] = {
    {"twin", T_OBJECT_EX, offsetof(Kernel, twin), READONLY, "the native function"},
    {"definition", T_OBJECT_EX, offsetof(Kernel, definition), READONLY, "the Python function"},
    {"__wrapped__", T_OBJECT_EX, offsetof(Kernel, definition), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Kernel, attributes), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Kernel, call), READONLY, nullptr},
    {},
};

PyGetSetDef kernel_getset[] = {
    {"__doc__", from_definition, nullptr, nullptr, const_cast<char*>("__doc__")},
    {"__module__", from_definition, nullptr, nullptr, const_cast<char*>("__module__")},
    {},
};

// Lets twins run (True) or not; returns what was so before. For tests, which hold twins against definitions.
PyObject* use_twins(PyObject*, PyObject* const* args, Py_ssize_t count) {
    bool wanted = true;
    if (count != 1 || !read_bool(args[0], &wanted)) {
        PyErr_SetString(PyExc_TypeError, "use_twins: expected True or False");
        return nullptr;
    }
    const bool before = twins_run;
    twins_run = wanted;
    return PyBool_FromLong(before);
}

PyMethodDef module_methods[] = {
    RUSHLIGHT_METHOD(use_twins, "use_twins(flag): whether kernels try their twins; returns the old setting."), {}};

PyMethodDef kernel_methods[] = {{"__reduce__", reduce_kernel, METH_NOARGS, nullptr}, {}};

PyType_Slot kernel_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(new_kernel)},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_kernel)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse_kernel)},
    {Py_tp_clear, reinterpret_cast<void*>(clear_kernel)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_repr, reinterpret_cast<void*>(show_kernel)},
    {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
    {Py_tp_members, kernel_members},
    {Py_tp_getset, kernel_getset},
    {Py_tp_methods, kernel_methods},
    {0, nullptr},
};

PyType_Spec kernel_spec = {
    "rushlight.kernels.Kernel", sizeof(Kernel), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE, kernel_slots};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "native", "Rushlight's kernels in C++, for one instruction set.", -1};

// Runs before any other code of this file, which the processor may not be able to run.
bool processor_can_run_this() {
#if defined(__x86_64__)
    __builtin_cpu_init();
#if defined(__AVX512F__)
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512cd"))
        return false;
#endif
#if defined(__AVX2__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
        return false;
#endif
#if defined(__SSE4_2__)
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")) return false;
#endif
#endif
    return true;
}

__attribute__((noinline)) PyObject* make_module() {
    if (PyArray_ImportNumPyAPI() < 0) return nullptr;
    Ref module(PyModule_Create(&definition));
    if (!module) return nullptr;
    PyMethodDef* const families[] = {
        module_methods,    tape_methods,       thread_methods,    allocator_methods, gemm_methods,
        conv_methods,      activation_methods, pointwise_methods, order_methods,     softmax_methods,
        attention_methods, recurrent_methods,  embedding_methods, norm_methods,      pool_methods,
        resample_methods,  optim_methods,      random_methods,    ufunc_methods,     fused_methods,
        reduction_methods, lanes_methods,      walk_methods,      shape_methods,     copy_methods};
    for (PyMethodDef* methods : families)
        if (PyModule_AddFunctions(module.get(), methods) < 0) return nullptr;
    for (auto add : {add_tape_types, add_guards_type, add_program_type, add_size_type})
        if (!add(module.get())) return nullptr;
    Ref kernel(PyType_FromSpec(&kernel_spec));
    if (!kernel || PyModule_AddObjectRef(module.get(), "Kernel", kernel.get()) < 0) return nullptr;
    if (PyModule_AddStringConstant(module.get(), "isa", RUSHLIGHT_ISA_NAME) < 0) return nullptr;
    return module.release();
}

}  // namespace
}  // namespace rushlight

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

PyMODINIT_FUNC JOIN(PyInit__native_, RUSHLIGHT_ISA)() {
    if (rushlight::processor_can_run_this()) return rushlight::make_module();
    PyErr_SetString(PyExc_ImportError, "this processor lacks the instructions of the " RUSHLIGHT_ISA_NAME " build");
    return nullptr;
}
