#pragma once

#include <cstdint>
#include <source_location>
#include <string_view>
#include <vector>

#include "sluice/tensor.h"

// Products of tensors, by NumPy's and TensorFlow's names. All throw Error at the user's line, naming the operand, its
// axis and the sizes, if shapes or dtypes do not fit.
namespace sluice {

struct MatmulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};
/// Returns the matrix product of two tensors of one float dtype, as in NumPy: [..., m, k] by [..., k, n] is [..., m,
/// n]. The batch axes before the last two broadcast. A vector [k] is treated as a row on the left and as a column on
/// the right, and the result has no axis for it. A transposed operand has shape [..., k, m] or [..., n, k].
Tensor matmul(const Arg& a, const Arg& b, MatmulOptions options = {});

/// Returns the sum of products over the last `axes` axes of a and the first `axes` axes of b, of one numeric dtype; the
/// result has the other axes of a, then those of b. 0 computes the outer product.
Tensor tensordot(const Arg& a, const Arg& b, int axes = 2);
/// The same over axis a_axes[i] of a and axis b_axes[i] of b, for each i; negative axes count from the end.
Tensor tensordot(const Arg& a, const Arg& b, const std::vector<std::int64_t>& a_axes,
                 const std::vector<std::int64_t>& b_axes);

/// Returns the sum of products in Einstein notation, as in TensorFlow: einsum("bij,bjk->bik", a, b). A letter names an
/// axis and has the same size everywhere; letters missing from the output are summed over. A letter that occurs twice
/// in an operand takes its diagonal. "..." stands for any number of axes, which broadcast. Without "->", the output has
/// the axes of "...", then the letters that occur once, in alphabetical order. Spaces are ignored. The operands have
/// one numeric dtype. Pairs are contracted in the cheapest order.
Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands,
              std::source_location where = std::source_location::current());
Tensor einsum(std::string_view equation, const Arg& a);
Tensor einsum(std::string_view equation, const Arg& a, const Arg& b);
Tensor einsum(std::string_view equation, const Arg& a, const Arg& b, const Arg& c);

}  // namespace sluice
