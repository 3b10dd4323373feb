#pragma once

#include <cstdint>

#include "runtime/dtype.h"

namespace gemmule {

/// What elements are folded with. `any` and `all` are the greatest and the least of bools.
enum class Reduction { kSum, kProduct, kGreatest, kLeast };

/// Elements of a row, and rows of a column, that are folded at once; more are folded chunk by chunk, and the results of
/// the chunks likewise. So the order of every sum depends on its length only, and its error grows with the logarithm of
/// it.
inline constexpr std::int64_t kRowChunk = 4096;
inline constexpr std::int64_t kColumnChunk = 128;

/// y[0] = fold of `count` contiguous elements, or the identity.
using RowReduction = void (*)(const void* x, std::int64_t count, void* y);

/// y[c] = fold of x[r * rowStride + c] over the rows in ascending order.
using ColumnReduction = void (*)(const void* x, std::int64_t rowStride, std::int64_t rows, std::int64_t columns,
                                 void* y);

/// Index of the first element equal to `value`, or that is NaN if `value` is; `count` if there is none.
using FindFirst = std::int64_t (*)(const void* x, std::int64_t count, const void* value);

/// index[c] = first row of x[r * rowStride + c] that no other beats; a NaN beats every number. At least one row.
using ColumnArgReduction = void (*)(const void* x, std::int64_t rowStride, std::int64_t rows, std::int64_t columns,
                                    std::int32_t* index);

/// Reductions of all dtypes for which they are defined (null otherwise). Rows are folded over 64 lanes (16, or one, for
/// short ones) whose results are folded by halves; columns lie side by side in vectors. One pass over memory.
struct ReductionKernels {
  RowReduction (*row)(Reduction reduction, DType dtype);
  ColumnReduction (*columns)(Reduction reduction, DType dtype);
  FindFirst (*findFirst)(DType dtype);
  ColumnArgReduction (*argColumns)(bool greatest, DType dtype);
};

}  // namespace gemmule
