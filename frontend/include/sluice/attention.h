#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>
#include <vector>

#include "sluice/module.h"
#include "sluice/nn.h"
#include "sluice/tensor.h"

namespace sluice {

struct AttentionOptions {
  /// Broadcasts to [...,queries,keys]. Bools: whether the query sees the key. Floats of the queries' dtype: added to
  /// the scores; -inf hides a key.
  Tensor mask = {};
  bool causal = false;               ///< query i sees only keys 0 to i, for any number of keys
  std::optional<double> scale = {};  ///< factor of the scores; by default 1 / sqrt(depth)
  double dropout = 0;                ///< rate at which weights are dropped; 0 outside training
};

/// softmax(scale * q k^T) v for each query: the mean of the values, weighted by how much their keys are like the query:
/// Vaswani et al. (2017). `q` is [...,queries,depth], `k` [...,keys,depth] and `v` [...,keys,width], of one float
/// dtype; the axes before the last two broadcast. Returns [...,queries,width].
///
/// A query that sees no key yields 0, and no derivative passes. Keys that no query sees, and queries that see no key,
/// may be NaN or infinite, as uninitialized padding may be: they are replaced by 0. The value of a key that only some
/// queries see must be finite. Throws Error at the user's line if shapes or dtypes do not fit, or unless the scale is
/// finite and 0 <= dropout < 1.
Tensor scaled_dot_product_attention(const Arg& q, const Arg& k, const Arg& v, const AttentionOptions& options = {});

struct MultiHeadAttentionOptions {
  std::int64_t value_width = 0;   ///< of each head; 0: the width of the heads
  std::int64_t output_width = 0;  ///< 0: the width of the query
  bool use_bias = true;
  bool causal = false;  ///< query i sees only keys 0 to i, for any number of keys
  double dropout = 0;   ///< rate at which weights of the attention are dropped in training
};

/// The arguments of a call of MultiHeadAttention that are rarely given. Masks are bools.
struct AttentionCall {
  Tensor key = {};         ///< [...,keys,key width]; empty: the value
  Tensor mask = {};        ///< whether the query sees the key; broadcasts to [...,queries,keys]
  Tensor query_mask = {};  ///< [...,queries]: false for padding
  Tensor key_mask = {};    ///< [...,keys]: false for padding, which is projected as well and so must be finite
  std::optional<Mode> mode = {};
};

/// Attention of several heads, each of which projects the query, the key and the value to a width of its own; a last
/// projection combines their results. Variables as in Keras: query/kernel f32[in,heads,width], query/bias
/// f32[heads,width], the same for key and value, attention_output/kernel f32[heads,value width,out] and
/// attention_output/bias f32[out]. Kernels are initially uniform within the limits that Keras's glorot_uniform has for
/// these shapes, +-sqrt(6 / (d0 * (d1 + d2))); biases are zeros.
class MultiHeadAttention : public Module {
 public:
  /// Throws Error at the user's line unless both numbers are at least 1, the widths at least 0 and 0 <= dropout < 1.
  MultiHeadAttention(std::int64_t heads, std::int64_t head_width, MultiHeadAttentionOptions options = {},
                     std::source_location where = std::source_location::current());

  /// Self-attention: x of f32[...,positions,width] is the query, the key and the value. Throws Error at the user's line
  /// if it has dropout: that needs a Mode.
  Tensor operator()(const Arg& x) const { return attend(x, x, {}); }
  Tensor operator()(const Arg& x, Mode mode) const { return attend(x, x, {.mode = mode}); }
  /// Attention of a query f32[...,queries,query width] to a value f32[...,keys,value width]. A mask may have an axis of
  /// heads before the last two. A query that sees no key gets the bias of the output. Throws Error at the user's line
  /// if shapes or dtypes do not fit.
  Tensor operator()(const Arg& query, const Arg& value, const AttentionCall& call = {}) const {
    return attend(query, value, call);
  }

 private:
  Tensor attend(const Arg& query, const Arg& value, const AttentionCall& call) const;
  /// Returns x, [...,positions,in], projected: [...,heads,positions,width].
  Tensor project(const Tensor& x, std::string_view name, std::int64_t width) const;
  /// Returns all heads of x, [...,heads,positions,width], projected: [...,positions,out].
  Tensor combine(const Tensor& x, std::int64_t out) const;
  /// Returns the variable NAME/kernel.
  Variable kernel(std::string_view name, const Tensor& x, std::int64_t d0, std::int64_t d1, std::int64_t d2) const;
  Variable bias(std::string_view name, std::vector<std::int64_t> sizes) const;
  /// Returns the masks of a call as one, of [...,heads or 1,queries,keys]; empty if there is none.
  Tensor mask_of(const Arg& query, const Tensor& key, const AttentionCall& call) const;

  std::int64_t heads_;
  std::int64_t head_width_;
  MultiHeadAttentionOptions options_;
};

}  // namespace sluice
