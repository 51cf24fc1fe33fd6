// Formulas element by element in one pass over memory. `in_one_pass(definition, trace)` makes a function that has the
// definition traced once for each combination of dtypes and constants: `trace(definition, arguments)` gives a program,
// the NumPy functions that the definition calls, or None. The program then runs on blocks that stay in the nearest
// cache, in threads, by NumPy's own inner loops: the result has the bits of the definition, whose every step would be a
// pass over memory.
#include <algorithm>
#include <atomic>
#include <memory>
#include <type_traits>
#include <vector>

#include "parallel.h"
#include "python/broadcast.h"
#include "python/destination.h"
#include "python/loops.h"
#include "scratch.h"

namespace rushlight {
namespace {

constexpr int MOST_ARGUMENTS = 10, MOST_INPUTS = 3, MOST_PLACES = 64;
constexpr int64_t BLOCK = 2048;  // elements of which all intermediate results stay in L1 or L2
constexpr int64_t RANGE = 8 * BLOCK;
constexpr size_t MOST_PROGRAMS = 64;  // of one definition; further combinations run as they are

// --- programs --------------------------------------------------------------------------------------------------------

// One step: a NumPy function, or, where that is nullptr, a choice by a mask. Places name what it reads and writes:
// first the arrays that come in, then the result, then numbers and intermediate results.
struct Step {
    Loop loop;
    int type;
    std::vector<int> in;
    int out;
};

struct Number {
    char value[8];
    int type;
    int spread;  // whether a whole block of it is read: NumPy's loops of extremes are slow beside a single number
};

struct Argument {
    int type;  // of an array; -1: a constant
    PyObject* constant;
};

struct Program {
    std::vector<Argument> arguments;
    bool runs = false;  // false: the definition cannot be traced for these arguments
    std::vector<Step> steps;
    std::vector<Number> numbers;
    int arrays = 0, places = 0, result = 0;
};

bool read_places(PyObject* tuple, int limit, std::vector<int>* places) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        int64_t place = 0;
        if (!read_int(PyTuple_GET_ITEM(tuple, i), &place) || place < 0 || place >= limit) return false;
        places->push_back(int(place));
    }
    return places->size() >= 1 && places->size() <= size_t(MOST_INPUTS);
}

// A step is (ufunc or None, dtype's number, places it reads, place it writes).
bool read_step(PyObject* described, int limit, Step* step) {
    PyObject *function, *in;
    if (!PyArg_ParseTuple(described, "OiO!i", &function, &step->type, &PyTuple_Type, &in, &step->out)) return false;
    if (!read_places(in, limit, &step->in) || step->out < 0 || step->out >= limit) return false;
    if (function == Py_None) return step->loop.result = step->type, step->in.size() == 3;
    if (!PyObject_TypeCheck(function, &PyUFunc_Type) || as_ufunc(function)->nin != int(step->in.size())) return false;
    step->loop = find_loop(as_ufunc(function), step->type);
    return step->loop.function != nullptr;
}

// A program is (number of arrays, numbers as (value, dtype's number, spread), steps, number of places).
bool read_program(PyObject* described, Program* program) {
    PyObject *numbers, *steps;
    if (!PyArg_ParseTuple(described, "iO!O!i", &program->arrays, &PyTuple_Type, &numbers, &PyTuple_Type, &steps,
                          &program->places))
        return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(numbers); i++) {
        PyObject* value;
        Number number;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(numbers, i), "Oii", &value, &number.type, &number.spread)) return false;
        if (!read_number(value, number.type, number.value)) return false;
        program->numbers.push_back(number);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(steps); i++) {
        program->steps.emplace_back();
        if (!read_step(PyTuple_GET_ITEM(steps, i), program->places, &program->steps.back())) return false;
    }
    if (program->steps.empty() || program->steps.back().out != program->arrays) return false;
    program->result = program->steps.back().loop.result;
    program->runs = program->places <= MOST_PLACES;
    return true;
}

// --- finding the program of a call -----------------------------------------------------------------------------------

struct Fused {
    PyObject *definition, *trace;
    std::vector<std::unique_ptr<Program>> programs;  // each stays where it is: another thread may be running it
};

bool is_constant(PyObject* o) {
    return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o) || PyUnicode_CheckExact(o) ||
           o == Py_None || PyArray_IsScalar(o, Number);
}

bool is_same_constant(PyObject* a, PyObject* b) {
    return a == b || (Py_TYPE(a) == Py_TYPE(b) && PyObject_RichCompareBool(a, b, Py_EQ) == 1);
}

bool fits(const Program& program, PyObject* const* args, Py_ssize_t count) {
    if (program.arguments.size() != size_t(count)) return false;
    for (Py_ssize_t i = 0; i < count; i++) {
        const Argument& argument = program.arguments[size_t(i)];
        const bool array = PyArray_CheckExact(args[i]);
        if (array ? argument.type != PyArray_TYPE(as_array(args[i]))
                  : argument.type >= 0 || !is_same_constant(argument.constant, args[i]))
            return false;
    }
    return true;
}

// Traces the definition. nullptr: an exception.
std::unique_ptr<Program> trace(const Fused& fused, PyObject* const* args, Py_ssize_t count) {
    auto program = std::make_unique<Program>();
    Ref described(PyTuple_New(count));
    if (!described) return nullptr;
    for (Py_ssize_t i = 0; i < count; i++) {
        const bool array = PyArray_CheckExact(args[i]);
        PyObject* shown = array ? reinterpret_cast<PyObject*>(PyArray_DESCR(as_array(args[i]))) : args[i];
        Py_INCREF(shown);
        PyTuple_SET_ITEM(described.get(), i, shown);
        program->arguments.push_back({array ? PyArray_TYPE(as_array(args[i])) : -1, array ? nullptr : args[i]});
    }
    Ref traced(PyObject_CallFunctionObjArgs(fused.trace, fused.definition, described.get(), nullptr));
    if (!traced) return nullptr;
    if (traced.get() != Py_None && !read_program(traced.get(), program.get())) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "in_one_pass: this is not a program");
        return nullptr;
    }
    for (const Argument& argument : program->arguments) Py_XINCREF(argument.constant);
    return program;
}

// nullptr without an exception: none, and no room for another.
const Program* find_program(Fused* fused, PyObject* const* args, Py_ssize_t count) {
    for (const auto& program : fused->programs)
        if (fits(*program, args, count)) return program.get();
    if (fused->programs.size() == MOST_PROGRAMS) return nullptr;
    auto program = trace(*fused, args, count);
    if (!program) return nullptr;
    fused->programs.push_back(std::move(program));
    return fused->programs.back().get();
}

// --- running ---------------------------------------------------------------------------------------------------------

// out = mask ? a : b.
template <class T>
void choose(char* const* at, int64_t n, const npy_intp* steps) {
    const auto run = [=](npy_intp mask_step, npy_intp a_step, npy_intp b_step, npy_intp out_step) {
        const char *mask = at[0], *a = at[1], *b = at[2];
        char* out = at[3];
        for (int64_t i = 0; i < n; i++) {
            const T chosen_a = *reinterpret_cast<const T*>(a + i * a_step);
            const T chosen_b = *reinterpret_cast<const T*>(b + i * b_step);
            *reinterpret_cast<T*>(out + i * out_step) = mask[i * mask_step] ? chosen_a : chosen_b;
        }
    };
    constexpr npy_intp next = sizeof(T);
    const bool rows = steps[0] == 1 && steps[3] == next;
    if (rows && steps[1] == next && steps[2] == next) return run(1, next, next, next);  // the compiler makes vectors
    if (rows && steps[1] == 0 && steps[2] == next) return run(1, 0, next, next);        // of these three
    if (rows && steps[1] == next && steps[2] == 0) return run(1, next, 0, next);
    run(steps[0], steps[1], steps[2], steps[3]);
}

void run_step(const Step& step, char* const* place, const npy_intp* place_step, npy_intp n) {
    char* at[MOST_INPUTS + 1];
    npy_intp steps[MOST_INPUTS + 1];
    int count = 0;
    const auto pass = [&](int p) { at[count] = place[p], steps[count++] = place_step[p]; };
    for (int p : step.in) pass(p);
    pass(step.out);
    if (step.loop.function) return step.loop.function(at, &n, steps, step.loop.data);
    step.type == NPY_FLOAT32 ? choose<float>(at, n, steps) : choose<double>(at, n, steps);
}

npy_intp item_size(int type) { return type == NPY_FLOAT64 ? 8 : type == NPY_FLOAT32 ? 4 : 1; }

// Where each place is during a walk, and the bytes between its elements.
struct Places {
    char* at[MOST_PLACES];
    npy_intp step[MOST_PLACES] = {};

    // For stretches of at most `count` elements.
    Places(const Program& program, char* memory, int64_t count) {
        int place = program.arrays + 1;
        for (const Number& number : program.numbers) {
            at[place] = const_cast<char*>(number.value);
            if (number.spread) {
                step[place] = item_size(number.type);
                for (npy_intp i = 0; i < std::min(BLOCK, count); i++)
                    std::memcpy(memory + i * step[place], number.value, size_t(step[place]));
                at[place] = memory;
                memory += BLOCK * 8;
            }
            place++;
        }
        for (; place < program.places; place++, memory += BLOCK * 8) at[place] = memory;
    }

    // All steps on one stretch of the innermost dimension; `outer` are the arrays and the result.
    void run(const Program& program, char* const* outer, npy_intp count, const npy_intp* outer_steps) {
        const int outside = program.arrays + 1;
        for (npy_intp done = 0; done < count; done += BLOCK) {
            for (int k = 0; k < outside; k++) {
                at[k] = outer[k] + done * outer_steps[k];
                step[k] = outer_steps[k];
            }
            for (const Step& each : program.steps) {
                if (each.out >= outside) step[each.out] = item_size(each.loop.result);
                run_step(each, at, step, std::min<npy_intp>(BLOCK, count - done));
            }
        }
    }
};

bool run_program(const Program& program, const Walk& walk, int64_t begin, int64_t end) {
    float* memory = scratch(Slot::tiles, size_t(program.places - program.arrays) * size_t(BLOCK) * 2);
    if (!memory) return false;
    Places places(program, reinterpret_cast<char*>(memory), end - begin);
    walk.run(begin, end,
             [&](char* const* at, npy_intp count, const npy_intp* steps) { places.run(program, at, count, steps); });
    return true;
}

// Every array among the arguments is one that the walk can take.
bool gather(PyObject* const* args, Py_ssize_t count, Broadcast* common, PyObject** arrays, int* found) {
    *found = 0;
    if (count > MOST_ARGUMENTS) return false;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyArray_CheckExact(args[i])) {
            if (!is_constant(args[i])) return false;
            continue;
        }
        const int type = PyArray_TYPE(as_array(args[i]));
        if (*found == OPERANDS - 1 || !(is_plain(type) || type == NPY_BOOL)) return false;
        if (!PyArray_ISBEHAVED_RO(as_array(args[i])) || !common->add(args[i])) return false;
        arrays[(*found)++] = args[i];
    }
    return *found > 0 && common->size() > 0;
}

constexpr char capsule_name[] = "rushlight.fused";

PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    Fused* fused = static_cast<Fused*>(PyCapsule_GetPointer(self, capsule_name));
    PyObject* to = take_destination();
    Broadcast common;
    PyObject* arrays[OPERANDS];
    int found;
    if (!gather(args, count, &common, arrays, &found)) return not_implemented();
    const Program* program = find_program(fused, args, count);
    if (!program && PyErr_Occurred()) return nullptr;
    if (!program || !program->runs) return not_implemented();
    int order[NPY_MAXDIMS];
    common.order_dimensions(arrays, found, order);
    const bool here = to && common.is_shape_of(to) && takes_result(to, program->result, arrays, found);
    Ref out = here ? again(to) : common.new_in_order(program->result, order);
    if (!out) return nullptr;
    arrays[found] = out.get();
    const Walk walk(common, order, arrays, nullptr, found + 1);
    std::atomic<bool> whole{true};
    {
        Unlocked unlocked(8.0 * double(common.size()));
        parallel_for(common.size(), RANGE, [&](int64_t begin, int64_t end) {
            if (!run_program(*program, walk, begin, end)) whole = false;
        });
    }
    return whole ? out.release() : PyErr_NoMemory();
}

PyMethodDef in_blocks = {"in_one_pass", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&call)), METH_FASTCALL,
                         nullptr};

void release(PyObject* capsule) {
    Fused* fused = static_cast<Fused*>(PyCapsule_GetPointer(capsule, capsule_name));
    for (const auto& program : fused->programs)
        for (const Argument& argument : program->arguments) Py_XDECREF(argument.constant);
    Py_DECREF(fused->definition);
    Py_DECREF(fused->trace);
    delete fused;
}

PyObject* in_one_pass(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (PyUFunc_ImportUFuncAPI() < 0) return nullptr;
    if (count != 2 || !PyCallable_Check(args[0]) || !PyCallable_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "in_one_pass: expected a definition and the function that traces it");
        return nullptr;
    }
    Py_INCREF(args[0]);
    Py_INCREF(args[1]);
    Ref capsule(PyCapsule_New(new Fused{args[0], args[1], {}}, capsule_name, release));
    return capsule ? PyCFunction_New(&in_blocks, capsule.get()) : nullptr;
}

}  // namespace

PyMethodDef fused_methods[] = {
    RUSHLIGHT_METHOD(in_one_pass, "in_one_pass(definition, trace): the formula in one pass over memory, in threads."),
    {}};

}  // namespace rushlight
