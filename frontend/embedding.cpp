#include "sluice/embedding.h"

#include <fmt/format.h>

#include <utility>

#include "sluice/detail/trace.h"

namespace sluice {

Array embedding_uniform(std::int64_t in, std::int64_t out) { return initial_uniform({in, out}, -0.05, 0.05); }

Embedding::Embedding(std::int64_t vocabulary, std::int64_t width, Initializer initial, std::source_location where)
    : Module("embedding"), vocabulary_(vocabulary), width_(width), initial_(std::move(initial)) {
  const Scope scope(where);
  if (vocabulary < 1 || width < 1) {
    fail_at_user(
        fmt::format("embedding: expected a vocabulary and a width of at least 1, got {} and {}", vocabulary, width));
  }
  if (!initial_) fail_at_user("embedding: the initializer of the table is empty");
}

Tensor Embedding::operator()(const Arg& ids) const {
  const Scope scope(ids.where());
  if (!is_integer(ids.dtype())) {
    fail_at_user(fmt::format("embedding: expected integer ids, got {}", to_string(ids.type())), {&ids.tensor(), 1});
  }
  Trace& trace = Trace::required("embedding");
  const Variable table = embeddings(ids.where());
  trace.expect_indices(ids, vocabulary_, "id", fmt::format("rows of the embedding \"{}\"", table.name()));
  return trace.add(ir::Op::kGather, {table, ids.tensor()});
}

Variable Embedding::embeddings(std::source_location where) const {
  const Scope scope(where);
  return lazy_variable("embeddings", [&] {
    Array initial = initial_(vocabulary_, width_);
    const Type expected{DType::kF32, {Dim(vocabulary_), Dim(width_)}};
    if (initial.type() == expected) return initial;
    fail_at_user(
        fmt::format("embedding: the initial table is {}, expected {}", to_string(initial.type()), to_string(expected)));
  });
}

}  // namespace sluice
