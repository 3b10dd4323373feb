#include <algorithm>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Elements that one lane should fold at least.
constexpr std::int64_t kGrain = 32768;
/// Elements of 8 bytes that one chunk of a row may have to be gathered into.
constexpr std::int64_t kBlockBytes = kRowChunk * 8;
/// Columns that one lane folds at once.
constexpr std::int64_t kColumnTile = 512;

std::int64_t chunksOf(std::int64_t length, std::int64_t chunk) { return (length + chunk - 1) / chunk; }

std::int64_t grainFor(std::int64_t elements) {
  return std::max<std::int64_t>(kGrain / std::max<std::int64_t>(elements, 1), 1);
}

/// A view cut into the axes that stay and the last ones, which are folded.
struct Reduced {
  const TensorView& x;
  std::int64_t bytes;
  StridedWalk<1> kept;
  StridedWalk<1> folded;

  Reduced(const TensorView& view, int axes)
      : x(view),
        bytes(bytesPerElement(view.dtype)),
        kept({&view}, 0, view.rank - axes),
        folded({&view}, view.rank - axes, view.rank) {}

  std::int64_t rows() const { return kept.count; }
  std::int64_t length() const { return folded.count; }
  bool rowsAreContiguous() const { return folded.isContiguous(0); }

  /// Whether rows lie side by side: element i of all of them, in runs of at least 8, follow each other in memory.
  bool liesInColumns() const {
    return folded.rank == 1 && folded.dims[0] > 1 && kept.innerStride(0) == 1 && kept.innerDim() >= 8;
  }
};

/// Some elements of the row at `row`: in place where the row is contiguous, else gathered into `block`.
const std::byte* rowPart(const Reduced& reduced, const std::byte* row, std::int64_t begin, std::int64_t count,
                         std::byte* block) {
  if (reduced.rowsAreContiguous()) return row + begin * reduced.bytes;
  gatherElements(reduced.folded, row, reduced.bytes, begin, count, block);
  return block;
}

/// Folds rows chunk by chunk, and the results of the chunks in the same way until one a row is left.
Status foldRows(const OpContext& context, const Reduced& reduced, RowReduction kernel, std::byte* results) {
  const std::int64_t rows = reduced.rows();
  std::int64_t length = reduced.length();
  std::int64_t chunks = std::max<std::int64_t>(chunksOf(length, kRowChunk), 1);
  std::byte* partial = chunks == 1 ? results : context.scratch.allocate<std::byte>(rows * chunks * reduced.bytes);
  if (partial == nullptr) return Status::outOfMemory("no memory for the parts of a reduction");
  context.team.parallelFor(
      rows * chunks, grainFor(std::min(length, kRowChunk)), [&](std::int64_t begin, std::int64_t end, int) {
        alignas(64) std::byte block[kBlockBytes];
        StridedCursor<1> cursor(reduced.kept, begin / chunks);
        for (std::int64_t item = begin; item < end; ++item) {
          const std::int64_t first = item % chunks * kRowChunk;
          const std::int64_t count = std::min(length - first, kRowChunk);
          const std::byte* row = reduced.x.data + cursor.offset(0) * reduced.bytes;
          kernel(rowPart(reduced, row, first, count, block), count, partial + item * reduced.bytes);
          if ((item + 1) % chunks == 0) cursor.advance(1);
        }
      });
  while (chunks > 1) {
    length = chunks;
    chunks = chunksOf(length, kRowChunk);
    std::byte* next = chunks == 1 ? results : context.scratch.allocate<std::byte>(rows * chunks * reduced.bytes);
    if (next == nullptr) return Status::outOfMemory("no memory for the parts of a reduction");
    for (std::int64_t item = 0; item < rows * chunks; ++item) {
      const std::int64_t first = item % chunks * kRowChunk;
      kernel(partial + (item / chunks * length + first) * reduced.bytes, std::min(length - first, kRowChunk),
             next + item * reduced.bytes);
    }
    partial = next;
  }
  return Status::ok();
}

/// Columns that are folded together: where they start, in the operand and among the results, and how many.
struct ColumnTile {
  std::int64_t offset;
  std::int64_t result;
  std::int64_t columns;
};

/// Calls `body(tile, part)` for every tile of columns and every part of the rows.
template <typename Body>
void forEachColumnTile(const OpContext& context, const Reduced& reduced, std::int64_t parts, std::int64_t rowsOfPart,
                       const Body& body) {
  const std::int64_t width = reduced.kept.innerDim();
  const std::int64_t tiles = chunksOf(width, kColumnTile);
  const std::int64_t outer = reduced.rows() / width;
  const std::int64_t grain = grainFor(rowsOfPart * std::min(width, kColumnTile));
  context.team.parallelFor(outer * parts * tiles, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t column = item % tiles * kColumnTile;
      const std::int64_t part = item / tiles % parts;
      const std::int64_t first = item / (tiles * parts) * width + column;
      const StridedCursor<1> cursor(reduced.kept, first);
      body(ColumnTile{cursor.offset(0), first, std::min(width - column, kColumnTile)}, part);
    }
  });
}

/// Folds columns chunk by chunk of rows, and the results of the chunks in the same way until one is left.
Status foldColumns(const OpContext& context, const Reduced& reduced, ColumnReduction kernel, std::byte* results) {
  const std::int64_t total = reduced.rows();
  const std::int64_t bytes = reduced.bytes;
  std::int64_t length = reduced.length();
  std::int64_t chunks = chunksOf(length, kColumnChunk);
  std::byte* partial = chunks == 1 ? results : context.scratch.allocate<std::byte>(total * chunks * bytes);
  if (partial == nullptr) return Status::outOfMemory("no memory for the parts of a reduction");
  const std::int64_t stride = reduced.folded.innerStride(0);
  forEachColumnTile(
      context, reduced, chunks, std::min(length, kColumnChunk), [&](const ColumnTile& tile, std::int64_t chunk) {
        const std::int64_t first = chunk * kColumnChunk;
        kernel(reduced.x.data + (tile.offset + first * stride) * bytes, stride, std::min(length - first, kColumnChunk),
               tile.columns, partial + (chunk * total + tile.result) * bytes);
      });
  while (chunks > 1) {
    length = chunks;
    chunks = chunksOf(length, kColumnChunk);
    std::byte* next = chunks == 1 ? results : context.scratch.allocate<std::byte>(total * chunks * bytes);
    if (next == nullptr) return Status::outOfMemory("no memory for the parts of a reduction");
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      const std::int64_t first = chunk * kColumnChunk;
      kernel(partial + first * total * bytes, total, std::min(length - first, kColumnChunk), total,
             next + chunk * total * bytes);
    }
    partial = next;
  }
  return Status::ok();
}

/// The first best element of a row: of its chunks the first with the best value, of that the first element equal to it.
std::int64_t argOfRow(const Reduced& reduced, RowReduction kernel, FindFirst find, const std::byte* row,
                      std::byte* block) {
  const std::size_t bytes = static_cast<std::size_t>(reduced.bytes);
  // The best value so far, and that of the next chunk, as a row of two.
  alignas(8) std::byte pair[16];
  alignas(8) std::byte folded[8];
  std::int64_t bestChunk = 0;
  for (std::int64_t first = 0; first < reduced.length(); first += kRowChunk) {
    const std::int64_t count = std::min(reduced.length() - first, kRowChunk);
    kernel(rowPart(reduced, row, first, count, block), count, first == 0 ? pair : pair + bytes);
    if (first == 0) continue;
    // The chunk is better if folding its value with the best one gives something else than the best.
    kernel(pair, 2, folded);
    if (find(pair, 1, folded) == 0) continue;
    std::memcpy(pair, folded, bytes);
    bestChunk = first;
  }
  const std::int64_t count = std::min(reduced.length() - bestChunk, kRowChunk);
  return bestChunk + find(rowPart(reduced, row, bestChunk, count, block), count, pair);
}

/// The operand's last `axes` axes must be those that the result lacks.
Status checkReduction(const char* name, const OpContext& context, bool toIndex, int* axes) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, 1, 1));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  std::int64_t count = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute(name, context, 0, 0, x.rank, &count));
  TensorView kept = x;
  kept.rank = x.rank - static_cast<int>(count);
  GEMMULE_RETURN_IF_ERROR(requireResult(name, y, toIndex ? DType::kInt32 : x.dtype, kept));
  *axes = static_cast<int>(count);
  return Status::ok();
}

/// Views whose rows lie across memory in no simple way are copied first.
Status straighten(const OpContext& context, const Reduced& reduced, TensorView* view) {
  if (reduced.rowsAreContiguous() || reduced.liesInColumns() || !liesAcrossMemory(reduced.x)) return Status::ok();
  std::byte* copy = context.scratch.allocate<std::byte>(reduced.x.size() * reduced.bytes);
  if (copy == nullptr) return Status::outOfMemory("no memory for a copy of the operand");
  copyElements(reduced.x, copy, context.team);
  view->data = copy;
  setContiguousStrides(*view);
  return Status::ok();
}

Status fold(const char* name, Reduction reduction, bool bools, const OpContext& context) {
  int axes = 0;
  GEMMULE_RETURN_IF_ERROR(checkReduction(name, context, false, &axes));
  TensorView x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  const RowReduction row = context.kernels.reduction.row(reduction, x.dtype);
  const ColumnReduction columns = context.kernels.reduction.columns(reduction, x.dtype);
  if (row == nullptr || columns == nullptr || (bools && x.dtype != DType::kBool)) {
    return Status::invalid(std::string(name) + ": not defined for dtype " + kDTypeNames[static_cast<int>(x.dtype)]);
  }
  const Reduced given(x, axes);
  if (given.rows() == 0) return Status::ok();
  if (given.length() == 0 && bools) {
    // Nothing is true of any of no elements, and everything of all.
    std::memset(y.data, reduction == Reduction::kLeast ? 1 : 0, static_cast<std::size_t>(given.rows()));
    return Status::ok();
  }
  if (given.length() == 0 && (reduction == Reduction::kGreatest || reduction == Reduction::kLeast)) {
    return Status::invalid(std::string(name) + ": no elements to reduce");
  }
  GEMMULE_RETURN_IF_ERROR(straighten(context, given, &x));
  const Reduced reduced(x, axes);
  if (reduced.liesInColumns()) return foldColumns(context, reduced, columns, y.data);
  return foldRows(context, reduced, row, y.data);
}

Status arg(const char* name, bool greatest, const OpContext& context) {
  int axes = 0;
  GEMMULE_RETURN_IF_ERROR(checkReduction(name, context, true, &axes));
  TensorView x = context.operands[0].tensor;
  const Reduction reduction = greatest ? Reduction::kGreatest : Reduction::kLeast;
  const RowReduction row = context.kernels.reduction.row(reduction, x.dtype);
  const FindFirst find = context.kernels.reduction.findFirst(x.dtype);
  const ColumnArgReduction columns = context.kernels.reduction.argColumns(greatest, x.dtype);
  if (row == nullptr || find == nullptr || columns == nullptr) {
    return Status::invalid(std::string(name) + ": not defined for dtype " + kDTypeNames[static_cast<int>(x.dtype)]);
  }
  const Reduced given(x, axes);
  if (given.rows() == 0) return Status::ok();
  if (given.length() == 0) return Status::invalid(std::string(name) + ": no elements to reduce");
  if (given.length() > INT32_MAX) return Status::invalid(std::string(name) + ": too many elements for an int32 index");
  GEMMULE_RETURN_IF_ERROR(straighten(context, given, &x));
  const Reduced reduced(x, axes);
  std::int32_t* results = context.results[0].as<std::int32_t>();
  if (reduced.liesInColumns()) {
    forEachColumnTile(context, reduced, 1, reduced.length(), [&](const ColumnTile& tile, std::int64_t) {
      columns(reduced.x.data + tile.offset * reduced.bytes, reduced.folded.innerStride(0), reduced.length(),
              tile.columns, results + tile.result);
    });
    return Status::ok();
  }
  context.team.parallelFor(reduced.rows(), grainFor(reduced.length()), [&](std::int64_t begin, std::int64_t end, int) {
    alignas(64) std::byte block[kBlockBytes];
    StridedCursor<1> cursor(reduced.kept, begin);
    for (std::int64_t n = begin; n < end; ++n) {
      const std::byte* start = reduced.x.data + cursor.offset(0) * reduced.bytes;
      results[n] = static_cast<std::int32_t>(argOfRow(reduced, row, find, start, block));
      cursor.advance(1);
    }
  });
  return Status::ok();
}

Status sum(const OpContext& context) { return fold("sum", Reduction::kSum, false, context); }
Status prod(const OpContext& context) { return fold("prod", Reduction::kProduct, false, context); }
Status max(const OpContext& context) { return fold("max", Reduction::kGreatest, false, context); }
Status min(const OpContext& context) { return fold("min", Reduction::kLeast, false, context); }
Status any(const OpContext& context) { return fold("any", Reduction::kGreatest, true, context); }
Status all(const OpContext& context) { return fold("all", Reduction::kLeast, true, context); }
Status argmax(const OpContext& context) { return arg("argmax", true, context); }
Status argmin(const OpContext& context) { return arg("argmin", false, context); }

}  // namespace

std::span<const OpDefinition> reductionOps() {
  static constexpr OpDefinition kOps[] = {
      {"sum", 1, 1, 1, 1, sum}, {"prod", 1, 1, 1, 1, prod},     {"max", 1, 1, 1, 1, max},
      {"min", 1, 1, 1, 1, min}, {"argmax", 1, 1, 1, 1, argmax}, {"argmin", 1, 1, 1, 1, argmin},
      {"any", 1, 1, 1, 1, any}, {"all", 1, 1, 1, 1, all},
  };
  return kOps;
}

}  // namespace gemmule
