#include "ops/strided.h"

namespace gemmule {

namespace {

template <typename Word>
void fillWords(const void* source, std::int64_t count, void* target) {
  Word word;
  std::memcpy(&word, source, sizeof(Word));
  Word* words = static_cast<Word*>(target);
  for (std::int64_t index = 0; index < count; ++index) words[index] = word;
}

template <typename Word>
void gatherAs(const StridedWalk<1>& walk, const void* source, std::int64_t position, std::int64_t count, void* target) {
  gatherWords(walk, static_cast<const Word*>(source), position, count, static_cast<Word*>(target));
}

// Copying by tiles pays off where an operand outgrows the second-level cache's share of one lane.
constexpr std::int64_t kFewestForTiles = 1 << 14;
constexpr std::int64_t kTile = 32;
constexpr std::int64_t kCopyGrain = 32768;

/// The axis of a walk along which memory is contiguous, if that is not the innermost one.
int unitAxis(const StridedWalk<1>& walk) {
  if (walk.innerStride(0) >= -1 && walk.innerStride(0) <= 1) return -1;
  for (int axis = 0; axis < walk.rank - 1; ++axis) {
    if (walk.strides[0][axis] == 1 && walk.dims[axis] >= 4) return axis;
  }
  return -1;
}

/// One tile of a copy with the axes `unit` and innermost exchanged, by way of a block of its own: lines of the source a
/// power of two apart would drive each other out of the first-level cache before they are used up. Every line of source
/// and target is touched once.
template <typename Word>
inline __attribute__((always_inline)) void copyTile(const Word* source, std::int64_t sourceStride, Word* target,
                                                    std::int64_t targetStride, std::int64_t rows,
                                                    std::int64_t columns) {
  alignas(64) Word block[kTile * kTile];
  for (std::int64_t column = 0; column < columns; ++column) {
    std::memcpy(block + column * kTile, source + column * sourceStride, static_cast<std::size_t>(rows) * sizeof(Word));
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      target[row * targetStride + column] = block[column * kTile + row];
    }
  }
}

template <typename Word>
void copyByTiles(const StridedWalk<1>& walk, int unit, const std::byte* source, std::byte* target, ThreadTeam& team) {
  const int inner = walk.rank - 1;
  const std::int64_t rows = walk.dims[unit];
  const std::int64_t columns = walk.dims[inner];
  std::int64_t targetStride = 1;
  for (int axis = unit + 1; axis < walk.rank; ++axis) targetStride *= walk.dims[axis];
  const std::int64_t tilesAcross = (columns + kTile - 1) / kTile;
  const std::int64_t tilesDown = (rows + kTile - 1) / kTile;
  const std::int64_t tiles = walk.count / (rows * columns) * tilesDown * tilesAcross;
  team.parallelFor(tiles, kCopyGrain / (kTile * kTile), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t column = tile % tilesAcross * kTile;
      const std::int64_t row = tile / tilesAcross % tilesDown * kTile;
      std::int64_t rest = tile / (tilesAcross * tilesDown);
      std::int64_t from = row + column * walk.strides[0][inner];
      std::int64_t to = row * targetStride + column;
      std::int64_t stride = 1;
      for (int axis = inner; axis >= 0; --axis) {
        if (axis != unit && axis != inner) {
          from += rest % walk.dims[axis] * walk.strides[0][axis];
          to += rest % walk.dims[axis] * stride;
          rest /= walk.dims[axis];
        }
        stride *= walk.dims[axis];
      }
      const Word* lines = reinterpret_cast<const Word*>(source) + from;
      Word* out = reinterpret_cast<Word*>(target) + to;
      const std::int64_t height = rows - row < kTile ? rows - row : kTile;
      const std::int64_t width = columns - column < kTile ? columns - column : kTile;
      if (height == kTile && width == kTile) {
        // Of a size that the compiler knows, twice as fast.
        copyTile(lines, walk.strides[0][inner], out, targetStride, kTile, kTile);
      } else {
        copyTile(lines, walk.strides[0][inner], out, targetStride, height, width);
      }
    }
  });
}

}  // namespace

bool liesAcrossMemory(const TensorView& view) {
  const StridedWalk<1> walk({&view});
  return walk.count >= kFewestForTiles && unitAxis(walk) >= 0;
}

void copyElements(const TensorView& source, std::byte* target, ThreadTeam& team) {
  const StridedWalk<1> walk({&source});
  if (walk.count == 0) return;
  const std::int64_t bytes = bytesPerElement(source.dtype);
  const int unit = walk.count >= kFewestForTiles ? unitAxis(walk) : -1;
  if (unit >= 0) {
    switch (bytes) {
      case 1:
        return copyByTiles<std::uint8_t>(walk, unit, source.data, target, team);
      case 2:
        return copyByTiles<std::uint16_t>(walk, unit, source.data, target, team);
      case 4:
        return copyByTiles<std::uint32_t>(walk, unit, source.data, target, team);
      default:
        return copyByTiles<std::uint64_t>(walk, unit, source.data, target, team);
    }
  }
  team.parallelFor(walk.count, kCopyGrain, [&](std::int64_t begin, std::int64_t end, int) {
    std::byte* to = target + begin * bytes;
    if (walk.isConstant(0)) {
      fillElements(source.data, bytes, end - begin, to);
    } else {
      gatherElements(walk, source.data, bytes, begin, end - begin, to);
    }
  });
}

void gatherElements(const StridedWalk<1>& walk, const void* source, std::int64_t elementBytes, std::int64_t position,
                    std::int64_t count, void* target) {
  switch (elementBytes) {
    case 1:
      return gatherAs<std::uint8_t>(walk, source, position, count, target);
    case 2:
      return gatherAs<std::uint16_t>(walk, source, position, count, target);
    case 4:
      return gatherAs<std::uint32_t>(walk, source, position, count, target);
    default:
      return gatherAs<std::uint64_t>(walk, source, position, count, target);
  }
}

void fillElements(const void* source, std::int64_t elementBytes, std::int64_t count, void* target) {
  switch (elementBytes) {
    case 1:
      return fillWords<std::uint8_t>(source, count, target);
    case 2:
      return fillWords<std::uint16_t>(source, count, target);
    case 4:
      return fillWords<std::uint32_t>(source, count, target);
    default:
      return fillWords<std::uint64_t>(source, count, target);
  }
}

}  // namespace gemmule
