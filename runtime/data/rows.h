#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/dataset.h"
#include "sluice/error.h"

namespace sluice::detail {

/// Returns the sizes of an array with another number of rows.
std::vector<std::int64_t> with_rows(const Array& array, std::int64_t rows);
std::size_t bytes_per_row(const Array& array);

/// Returns the rows begin <= i < end, not copied.
Array view_rows(const Array& array, std::int64_t begin, std::int64_t end);
Examples view_rows(const Examples& examples, std::int64_t begin, std::int64_t end);

/// Copies rows[i] of `from` to row i of `to`.
void gather_rows(const Array& from, std::span<const std::uint32_t> rows, Array& to);
void gather_rows(const Examples& from, std::span<const std::uint32_t> rows, Examples& to);
/// Copies row i of `from` to row rows[i] of `to`.
void scatter_rows(const Examples& from, std::span<const std::uint32_t> rows, Examples& to);

/// Returns arrays of these types with `rows` rows.
Examples make_buffer(const Examples& like, std::int64_t rows);
/// Gives `to` buffers of these types with `rows` rows: those that it has if they fit and nobody else holds them.
void prepare_buffer(const Examples& like, std::int64_t rows, BatchBuffer& to);
/// Returns whether nobody else holds the arrays.
bool is_unique(const Examples& examples);

/// Returns the types of the rows: "f32[3], u8[] and i64[]", inputs and targets.
std::string row_types(const Examples& examples);
bool same_row_types(const Examples& a, const Examples& b);

/// The order of Dataset::shuffled.
Order shuffled_order(std::int64_t size, std::uint64_t seed);

Location location_of(const std::source_location& where);

}  // namespace sluice::detail
