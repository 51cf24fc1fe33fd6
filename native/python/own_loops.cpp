// Inner loops of our own in place of NumPy's, for functions whose loops are slow there: extremes beside a single
// number, signs, logic, fmod. They give what NumPy's give.
#include <cmath>
#include <cstring>

#include "python/loops.h"

namespace rushlight {
namespace {

template <class A, class R, class F>
void map(char** at, const npy_intp* n, const npy_intp* steps, const F& f) {
    const char* a = at[0];
    char* y = at[1];
    const auto run = [&](npy_intp a_step, npy_intp y_step) {
        for (npy_intp i = 0; i < *n; i++)
            *reinterpret_cast<R*>(y + i * y_step) = f(*reinterpret_cast<const A*>(a + i * a_step));
    };
    if (steps[0] == sizeof(A) && steps[1] == sizeof(R)) return run(sizeof(A), sizeof(R));  // vectors of the compiler's
    run(steps[0], steps[1]);
}

template <class A, class R, class F>
void map2(char** at, const npy_intp* n, const npy_intp* steps, const F& f) {
    const char *a = at[0], *b = at[1];
    char* y = at[2];
    const auto run = [&](npy_intp a_step, npy_intp b_step, npy_intp y_step) {
        for (npy_intp i = 0; i < *n; i++)
            *reinterpret_cast<R*>(y + i * y_step) =
                f(*reinterpret_cast<const A*>(a + i * a_step), *reinterpret_cast<const A*>(b + i * b_step));
    };
    constexpr npy_intp item = sizeof(A), made = sizeof(R);
    const bool dense = steps[2] == made;
    if (dense && steps[0] == item && steps[1] == item) return run(item, item, made);
    if (dense && steps[0] == item && steps[1] == 0) return run(item, 0, made);
    if (dense && steps[0] == 0 && steps[1] == item) return run(0, item, made);
    run(steps[0], steps[1], steps[2]);
}

// The remainder by double precision, exact where the quotient has at most 24 bits; else C's, bit by bit.
float remainder_towards_zero(float a, float b) {
    const double quotient = double(a) / double(b);
    if (!(std::fabs(quotient) < 16777216.0) || !(std::fabs(b) <= 3.4e38f)) return std::fmod(a, b);
    return float(std::copysign(double(a) - std::trunc(quotient) * double(b), double(a)));
}

using Arguments = char**;
#define RUSHLIGHT_LOOP(name, walk, in, out, ...)                               \
    void name(Arguments at, const npy_intp* n, const npy_intp* steps, void*) { \
        walk<in, out>(at, n, steps, __VA_ARGS__);                              \
    }
RUSHLIGHT_LOOP(maximum, map2, float, float, [](float a, float b) { return a >= b || a != a ? a : b; })
RUSHLIGHT_LOOP(minimum, map2, float, float, [](float a, float b) { return a <= b || a != a ? a : b; })
RUSHLIGHT_LOOP(maximum64, map2, double, double, [](double a, double b) { return a >= b || a != a ? a : b; })
RUSHLIGHT_LOOP(minimum64, map2, double, double, [](double a, double b) { return a <= b || a != a ? a : b; })
RUSHLIGHT_LOOP(larger, map2, int64_t, int64_t, [](int64_t a, int64_t b) { return a > b ? a : b; })
RUSHLIGHT_LOOP(smaller, map2, int64_t, int64_t, [](int64_t a, int64_t b) { return a < b ? a : b; })
RUSHLIGHT_LOOP(fmod, map2, float, float, remainder_towards_zero)
RUSHLIGHT_LOOP(logical_and, map2, float, bool, [](float a, float b) { return (a != 0.0f) & (b != 0.0f); })
RUSHLIGHT_LOOP(logical_or, map2, float, bool, [](float a, float b) { return (a != 0.0f) | (b != 0.0f); })
RUSHLIGHT_LOOP(logical_not, map, float, bool, [](float a) { return a == 0.0f; })
RUSHLIGHT_LOOP(sign, map, float, float, [](float a) {
    return a > 0.0f ? 1.0f : a < 0.0f ? -1.0f : a == 0.0f ? 0.0f : a;
})
#undef RUSHLIGHT_LOOP

constexpr struct {
    const char* name;
    int type;
    PyUFuncGenericFunction loop;
} own[] = {
    {"maximum", NPY_FLOAT32, maximum},
    {"minimum", NPY_FLOAT32, minimum},
    {"maximum", NPY_FLOAT64, maximum64},
    {"minimum", NPY_FLOAT64, minimum64},
    {"maximum", NPY_INT64, larger},
    {"minimum", NPY_INT64, smaller},
    {"fmod", NPY_FLOAT32, fmod},
    {"logical_and", NPY_FLOAT32, logical_and},
    {"logical_or", NPY_FLOAT32, logical_or},
    {"logical_not", NPY_FLOAT32, logical_not},
    {"sign", NPY_FLOAT32, sign},
};

}  // namespace

PyUFuncGenericFunction own_loop(const PyUFuncObject* ufunc, int type) {
    for (const auto& each : own)
        if (each.type == type && std::strcmp(each.name, ufunc->name) == 0) return each.loop;
    return nullptr;
}

}  // namespace rushlight
