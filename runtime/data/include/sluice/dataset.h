#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <source_location>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/detail/batch_plan.h"

namespace sluice {

class Batches;
class Pipeline;
class ShuffledDataset;

/// Examples as rows of arrays: row i of every input and of every target belongs to example i. Most data sets have one
/// input and one target: input() and target() return them, and so does `auto [x, y] = examples`.
struct Examples {
  std::vector<Array> inputs;   ///< what a model reads; at least one
  std::vector<Array> targets;  ///< what it learns to predict; at least one

  /// Returns the number of examples.
  std::int64_t size() const { return inputs.front().sizes()[0]; }

  /// Returns the only input. Throws Error if there are several.
  const Array& input() const& { return only(inputs, "input"); }
  Array& input() & { return const_cast<Array&>(std::as_const(*this).input()); }
  Array input() && { return std::as_const(*this).input(); }
  /// Returns the only target. Throws Error if there are several.
  const Array& target() const& { return only(targets, "target"); }
  Array& target() & { return const_cast<Array&>(std::as_const(*this).target()); }
  Array target() && { return std::as_const(*this).target(); }

  /// Supports structured bindings: element 0 is input(), element 1 target().
  template <std::size_t I>
  const Array& get() const& {
    static_assert(I < 2);
    return I == 0 ? input() : target();
  }
  template <std::size_t I>
  Array& get() & {
    return I == 0 ? input() : target();
  }
  template <std::size_t I>
  Array get() && {
    return get<I>();
  }

 private:
  static const Array& only(const std::vector<Array>& arrays, std::string_view what);
};

/// Some examples of a data set.
using Batch = Examples;

namespace detail {
/// A batch, and whether its arrays are buffers that another batch may overwrite.
struct BatchBuffer {
  Batch batch = {};
  bool reusable = false;
};
}  // namespace detail

/// The treatment of the last batch if the examples do not fill it.
enum class LastBatch : std::uint8_t { kKeep, kDrop };

/// Examples in memory. For MNIST the input is u8[N,28,28], the target u8[N]. A copy shares the arrays.
struct Dataset : Examples {
  /// Makes an empty data set with one input and one target.
  Dataset();
  /// Throws Error at the user's line unless both arrays have the same number of rows.
  Dataset(Array example_input, Array example_target, std::source_location where = std::source_location::current());
  /// Takes several of each. Throws Error at the user's line unless there is at least one of each and all have the same
  /// number of rows.
  Dataset(std::vector<Array> example_inputs, std::vector<Array> example_targets,
          std::source_location where = std::source_location::current());

  /// Returns the examples begin <= i < end, not copied. Throws Error unless 0 <= begin <= end <= size().
  Dataset slice(std::int64_t begin, std::int64_t end) const;
  /// Returns the first `count` examples, or all if there are fewer; not copied. Throws Error for a negative count.
  Dataset take(std::int64_t count) const;
  /// Returns the others. Throws Error as take does.
  Dataset skip(std::int64_t count) const;
  /// Returns the examples in an order that depends only on `seed` and size().
  ShuffledDataset shuffled(std::uint64_t seed) const;
  /// Returns the examples in order, `examples` at a time, not copied. Throws Error unless examples >= 1.
  Batches batches(std::int64_t examples, LastBatch last = LastBatch::kKeep) const;

  /// The same as of a Pipeline: programs that call them include sluice/pipeline.h.
  template <typename F>
  Pipeline map(F f, std::source_location where = std::source_location::current()) const;
  template <typename F>
  Pipeline map_batches(F f, std::source_location where = std::source_location::current()) const;
  template <typename F>
  Pipeline filter(F keep, std::source_location where = std::source_location::current()) const;
  Pipeline concatenate(const Pipeline& more, std::source_location where = std::source_location::current()) const;
};

/// A data set and the order in which to iterate over it.
class ShuffledDataset {
 public:
  ShuffledDataset(Dataset dataset, Order order) : dataset_(std::move(dataset)), order_(std::move(order)) {}

  std::int64_t size() const { return dataset_.size(); }
  /// Example order()[i] of the data set is at position i.
  const std::vector<std::uint32_t>& order() const { return *order_; }
  /// Returns the examples in this order, `examples` at a time, gathered into buffers that the batches share. Throws
  /// Error unless examples >= 1.
  Batches batches(std::int64_t examples, LastBatch last = LastBatch::kKeep) const;

 private:
  Dataset dataset_;
  Order order_;
};

/// The batches of a data set, for one loop at a time: for (const Batch& b : dataset.shuffled(seed).batches(128)). A
/// batch remains valid for two more iterations of the loop, so the next one does not overwrite a batch in use; an Array
/// copied from it (a handle) remains valid for as long as it exists. An iteration over a shuffled data set allocates
/// nothing, unless such a copy still exists.
class Batches {
 public:
  class Iterator;

  /// `order` may be empty: batches are then views of the data set. Throws Error unless examples >= 1.
  Batches(const Dataset& dataset, Order order, std::int64_t examples, LastBatch last);
  /// The same for any source of examples, whose functions draw random numbers from `seed`.
  Batches(std::shared_ptr<const detail::ExampleSource> source, Order order, std::uint64_t seed, std::int64_t examples,
          LastBatch last);

  /// Returns the number of batches.
  std::int64_t size() const { return plan_.count - first_; }
  /// Returns the batches after the first `batches` ones; none if there are no more. They are not prepared, either.
  /// Throws Error for a negative number.
  Batches skip(std::int64_t batches) const;
  /// Returns the same batches, up to `batches` of them prepared ahead on `threads` threads of their own while the loop
  /// works; 0 batches: none, on the caller's thread. Order and bits are the same for any numbers. An exception in the
  /// preparation of a batch is thrown where the loop would have reached that batch. The threads end with the loop, also
  /// if it is left early, after the batches that they are preparing. Functions of `map` run on these threads: with
  /// several, at the same time. Throws Error for negative numbers and without threads.
  Batches prefetch(std::int64_t batches, int threads = 1) const;

  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

 private:
  const Batch& load(std::int64_t index);

  detail::BatchPlan plan_;
  std::int64_t first_ = 0;
  std::int64_t ahead_ = 0;
  int threads_ = 1;
  detail::BatchBuffer buffers_[2];  // even and odd batches
  detail::BatchBuffer ragged_;      // the last one, if it is smaller
};

class Batches::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using iterator_concept = std::input_iterator_tag;
  using value_type = Batch;
  using difference_type = std::ptrdiff_t;
  using pointer = const Batch*;
  using reference = const Batch&;

  Iterator() = default;
  explicit Iterator(Batches& batches);

  reference operator*() const { return *batch_; }
  pointer operator->() const { return batch_; }
  Iterator& operator++() {
    ++index_;
    load();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.index_ == i.end_; }

 private:
  void load();

  Batches* batches_ = nullptr;
  const Batch* batch_ = nullptr;
  std::int64_t index_ = 0;
  std::int64_t end_ = 0;
  std::shared_ptr<detail::Prefetcher> prefetcher_;  ///< joins its threads with the last copy of the iterator
};

inline Batches::Iterator Batches::begin() { return Iterator(*this); }

}  // namespace sluice

template <>
struct std::tuple_size<sluice::Examples> : std::integral_constant<std::size_t, 2> {};
template <>
struct std::tuple_size<sluice::Dataset> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, sluice::Examples> {
  using type = sluice::Array;
};
template <std::size_t I>
struct std::tuple_element<I, sluice::Dataset> {
  using type = sluice::Array;
};
