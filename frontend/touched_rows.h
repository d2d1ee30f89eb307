#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sluice/detail/trace.h"
#include "sluice/tensor.h"
#include "sluice/variable.h"

// Gradients with respect to tables of which a step reads some rows, and updates that cost what these rows cost.
// Internal to the frontend.
namespace sluice::detail {

/// Returns the gradient with respect to a table that is read by these lookups alone, where `rows` are the derivatives
/// with respect to what they return. The trace records which rows it touches.
Tensor gradient_of_rows(const Type& table, const std::vector<Lookup>& lookups, std::span<const Tensor> rows);

/// What an optimizer updates of a variable and of the variables beside it: all of it, or the rows at some indices.
class UpdatedPart {
 public:
  /// All of a variable that has this gradient.
  explicit UpdatedPart(Tensor gradient) : gradient_(std::move(gradient)) {}
  /// The rows at `indices`. Where an index occurs more than once, the gradient's row at its last occurrence counts, as
  /// does what is computed from it; the others are ignored.
  UpdatedPart(Tensor gradient, Tensor indices) : gradient_(std::move(gradient)), indices_(std::move(indices)) {}

  const Tensor& gradient() const { return gradient_; }
  Tensor read(const Variable& variable) const;
  /// Assigns this part; returns it.
  Tensor write(const Variable& variable, const Tensor& value) const;

 private:
  Tensor gradient_;
  std::optional<Tensor> indices_;
};

/// Returns the rows that a gradient touches, each with the sum of its occurrences, or all if that is not known.
/// `position`, i32 with an element for each row of the variable, is overwritten: it finds the last occurrence of an
/// index, at which the sum lies, in a time that does not depend on the number of rows. The order of summation is that
/// of the indices.
UpdatedPart touched_part(const Tensor& gradient, const Variable& position);

}  // namespace sluice::detail
