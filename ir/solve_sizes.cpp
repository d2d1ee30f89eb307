#include "ir/solve_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ir/node_error.h"
#include "ir/reduction.h"
#include "sluice/error.h"

namespace sluice::ir {

namespace {

void add_symbols(const Graph& graph, std::vector<Symbol>& symbols) {
  for (const Parameter& parameter : graph.parameters()) {
    for (const Dim& dim : graph.type(parameter.value).shape) dim.batch.add_symbols(symbols);
  }
  for (const Node& node : graph.nodes()) {
    for (const Type& type : node.types) {
      for (const Dim& dim : type.shape) dim.batch.add_symbols(symbols);
    }
    if (node.attributes.find(Attr::kBody) != nullptr) add_symbols(node.attributes.body(), symbols);
  }
}

/// Returns the symbol of `dim` that is not bound, or nothing unless there is exactly one and `dim` is linear in it.
template <typename IsBound>
std::optional<Symbol> only_unknown(Dim dim, IsBound is_bound) {
  std::optional<Symbol> unknown;
  for (const auto& [coefficient, symbols] : dim.batch.terms()) {
    bool met = false;
    for (const Symbol symbol : symbols) {
      if (is_bound(symbol)) continue;
      if (met || (unknown && *unknown != symbol)) return std::nullopt;
      met = true;
      unknown = symbol;
    }
  }
  return unknown;
}

template <typename IsBound>
bool is_bound_in(Dim dim, IsBound is_bound) {
  return std::ranges::all_of(dim.batch.terms(),
                             [&](const Growth::Term& term) { return std::ranges::all_of(term.symbols, is_bound); });
}

class Solver {
 public:
  Solver(std::size_t count, const std::function<SizedArgument(std::size_t)>& argument, Bindings& bindings,
         const std::function<std::string(std::size_t)>& name_of)
      : count_(count), argument_(argument), bindings_(bindings), name_of_(name_of) {}

  std::optional<Mismatch> run() {
    bindings_ = {};
    for (std::size_t i = 0; i < count_; ++i) {
      const auto& [declared, dtype, sizes] = argument_(i);
      if (dtype != declared->dtype || sizes.size() != static_cast<std::size_t>(declared->shape.rank()))
        return mismatch(i, before(i));
      for (int axis = 0; axis < declared->shape.rank(); ++axis) {
        const Fit fit = bind(i, axis);
        if (fit == Fit::kWaits) waiting_.emplace_back(i, axis);
        if (auto wrong = refused(i, fit)) return wrong;
      }
    }
    if (auto wrong = bind_waiting()) return wrong;
    if (!bindings_.find(kBatchSymbol)) bindings_.set(kBatchSymbol, 1);
    return std::nullopt;
  }

 private:
  enum class Fit : std::uint8_t { kFits, kNot, kBelow1, kWaits };

  /// Binds the symbols of sizes that have several, once others have bound all but one.
  std::optional<Mismatch> bind_waiting() {
    while (!waiting_.empty()) {
      bool moved = false;
      for (std::size_t w = 0; w < waiting_.size();) {
        const auto [i, axis] = waiting_[w];
        const Fit fit = bind(i, axis);
        if (auto wrong = refused(i, fit)) return wrong;
        if (fit == Fit::kFits) {
          waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(w));
          moved = true;
        } else {
          ++w;
        }
      }
      if (!moved) return mismatch(waiting_[0].first, ", whose symbols no sizes of arguments decide");
    }
    return std::nullopt;
  }

  Fit bind(std::size_t i, int axis) {
    const SizedArgument argument = argument_(i);
    const Dim dim = argument.declared->shape[axis];
    const std::int64_t size = argument.sizes[static_cast<std::size_t>(axis)];
    if (!dim.batch) return dim.size == size ? Fit::kFits : Fit::kNot;
    const auto is_bound = [this](Symbol symbol) { return bindings_.find(symbol).has_value(); };
    if (is_bound_in(dim, is_bound)) return dim.at(bindings_) == size ? Fit::kFits : Fit::kNot;
    const auto unknown = only_unknown(dim, is_bound);
    if (!unknown) return Fit::kWaits;
    // The size is linear in the symbol.
    Bindings with = bindings_;
    with.set(*unknown, 0);
    const std::int64_t rest = dim.at(with);
    with.set(*unknown, 1);
    std::int64_t slope = 0;
    std::int64_t growth = 0;
    if (__builtin_sub_overflow(dim.at(with), rest, &slope) || __builtin_sub_overflow(size, rest, &growth))
      return Fit::kNot;  // an array without elements may have axes of any size
    if (slope == 0) return Fit::kWaits;
    if (growth % slope != 0) return Fit::kNot;
    const std::int64_t value = growth / slope;
    if (value < 1) {
      below_1_ = unknown;
      return Fit::kBelow1;
    }
    bindings_.set(*unknown, value);
    decided_by_[decided_++] = {*unknown, i};
    return Fit::kFits;
  }

  std::optional<Mismatch> refused(std::size_t i, Fit fit) const {
    if (fit == Fit::kNot) return mismatch(i, before(i));
    if (fit == Fit::kBelow1) return mismatch(i, fmt::format(": {} is at least 1", below_1_->name()));
    return std::nullopt;
  }

  /// Returns " with B = 2 as in input 0, f32[2,7]", for the symbols of argument `i` that other arguments have bound.
  std::string before(std::size_t i) const {
    std::string text;
    for (const auto& [symbol, by] : std::span(decided_by_).first(decided_)) {
      const Shape& shape = argument_(i).declared->shape;
      const bool is_there = std::ranges::any_of(shape, [&](const Dim& dim) { return dim.batch.has(symbol); });
      if (by == i || !is_there) continue;
      text += fmt::format("{} {} = {} as in {}, {}", text.empty() ? " with" : " and", symbol.name(),
                          *bindings_.find(symbol), name_of_(by), to_string(given(by)));
    }
    return text;
  }

  Type given(std::size_t i) const {
    const SizedArgument argument = argument_(i);
    return {argument.dtype, Shape::of({argument.sizes.begin(), argument.sizes.end()})};
  }

  Mismatch mismatch(std::size_t i, const std::string& more) const {
    return {i, fmt::format("is {}, expected {}{}", to_string(given(i)), to_string(*argument_(i).declared), more)};
  }

  std::size_t count_;
  const std::function<SizedArgument(std::size_t)>& argument_;
  Bindings& bindings_;
  const std::function<std::string(std::size_t)>& name_of_;
  std::vector<std::pair<std::size_t, int>> waiting_;
  struct Decided {
    Symbol symbol = kBatchSymbol;
    std::size_t by = 0;
  };
  std::array<Decided, Bindings::kMost> decided_by_;
  std::size_t decided_ = 0;
  std::optional<Symbol> below_1_;
};

void add_limits(const Graph& graph, std::vector<SizeLimit>& limits) {
  for (const Node& node : graph.nodes()) {
    const auto need = [&](Dim size, std::int64_t least, std::string_view what) {
      if (!size.always_at_least(least))
        limits.push_back({size, least, fmt::format("{}: {}", to_string(node.op), what), node.origins});
    };
    const auto axis_of = [&](std::int64_t axis) { return graph.type(node.operands[0]).shape[static_cast<int>(axis)]; };
    for (const Type& type : node.types) {
      for (const Dim& dim : type.shape) need(dim, 0, "a size of the result");
    }
    if (node.attributes.find(Attr::kBody) != nullptr) add_limits(node.attributes.body(), limits);
    switch (node.op) {
      case Op::kSlice:
        need(node.attributes.size(Attr::kStart), 0, "the start");
        need(axis_of(node.attributes.integer(Attr::kAxis)) - node.attributes.size(Attr::kLimit), 0,
             "what follows the limit");
        break;
      case Op::kPad:
        need(node.attributes.size(Attr::kLow), 0, "low");
        need(node.attributes.size(Attr::kHigh), 0, "high");
        break;
      case Op::kAddWindows:
        for (const Dim& dim : graph.type(node.operands[0]).shape) need(dim, 0, "the number of windows");
        break;
      case Op::kReduceMax:
      case Op::kReduceMin:
      case Op::kArgmax:
        for (const std::int64_t axis : reduced_axes(node)) need(axis_of(axis), 1, "the size of an axis that it folds");
        break;
      case Op::kGather:
      case Op::kScatterAdd:
      case Op::kScatter:
        need(axis_of(0), 1, "the number of the table's rows");
        break;
      default:
        break;
    }
  }
}

}  // namespace

std::vector<Symbol> symbols_of(const Graph& graph) {
  std::vector<Symbol> symbols;
  add_symbols(graph, symbols);
  return symbols;
}

std::optional<Mismatch> solve_sizes(std::size_t count, const std::function<SizedArgument(std::size_t)>& argument,
                                    Bindings& bindings, const std::function<std::string(std::size_t)>& name_of) {
  return Solver(count, argument, bindings, name_of).run();
}

std::vector<Symbol> undecided(std::span<const Type* const> declared) {
  std::vector<Symbol> bound;
  const auto is_bound = [&](Symbol symbol) { return std::ranges::find(bound, symbol) != bound.end(); };
  for (bool moved = true; moved;) {
    moved = false;
    for (const Type* const type : declared) {
      for (const Dim& dim : type->shape) {
        const auto unknown = only_unknown(dim, is_bound);
        if (!unknown) continue;
        bound.push_back(*unknown);
        moved = true;
      }
    }
  }
  std::vector<Symbol> left;
  for (const Type* const type : declared) {
    for (const Dim& dim : type->shape) dim.batch.add_symbols(left);
  }
  std::erase_if(left, is_bound);
  return left;
}

std::vector<SizeLimit> size_limits(const Graph& graph) {
  std::vector<SizeLimit> limits;
  add_limits(graph, limits);
  return limits;
}

void check_limits(std::string_view graph, std::span<const SizeLimit> limits, const Bindings& bindings) {
  for (const SizeLimit& limit : limits) {
    const std::int64_t size = limit.size.at(bindings);
    if (size >= limit.least) continue;
    throw node_error(limit.origins, fmt::format("@{}: {} is {} = {} with {}, expected at least {}", graph, limit.what,
                                                to_string(limit.size), size, to_string(bindings), limit.least));
  }
}

Bindings completed(const Graph& graph, const Bindings& given, std::int64_t otherwise) {
  Bindings bindings = given.find(kBatchSymbol).value_or(1);
  for (const Symbol symbol : symbols_of(graph)) bindings.set(symbol, given.find(symbol).value_or(otherwise));
  return bindings;
}

}  // namespace sluice::ir
