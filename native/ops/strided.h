#pragma once

#include <array>
#include <cstring>

#include "runtime/bounds.h"
#include "runtime/op.h"

namespace gemmule {

/// Elements of a block that strided operands are gathered into; several blocks fit the first-level cache.
inline constexpr std::int64_t kGatherBlock = 1024;

/// `N` views of one shape, walked together in row-major order. Axes of length one are dropped and neighbouring axes are
/// merged where all views allow it, so most walks become one or two loops.
template <int N>
struct StridedWalk {
  int rank = 0;
  std::int64_t count = 1;
  std::array<std::int64_t, kMaxRank> dims{};
  std::array<std::array<std::int64_t, kMaxRank>, N> strides{};

  StridedWalk(const std::array<const TensorView*, N>& views, int firstAxis, int lastAxis) {
    for (int axis = firstAxis; axis < lastAxis; ++axis) {
      const std::int64_t dim = views[0]->dims[axis];
      count *= dim;
      if (dim == 1) continue;
      bool merges = rank > 0;
      for (int view = 0; view < N && merges; ++view) {
        merges = strides[view][rank - 1] == views[view]->strides[axis] * dim;
      }
      if (merges) {
        dims[rank - 1] *= dim;
      } else {
        dims[rank++] = dim;
      }
      for (int view = 0; view < N; ++view) strides[view][rank - 1] = views[view]->strides[axis];
    }
    // A scalar walks like one axis of length one that is broadcast.
    if (rank == 0) dims[rank++] = 1;
  }

  explicit StridedWalk(const std::array<const TensorView*, N>& views) : StridedWalk(views, 0, views[0]->rank) {}

  std::int64_t innerDim() const { return dims[rank - 1]; }
  std::int64_t innerStride(int view) const { return strides[view][rank - 1]; }
  bool isContiguous(int view) const { return rank == 1 && (strides[view][0] == 1 || dims[0] == 1); }
  bool isConstant(int view) const { return rank == 1 && strides[view][0] == 0; }
};

/// A place in a walk: the indices and, per view, the element offset. `advanceRow` moves to the start of the next
/// innermost row.
template <int N>
class StridedCursor {
 public:
  StridedCursor(const StridedWalk<N>& walk, std::int64_t position) : walk_(walk) {
    for (int axis = walk.rank - 1; axis >= 0; --axis) {
      index_[axis] = position % walk.dims[axis];
      position /= walk.dims[axis];
      for (int view = 0; view < N; ++view) offset_[view] += index_[axis] * walk.strides[view][axis];
    }
  }

  std::int64_t innerIndex() const { return index_[walk_.rank - 1]; }
  std::int64_t offset(int view) const { return offset_[view]; }

  /// Moves `steps` on within the innermost axis, wrapping into the outer ones at its end.
  void advance(std::int64_t steps) {
    int axis = walk_.rank - 1;
    index_[axis] += steps;
    for (int view = 0; view < N; ++view) offset_[view] += steps * walk_.strides[view][axis];
    while (axis > 0 && index_[axis] == walk_.dims[axis]) {
      for (int view = 0; view < N; ++view) {
        offset_[view] += walk_.strides[view][axis - 1] - walk_.dims[axis] * walk_.strides[view][axis];
      }
      index_[axis] = 0;
      ++index_[--axis];
    }
  }

 private:
  const StridedWalk<N>& walk_;
  std::array<std::int64_t, kMaxRank> index_{};
  std::array<std::int64_t, N> offset_{};
};

/// Copies `count` elements of a walk from row-major `position` on to contiguous memory.
template <typename Word>
void gatherWords(const StridedWalk<1>& walk, const Word* source, std::int64_t position, std::int64_t count,
                 Word* target) {
  StridedCursor<1> cursor(walk, position);
  const std::int64_t stride = walk.innerStride(0);
  while (count > 0) {
    const std::int64_t left = walk.innerDim() - cursor.innerIndex();
    const std::int64_t run = left < count ? left : count;
    const Word* from = source + cursor.offset(0);
    if (stride == 1) {
      std::memcpy(target, from, static_cast<std::size_t>(run) * sizeof(Word));
    } else {
      for (std::int64_t index = 0; index < run; ++index) target[index] = from[index * stride];
    }
    target += run;
    count -= run;
    cursor.advance(run);
  }
}

/// As gatherWords, for elements of 1, 2, 4 or 8 bytes.
void gatherElements(const StridedWalk<1>& walk, const void* source, std::int64_t elementBytes, std::int64_t position,
                    std::int64_t count, void* target);

/// Copies all elements of a view in row-major order to contiguous memory, on all lanes of the team. Views whose rows
/// lie across memory, such as transposed matrices, are copied in square tiles, which use every cache line that they
/// touch whole.
void copyElements(const TensorView& source, std::byte* target, ThreadTeam& team);

/// Whether `copyElements` would go by tiles: then gathering row by row would be slow.
bool liesAcrossMemory(const TensorView& view);

/// Writes `count` copies of the element at `source`.
void fillElements(const void* source, std::int64_t elementBytes, std::int64_t count, void* target);

/// A run of elements of `N` operands: each is contiguous, or a single element that stands for all.
template <int N>
struct Piece {
  std::array<const std::byte*, N> data{};
  std::array<bool, N> constant{};
};

/// Calls `body(piece, position, count)` for runs that cover all elements of operands of one shape, on all lanes of the
/// team, of which each gets `grain` elements at least. Operands whose innermost stride is 0 or 1 are read in place;
/// others are gathered into a small block first, or as a whole into scratch memory where they lie across memory.
template <int N, typename Body>
void forEachPiece(std::array<const TensorView*, N> operands, const OpContext& context, std::int64_t grain,
                  const Body& body) {
  ThreadTeam& team = context.team;
  std::array<TensorView, N> copies;
  for (int view = 0; view < N; ++view) {
    if (!liesAcrossMemory(*operands[view])) continue;
    copies[view] = *operands[view];
    copies[view].data = context.scratch.allocate<std::byte>(copies[view].size() * bytesPerElement(copies[view].dtype));
    if (copies[view].data == nullptr) continue;
    copyElements(*operands[view], copies[view].data, team);
    setContiguousStrides(copies[view]);
    operands[view] = &copies[view];
  }
  const StridedWalk<N> walk(operands);
  if (walk.count == 0) return;
  // Shorter rows are cheaper to gather than to call a kernel for.
  constexpr std::int64_t kShortestRow = 16;
  bool inPlace = walk.rank == 1 || walk.innerDim() >= kShortestRow;
  for (int view = 0; view < N; ++view) inPlace &= walk.innerStride(view) == 0 || walk.innerStride(view) == 1;

  std::array<std::int64_t, N> bytes{};
  for (int view = 0; view < N; ++view) bytes[view] = bytesPerElement(operands[view]->dtype);

  if (inPlace) {
    team.parallelFor(walk.count, grain, [&](std::int64_t begin, std::int64_t end, int) {
      StridedCursor<N> cursor(walk, begin);
      for (std::int64_t position = begin; position < end;) {
        const std::int64_t left = walk.innerDim() - cursor.innerIndex();
        const std::int64_t run = left < end - position ? left : end - position;
        Piece<N> piece;
        for (int view = 0; view < N; ++view) {
          piece.data[view] = operands[view]->data + cursor.offset(view) * bytes[view];
          piece.constant[view] = walk.innerStride(view) == 0;
        }
        body(piece, position, run);
        position += run;
        cursor.advance(run);
      }
    });
    return;
  }

  team.parallelFor(walk.count, grain, [&](std::int64_t begin, std::int64_t end, int) {
    alignas(64) std::byte blocks[N][kGatherBlock * 8];
    for (std::int64_t position = begin; position < end; position += kGatherBlock) {
      const std::int64_t run = end - position < kGatherBlock ? end - position : kGatherBlock;
      Piece<N> piece;
      for (int view = 0; view < N; ++view) {
        const StridedWalk<1> own({operands[view]});
        if (own.isConstant(0)) {
          piece.data[view] = operands[view]->data;
          piece.constant[view] = true;
        } else if (own.isContiguous(0)) {
          piece.data[view] = operands[view]->data + position * bytes[view];
        } else {
          gatherElements(own, operands[view]->data, bytes[view], position, run, blocks[view]);
          piece.data[view] = blocks[view];
        }
      }
      body(piece, position, run);
    }
  });
}

}  // namespace gemmule
