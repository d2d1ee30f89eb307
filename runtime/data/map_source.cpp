#include "runtime/data/map_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <numeric>
#include <string>

#include "ir/philox.h"
#include "runtime/data/rows.h"

namespace sluice::detail {

namespace {

/// Runs a user's function. An exception becomes an Error that says what the function was computing.
template <typename F, typename Describe>
auto run_users(F f, Location location, Describe describe) {
  std::string what;
  try {
    return f();
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "an exception that is no std::exception";
  }
  throw Error(fmt::format("{}: {}", describe(), what), location);
}

/// Single rows of a batch, as arrays without the axis of the rows.
class SingleRows {
 public:
  explicit SingleRows(const Examples& batch) : inputs_(columns(batch.inputs)), targets_(columns(batch.targets)) {}

  Example operator[](std::size_t row) const { return {rows(inputs_, row), rows(targets_, row)}; }

 private:
  struct Column {
    std::shared_ptr<Array> owner;
    std::vector<std::int64_t> sizes;
    std::size_t bytes;
  };

  static std::vector<Column> columns(const std::vector<Array>& arrays) {
    std::vector<Column> made;
    for (const Array& array : arrays) {
      made.push_back(
          {std::make_shared<Array>(array), {array.sizes().begin() + 1, array.sizes().end()}, bytes_per_row(array)});
    }
    return made;
  }
  static std::vector<Array> rows(const std::vector<Column>& columns, std::size_t row) {
    std::vector<Array> made;
    made.reserve(columns.size());
    for (const Column& column : columns) {
      std::shared_ptr<void> elements(column.owner, column.owner->bytes() + row * column.bytes);
      made.push_back(Array::borrow(column.owner->dtype(), column.sizes, std::move(elements)));
    }
    return made;
  }

  std::vector<Column> inputs_;
  std::vector<Column> targets_;
};

/// Returns the examples as a batch of one, not copied.
Examples batch_of_one(const Example& example) {
  const auto batch = [](const std::vector<Array>& arrays) {
    std::vector<Array> made;
    for (const Array& array : arrays) {
      std::vector<std::int64_t> sizes = array.sizes();
      sizes.insert(sizes.begin(), 1);
      made.push_back(array.reshaped(std::move(sizes)));
    }
    return made;
  };
  return {batch(example.inputs), batch(example.targets)};
}

/// Checks what a function of a batch returned.
void check_rows(const Batch& batch, std::size_t rows) {
  const auto has_rows = [&](const Array& array) {
    return array.rank() > 0 && array.sizes()[0] == static_cast<std::int64_t>(rows);
  };
  const auto check = [&](const std::vector<Array>& arrays, std::string_view what) {
    if (arrays.empty()) fail("expected at least one {}, got none", what);
    for (const Array& array : arrays) {
      if (!has_rows(array)) fail("expected {} rows in each {}, got {}", rows, what, to_string(array.type()));
    }
  };
  check(batch.inputs, "input");
  check(batch.targets, "target");
}

}  // namespace

FunctionSource::FunctionSource(SourcePointer source, bool random, Location location)
    : source_(std::move(source)), random_(random), location_(location) {
  if (source_->size() > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
    throw Error(fmt::format("map: expected fewer than 2^32 examples, got {}", source_->size()), location_);
  }
}

std::uint64_t FunctionSource::seed_in(const Pass& pass) const {
  constexpr std::uint32_t kMaps = 0x6d617073;  // a stream that no order of a shuffle uses
  const std::uint64_t number = pass.first_map + source_->maps();
  const auto words =
      philox4x32_10({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32), kMaps, kMaps},
                    {static_cast<std::uint32_t>(pass.seed), static_cast<std::uint32_t>(pass.seed >> 32)});
  return words[0] | std::uint64_t{words[1]} << 32;
}

void MapSource::read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const {
  BatchBuffer from;
  source_->read(rows, pass, from);
  const SingleRows arguments(from.batch);
  const std::uint64_t seed = seed_in(pass);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto describe = [&] { return fmt::format("map: example {}", rows[i]); };
    const auto result = run_users(
        [&] {
          RandomStream random(seed, rows[i]);
          return batch_of_one(function_(arguments[i], random));
        },
        location_, describe);
    if (result.inputs.empty() || result.targets.empty()) {
      throw Error(fmt::format("{}: expected at least one input and one target, got {} and {}", describe(),
                              result.inputs.size(), result.targets.size()),
                  location_);
    }
    if (i == 0) prepare_buffer(result, static_cast<std::int64_t>(rows.size()), to);
    if (!same_row_types(result, to.batch)) {
      throw Error(fmt::format("{}: expected {} as for example {}, got {}", describe(), row_types(to.batch), rows[0],
                              row_types(result)),
                  location_);
    }
    const auto number = static_cast<std::uint32_t>(i);
    scatter_rows(result, {&number, 1}, to.batch);
  }
}

void MapBatchesSource::read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const {
  BatchBuffer from;
  source_->read(rows, pass, from);
  std::vector<RandomStream> randoms;
  if (random_) {
    const std::uint64_t seed = seed_in(pass);
    randoms.reserve(rows.size());
    for (const std::uint32_t row : rows) randoms.emplace_back(seed, row);
  }
  const auto describe = [&] {
    constexpr std::size_t kShown = 3;
    return fmt::format("map_batches: examples {}{}", fmt::join(rows.first(std::min(kShown, rows.size())), ", "),
                       rows.size() > kShown ? fmt::format(" and {} more", rows.size() - kShown) : "");
  };
  Batch result = run_users(
      [&] {
        Batch made = function_(std::move(from.batch), randoms);
        check_rows(made, rows.size());
        return made;
      },
      location_, describe);
  // The function may have returned arrays that it keeps, or memory that is not its own, so these are no buffers.
  to = {std::move(result), false};
}

std::vector<std::uint32_t> kept_rows(const ExampleSource& source, const ExamplePredicate& keep, Location location) {
  constexpr std::int64_t kAtOnce = 256;
  std::vector<std::uint32_t> kept;
  std::vector<std::uint32_t> rows;
  BatchBuffer buffer;
  for (std::int64_t begin = 0; begin < source.size(); begin += kAtOnce) {
    rows.resize(static_cast<std::size_t>(std::min(kAtOnce, source.size() - begin)));
    std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(begin));
    source.read(rows, {}, buffer);
    const SingleRows examples(buffer.batch);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool keeps = run_users([&] { return keep(examples[i]); }, location,
                                   [&] { return fmt::format("filter: example {}", rows[i]); });
      if (keeps) kept.push_back(rows[i]);
    }
  }
  return kept;
}

}  // namespace sluice::detail
