#pragma once

#include <cstdint>
#include <source_location>

#include "sluice/module.h"
#include "sluice/random.h"
#include "sluice/tensor.h"

namespace sluice {

/// Initial weights f32[in,out], uniform in [-0.05, 0.05): Keras's default for embeddings.
Array embedding_uniform(std::int64_t in, std::int64_t out);

/// A vector for each id, learned: the row of the variable "embeddings", f32[vocabulary,width], that the id names. The
/// gradient of a row adds up over all its occurrences.
class Embedding : public Module {
 public:
  /// `initial` creates the table. Throws Error at the user's line unless both sizes are at least 1 and `initial` is not
  /// empty.
  Embedding(std::int64_t vocabulary, std::int64_t width, Initializer initial = embedding_uniform,
            std::source_location where = std::source_location::current());

  /// Returns f32[ids...,width] for integers of any shape. If they are an argument of the function, a call with an id
  /// out of range throws Error before it runs; a computed id is clamped, in the gradient as well, as by gather. Throws
  /// Error at the user's line unless `ids` are integers, and `initial` returns f32[vocabulary,width].
  Tensor operator()(const Arg& ids) const;

  /// Returns the table, for layers that share it: matmul(x, embedding.embeddings(), {.transpose_b = true}). The first
  /// call of either creates it.
  Variable embeddings(std::source_location where = std::source_location::current()) const;

 private:
  std::int64_t vocabulary_;
  std::int64_t width_;
  Initializer initial_;
};

}  // namespace sluice
