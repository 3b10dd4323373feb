#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace gemmule {

/// A row-major copy of a strided matrix, its rows `leading` elements apart, in blocks so that both sides stay in cache
/// when one of them goes across its rows. With strides exchanged it transposes.
template <typename T>
void copyMatrix(const T* from, std::int64_t rows, std::int64_t columns, const std::array<std::int64_t, 2>& strides,
                T* to, std::int64_t leading) {
  constexpr std::int64_t kBlock = 32;
  const auto [rowStride, columnStride] = strides;
  for (std::int64_t rowBlock = 0; rowBlock < rows; rowBlock += kBlock) {
    const std::int64_t rowEnd = std::min(rowBlock + kBlock, rows);
    for (std::int64_t columnBlock = 0; columnBlock < columns; columnBlock += kBlock) {
      const std::int64_t columnEnd = std::min(columnBlock + kBlock, columns);
      for (std::int64_t row = rowBlock; row < rowEnd; ++row) {
        for (std::int64_t column = columnBlock; column < columnEnd; ++column) {
          to[row * leading + column] = from[row * rowStride + column * columnStride];
        }
      }
    }
  }
}

/// A contiguous copy.
template <typename T>
void copyMatrix(const T* from, std::int64_t rows, std::int64_t columns, const std::array<std::int64_t, 2>& strides,
                T* to) {
  copyMatrix(from, rows, columns, strides, to, columns);
}

/// Exchanges rows and columns of a contiguous square matrix, in blocks likewise.
template <typename T>
void transposeSquare(T* matrix, std::int64_t size) {
  constexpr std::int64_t kBlock = 32;
  for (std::int64_t rowBlock = 0; rowBlock < size; rowBlock += kBlock) {
    const std::int64_t rowEnd = std::min(rowBlock + kBlock, size);
    for (std::int64_t columnBlock = 0; columnBlock <= rowBlock; columnBlock += kBlock) {
      for (std::int64_t row = rowBlock; row < rowEnd; ++row) {
        const std::int64_t columnEnd = std::min(columnBlock + kBlock, row);
        for (std::int64_t column = columnBlock; column < columnEnd; ++column) {
          std::swap(matrix[row * size + column], matrix[column * size + row]);
        }
      }
    }
  }
}

}  // namespace gemmule
