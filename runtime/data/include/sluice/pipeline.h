#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/dataset.h"
#include "sluice/random_stream.h"

namespace sluice {

/// One example of a data set: a row of each array, without the axis of the rows. An image of u8[N,28,28] is u8[28,28],
/// a label of i64[N] is i64[]. input(), target() and `auto [x, y]` work as for Examples.
struct Example : Examples {
  Example(Array example_input, Array example_target)
      : Example(std::vector<Array>{std::move(example_input)}, std::vector<Array>{std::move(example_target)}) {}
  Example(std::vector<Array> example_inputs, std::vector<Array> example_targets)
      : Examples{std::move(example_inputs), std::move(example_targets)} {}

  std::int64_t size() const = delete;  // the arrays have no axis of rows
};

namespace detail {

using ExampleFunction = std::function<Example(Example, RandomStream&)>;
using BatchFunction = std::function<Batch(Batch, std::span<RandomStream>)>;
using ExamplePredicate = std::function<bool(Example)>;

/// Returns whether F accepts these arguments and returns a To, or an input and a target.
template <typename F, typename To, typename... Arguments>
constexpr bool returns() {
  if constexpr (std::is_invocable_v<F&, Arguments...>) {
    using Result = std::invoke_result_t<F&, Arguments...>;
    return std::is_convertible_v<Result, To> || std::is_convertible_v<Result, std::pair<Array, Array>>;
  } else {
    return false;
  }
}

template <typename To, typename Result>
To returned(Result&& result) {
  if constexpr (std::is_convertible_v<Result, To>) {
    return std::forward<Result>(result);
  } else {
    auto [x, y] = std::pair<Array, Array>(std::forward<Result>(result));
    return To{std::vector<Array>{std::move(x)}, std::vector<Array>{std::move(y)}};
  }
}

template <typename>
inline constexpr bool kNoSuchFunction = false;

}  // namespace detail

/// One pass over a pipeline: an order of its examples, and the seed of the random numbers that its functions draw.
class PipelinePass {
 public:
  PipelinePass(std::shared_ptr<const detail::ExampleSource> source, Order order, std::uint64_t seed);

  std::int64_t size() const;
  /// Returns the examples in this order, `examples` at a time. Throws Error unless examples >= 1.
  Batches batches(std::int64_t examples, LastBatch last = LastBatch::kKeep) const;

 private:
  std::shared_ptr<const detail::ExampleSource> source_;
  Order order_;
  std::uint64_t seed_;
};

/// Examples that are computed when a batch needs them, from a data set in memory or in mapped files, by map, filter,
/// zip and so on. A handle: copies share everything. The data set itself never changes.
///
///     const Pipeline shifted = mnist.train.map([](Array x, Array y, RandomStream& random) {
///       return std::pair(random_shift(x, 2, 2, random), y);
///     });
///     for (const auto& [x, y] : shifted.shuffled(epoch).batches(128).prefetch(2)) train_step(x, y);
///
/// Order, random numbers and bits depend only on the data and on seeds, not on batch sizes, threads or prefetching.
class Pipeline {
 public:
  /// No examples, of one input and one target.
  Pipeline() : Pipeline(Dataset()) {}
  Pipeline(const Dataset& dataset);  // NOLINT: wherever a pipeline is expected, a data set is one
  explicit Pipeline(std::shared_ptr<const detail::ExampleSource> source) : source_(std::move(source)) {}

  /// Returns the number of examples.
  std::int64_t size() const;
  /// Returns the data set if the examples are its rows, with nothing to compute; otherwise null.
  const Dataset* dataset() const;

  /// Applies `f` to each example when a batch needs it. `f` takes an Example and returns one, or takes the only input
  /// and the only target and returns a std::pair of Arrays; a last parameter may be a RandomStream&. `f` may modify its
  /// arguments, which are copies. Its results may have other types, but the same for all examples of a batch. The
  /// random numbers depend on the seed of the pass (shuffled, seeded), on the number of maps before this one, and on
  /// the example's number in the pipeline that map is called on. `f` is called again in each pass; with prefetch it
  /// runs on other threads, concurrently if there are several. An exception in `f` ends the loop over the batches with
  /// an Error that has the example's number and the line of `map`.
  template <typename F>
  Pipeline map(F f, std::source_location where = std::source_location::current()) const;

  /// The same for a function of a whole batch, for speed: `f` takes a Batch and returns one, or takes the only input
  /// and target and returns a std::pair; a last parameter may be a std::span<RandomStream>, a generator for each
  /// example. Each row of the results should depend only on the same row of the arguments, because the grouping of the
  /// examples is unspecified. The loop throws Error if `f` returns another number of rows.
  template <typename F>
  Pipeline map_batches(F f, std::source_location where = std::source_location::current()) const;

  /// Returns the examples for which `keep`, a function of an Example or of the only input and target, returns true.
  /// Calls it immediately, once for each example. Throws Error, with the number and the line, for an exception in
  /// `keep`, and if the pipeline draws random numbers, because an example might then be kept in some passes only.
  template <typename F>
  Pipeline filter(F keep, std::source_location where = std::source_location::current()) const;

  /// Returns the first `count` examples, or all if there are fewer. Throws Error for a negative count.
  Pipeline take(std::int64_t count) const;
  /// Returns the others. Throws Error as take does.
  Pipeline skip(std::int64_t count) const;
  /// Returns the examples begin <= i < end. Throws Error unless 0 <= begin <= end <= size().
  Pipeline slice(std::int64_t begin, std::int64_t end) const;
  /// Returns the examples with these numbers, in this order; a number may occur several times. Throws Error unless each
  /// is below size().
  Pipeline select(std::vector<std::uint32_t> numbers) const;
  /// Returns these examples and then those of `more`, as concat does.
  Pipeline concatenate(const Pipeline& more, std::source_location where = std::source_location::current()) const;

  /// Returns the examples in an order that depends only on `seed` and size(), the order of Dataset::shuffled. `seed`
  /// is also that of the functions' random numbers. A loop over epochs gives each its own, as Trainer does: (seed <<
  /// 32) + epoch.
  PipelinePass shuffled(std::uint64_t seed) const;
  /// Returns the examples in order, with this seed of the functions' random numbers.
  PipelinePass seeded(std::uint64_t seed) const;
  /// Returns the examples in order with seed 0, `examples` at a time; views of a data set if there is nothing to
  /// compute. Throws Error unless examples >= 1.
  Batches batches(std::int64_t examples, LastBatch last = LastBatch::kKeep) const;
  /// Computes all examples, with seed 0, and keeps them in memory. Throws Error if they differ in type.
  Dataset cache() const;

  const std::shared_ptr<const detail::ExampleSource>& source() const { return source_; }

 private:
  Pipeline mapped(detail::ExampleFunction f, bool random, const std::source_location& where) const;
  Pipeline mapped(detail::BatchFunction f, bool random, const std::source_location& where) const;
  Pipeline filtered(const detail::ExamplePredicate& keep, const std::source_location& where) const;

  std::shared_ptr<const detail::ExampleSource> source_;
};

/// Returns the examples of all `parts`, one part after the other, not copied: concat({a, b}). Throws Error without
/// parts, and if their examples differ in type: immediately if the types are known without calling a function,
/// otherwise in the loop.
Pipeline concat(const std::vector<Pipeline>& parts, std::source_location where = std::source_location::current());

/// Returns examples with the inputs of all `parts` and then with the targets of all, as many as the shortest part has:
/// zip({a, b}). Throws Error without parts.
Pipeline zip(const std::vector<Pipeline>& parts, std::source_location where = std::source_location::current());

template <typename F>
Pipeline Pipeline::map(F f, std::source_location where) const {
  if constexpr (detail::returns<F, Example, Array, Array, RandomStream&>()) {
    return mapped(detail::ExampleFunction([f = std::move(f)](const Example& example, RandomStream& random) mutable {
                    return detail::returned<Example>(f(example.input(), example.target(), random));
                  }),
                  true, where);
  } else if constexpr (detail::returns<F, Example, Array, Array>()) {
    return mapped(detail::ExampleFunction([f = std::move(f)](const Example& example, RandomStream&) mutable {
                    return detail::returned<Example>(f(example.input(), example.target()));
                  }),
                  false, where);
  } else if constexpr (detail::returns<F, Example, Example, RandomStream&>()) {
    return mapped(detail::ExampleFunction([f = std::move(f)](Example example, RandomStream& random) mutable {
                    return detail::returned<Example>(f(std::move(example), random));
                  }),
                  true, where);
  } else if constexpr (detail::returns<F, Example, Example>()) {
    return mapped(detail::ExampleFunction([f = std::move(f)](Example example, RandomStream&) mutable {
                    return detail::returned<Example>(f(std::move(example)));
                  }),
                  false, where);
  } else {
    static_assert(detail::kNoSuchFunction<F>,
                  "map takes a function of an Example that returns an Example, or of two Arrays that returns a "
                  "std::pair of them, with or without a RandomStream& at the end; map_batches takes those of a Batch");
  }
}

template <typename F>
Pipeline Pipeline::map_batches(F f, std::source_location where) const {
  using Randoms = std::span<RandomStream>;
  if constexpr (detail::returns<F, Batch, Array, Array, Randoms>()) {
    return mapped(detail::BatchFunction([f = std::move(f)](const Batch& b, Randoms randoms) mutable {
                    return detail::returned<Batch>(f(b.input(), b.target(), randoms));
                  }),
                  true, where);
  } else if constexpr (detail::returns<F, Batch, Array, Array>()) {
    return mapped(detail::BatchFunction([f = std::move(f)](const Batch& b, Randoms) mutable {
                    return detail::returned<Batch>(f(b.input(), b.target()));
                  }),
                  false, where);
  } else if constexpr (detail::returns<F, Batch, Batch, Randoms>()) {
    return mapped(detail::BatchFunction([f = std::move(f)](Batch b, Randoms randoms) mutable {
                    return detail::returned<Batch>(f(std::move(b), randoms));
                  }),
                  true, where);
  } else if constexpr (detail::returns<F, Batch, Batch>()) {
    return mapped(detail::BatchFunction([f = std::move(f)](Batch b, Randoms) mutable {
                    return detail::returned<Batch>(f(std::move(b)));
                  }),
                  false, where);
  } else {
    static_assert(detail::kNoSuchFunction<F>,
                  "map_batches takes a function of a Batch that returns a Batch, or of two Arrays that returns a "
                  "std::pair of them, with or without a std::span<RandomStream> at the end");
  }
}

template <typename F>
Pipeline Pipeline::filter(F keep, std::source_location where) const {
  if constexpr (std::is_invocable_r_v<bool, F&, Array, Array>) {
    return filtered(
        [keep = std::move(keep)](const Example& example) mutable { return keep(example.input(), example.target()); },
        where);
  } else if constexpr (std::is_invocable_r_v<bool, F&, Example>) {
    return filtered([keep = std::move(keep)](Example example) mutable { return keep(std::move(example)); }, where);
  } else {
    static_assert(detail::kNoSuchFunction<F>, "filter takes a function of an Example, or of two Arrays, to bool");
  }
}

template <typename F>
Pipeline Dataset::map(F f, std::source_location where) const {
  return Pipeline(*this).map(std::move(f), where);
}
template <typename F>
Pipeline Dataset::map_batches(F f, std::source_location where) const {
  return Pipeline(*this).map_batches(std::move(f), where);
}
template <typename F>
Pipeline Dataset::filter(F keep, std::source_location where) const {
  return Pipeline(*this).filter(std::move(keep), where);
}

}  // namespace sluice

template <>
struct std::tuple_size<sluice::Example> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, sluice::Example> {
  using type = sluice::Array;
};
