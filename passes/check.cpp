#include "passes/check.h"

#include <algorithm>
#include <cmath>

#include "ir/plain_nan.h"
#include "ir/reference/interpreter.h"
#include "ir/solve_sizes.h"
#include "passes/differentiate.h"
#include "passes/rebuild.h"
#include "sluice/error.h"

namespace sluice::passes {

namespace {

std::string show(double x) { return fmt::format("{:.9g}", plain_nan(x)); }

double number(const Array& array, std::size_t i) {
  return visit_dtype(array.dtype(), [&]<typename T>(T) { return static_cast<double>(array.data<T>()[i]); });
}

std::vector<Array> joined(ir::EvalResult result) {
  std::vector<Array> all = std::move(result.results);
  all.insert(all.end(), result.states.begin(), result.states.end());
  return all;
}

std::vector<Array> in_double(const ir::Graph& graph, const Sample& sample) {
  return joined(ir::evaluate(graph, sample.inputs, sample.states, {ir::Precision::kDouble, true}));
}

std::vector<Array> as_written(const ir::Graph& graph, const Sample& sample) {
  return joined(ir::evaluate(graph, sample.inputs, sample.states));
}

/// Returns the first element whose value differs; NaNs are equal, as are zeros of either sign.
std::string compare_values(std::span<const Expected> names, std::span<const Array> before,
                           std::span<const Array> after) {
  for (std::size_t r = 0; r < before.size(); ++r) {
    if (before[r] == after[r]) continue;
    for (std::size_t i = 0; i < names[r].tolerance.size(); ++i) {
      const double x = number(before[r], i);
      const double y = number(after[r], i);
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      return fmt::format("{}[{}] is {}, expected {} to the last bit", names[r].name, i, show(y), show(x));
    }
  }
  return "";
}

struct Stage {
  std::string name;
  const Pass* pass;  // null for the graph as given
  ir::Graph graph;
};

/// Returns the value that the message of a comparison is about.
ir::Value value_of(const ir::Graph& graph, std::size_t index) {
  if (index < graph.results().size()) return graph.results()[index];
  const ir::State& state = graph.states()[index - graph.results().size()];
  return state.update.value_or(state.value);
}

class Checker {
 public:
  Checker(const ir::Graph& traced, const CheckOptions& options) : traced_(traced), options_(options) {
    pipeline_ = options.pipeline.empty() ? find_passes(default_pipeline()) : options.pipeline;
  }

  CheckReport run() && {
    if (!run_passes()) return std::move(report_);
    const StatesAt at = options_.states_at.value_or(StatesAt::kRange);
    for (std::size_t i = 0; i < options_.batch_sizes.size(); ++i) {
      const Sample sample = make_sample(traced_, options_.batch_sizes[i], options_.seed + i, at);
      if (!check_sample(sample)) return std::move(report_);
    }
    const bool any_init = std::ranges::any_of(traced_.states(), [](const ir::State& s) { return s.init.has_value(); });
    if (!options_.states_at && any_init && !options_.batch_sizes.empty()) {
      const std::uint64_t seed = options_.seed + options_.batch_sizes.size();
      check_sample(make_sample(traced_, options_.batch_sizes.back(), seed, StatesAt::kInit));
    }
    return std::move(report_);
  }

 private:
  bool differ(std::string stage, std::string what, std::string node, const Sample& sample) {
    report_.difference = Difference{std::move(stage), std::move(what), std::move(node), sample};
    return false;
  }

  /// Runs all stages; returns false if a pass creates an invalid graph.
  bool run_passes() {
    stages_.push_back({"traced", nullptr, traced_});
    for (const Pass& pass : pipeline_) {
      try {
        ir::Graph graph = pass.run(stages_.back().graph);
        ir::verify(graph);
        stages_.push_back({std::string(pass.name), &pass, std::move(graph)});
      } catch (const Error& error) {
        return differ(std::string(pass.name), fmt::format("invalid graph: {}", error.what()), "", {});
      }
    }
    return true;
  }

  bool check_sample(const Sample& sample) {
    // With special values most results are not finite.
    const CheckLimits limits = sample.states_at == StatesAt::kSpecial ? CheckLimits{1, 1} : options_.limits;
    std::size_t first = 0;
    while (first < stages_.size() && has_gradient(stages_[first].graph)) ++first;
    if (first == stages_.size()) fail("@{}: no pass of the pipeline expands the gradients", traced_.name());
    if (first > 0) {
      report_.difference = check_gradients(stages_[first - 1].graph, *stages_[first].pass, sample, limits, report_);
      if (report_.difference) return false;
    }
    const std::vector<Expected> expected = expect(stages_[first].graph, sample);
    for (const Expected& e : expected) {
      report_.elements += e.exact.element_count();
      report_.undecided += e.undecided;
      report_.not_finite += e.not_finite;
    }
    if (std::string why = inconclusive(expected, limits); !why.empty()) {
      const ir::Graph& graph = stages_[first].graph;
      std::string node =
          first_node(graph, [&](const ir::Graph& part) { return !inconclusive(expect(part, sample), limits).empty(); });
      return differ("traced", std::move(why), std::move(node), sample);
    }
    std::vector<Array> before = as_written(stages_[first].graph, sample);
    for (std::size_t s = first + 1; s < stages_.size(); ++s) {
      if (!check_stage(s, stages_[first].graph, expected, before, sample)) return false;
    }
    if (options_.also) report_.difference = options_.also(stages_[first].graph, sample, expected);
    return !report_.difference;
  }

  /// `traced`, without gradients, is the graph that `expected` belongs to.
  bool check_stage(std::size_t s, const ir::Graph& traced, std::span<const Expected> expected,
                   std::vector<Array>& before, const Sample& sample) {
    if (std::string what = confirmed_difference(traced, sample, expected, in_double(stages_[s].graph, sample));
        !what.empty())
      return locate(s, std::move(what), sample);
    std::vector<Array> after = as_written(stages_[s].graph, sample);
    if (std::string what = compare_values(expected, before, after); !what.empty())
      return locate(s, std::move(what), sample);
    before = std::move(after);
    return true;
  }

  /// Returns whether the pass of stage `s` changes the results of `graph`, a part of the graph before it.
  bool changes(std::size_t s, const ir::Graph& graph, const Sample& sample) const {
    const ir::Graph after = stages_[s].pass->run(graph);
    const std::vector<Expected> expected = expect(graph, sample);
    if (!confirmed_difference(graph, sample, expected, in_double(after, sample)).empty()) return true;
    return !compare_values(expected, as_written(graph, sample), as_written(after, sample)).empty();
  }

  /// Returns the first node at which the truncated graph fails; empty if only the whole graph does.
  std::string first_node(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails) const {
    if (!options_.locate) return "";
    for (std::size_t i = 0; i < graph.results().size() + graph.states().size(); ++i) {
      if (const auto found = first_failing(graph, value_of(graph, i), fails)) return describe(graph, *found);
    }
    return "";
  }

  bool locate(std::size_t s, std::string what, const Sample& sample) {
    std::string node =
        first_node(stages_[s - 1].graph, [&](const ir::Graph& part) { return changes(s, part, sample); });
    return differ(stages_[s].name, std::move(what), std::move(node), sample);
  }

  const ir::Graph& traced_;
  const CheckOptions& options_;
  std::vector<Pass> pipeline_;
  std::vector<Stage> stages_;
  CheckReport report_;
};

bool all_finite(const Array& array) {
  return visit_dtype(array.dtype(), [&]<typename T>(T) {
    return std::ranges::all_of(array.data<T>(), [](T x) { return std::isfinite(static_cast<double>(x)); });
  });
}

/// States with an init but no range get the values after two calls: at random, an optimizer's mean of squares would be
/// negative.
void run_from_init(const ir::Graph& graph, Sample& sample) {
  const auto known_by_init = [](const ir::State& state) { return state.init && state.update && !state.range; };
  if (std::ranges::none_of(graph.states(), known_by_init)) return;
  const ir::Graph step = find_pass("differentiate").run(graph);
  std::vector<Array> reached = random_states(graph, sample.seed + 1000, StatesAt::kInit);
  for (const std::uint64_t call : {std::uint64_t{2000}, std::uint64_t{3000}}) {
    reached = ir::evaluate(step, random_parameters(step, sample.bindings, sample.seed + call), reached).states;
  }
  for (std::size_t i = 0; i < graph.states().size(); ++i) {
    if (known_by_init(graph.states()[i]) && all_finite(reached[i])) sample.states[i] = reached[i];
  }
}

}  // namespace

Sample make_sample(const ir::Graph& graph, const Bindings& given, std::uint64_t seed, StatesAt states_at) {
  constexpr std::int64_t kOtherSizes = 7;
  const Bindings bindings = ir::completed(graph, given, kOtherSizes);
  Sample sample{bindings, seed, states_at, random_parameters(graph, bindings, seed, states_at),
                random_states(graph, seed + 1000, states_at)};
  if (states_at == StatesAt::kRange) run_from_init(graph, sample);
  return sample;
}

std::string compare(std::span<const Expected> expected, std::span<const Array> actual) {
  if (expected.size() != actual.size())
    return fmt::format("{} results and states, expected {}", actual.size(), expected.size());
  for (std::size_t r = 0; r < expected.size(); ++r) {
    const Expected& e = expected[r];
    if (e.exact.sizes() != actual[r].sizes())
      return fmt::format("{} is {}, expected {}", e.name, to_string(actual[r].type()), to_string(e.exact.type()));
    for (std::size_t i = 0; i < e.tolerance.size(); ++i) {
      if (e.tolerance[i] < 0) continue;
      const double x = number(e.exact, i);
      const double y = number(actual[r], i);
      if (x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= e.tolerance[i]) continue;
      return fmt::format("{}[{}] is {}, expected {} within {:.2g}", e.name, i, show(y), show(x), e.tolerance[i]);
    }
  }
  return "";
}

std::string inconclusive(std::span<const Expected> expected, const CheckLimits& limits) {
  for (const Expected& e : expected) {
    const auto count = static_cast<double>(e.exact.element_count());
    if (static_cast<double>(e.not_finite) > limits.not_finite * count)
      return fmt::format("{}: {} of {} elements are not finite", e.name, e.not_finite, e.exact.element_count());
    if (static_cast<double>(e.undecided) > limits.undecided * count)
      return fmt::format("{}: {} of {} elements are undecided", e.name, e.undecided, e.exact.element_count());
  }
  return "";
}

std::string to_string(const Difference& difference) {
  std::string text = fmt::format("{}: {}", difference.stage, difference.what);
  if (!difference.node.empty()) text += fmt::format("\n  first at {}", difference.node);
  const Sample& sample = difference.sample;
  text += fmt::format("\n  with {}, seed {}", to_string(sample.bindings), sample.seed);
  if (sample.states_at == StatesAt::kInit) text += ", states at their init";
  if (sample.states_at == StatesAt::kSpecial) text += ", special values";
  return text;
}

CheckReport check_passes(const ir::Graph& traced, const CheckOptions& options) {
  return Checker(traced, options).run();
}

std::string describe(const ir::Graph& graph, ir::Value value) {
  const ir::Node& node = graph.node(value);
  const Location line = ir::user_location(node.origins);
  return fmt::format("`{}` {}{}", to_string(node.op), to_string(graph.type(value)),
                     line.known() ? fmt::format(" ({})", to_string(line)) : "");
}

ir::Graph cut_at(const ir::Graph& graph, ir::Value value) {
  Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i <= value.node; ++i) rebuild.copy(i);
  rebuild.builder().set_results({rebuild.at(value)});
  return remove_dead(std::move(rebuild.builder()).finish());
}

std::optional<ir::Value> first_failing(const ir::Graph& graph, ir::Value from,
                                       const std::function<bool(const ir::Graph&)>& fails) {
  const auto cut_fails = [&](ir::Value value) {
    return graph.node(value).op != ir::Op::kGradient && fails(cut_at(graph, value));
  };
  if (!cut_fails(from)) return std::nullopt;
  // Bisects the nodes that it depends on: the result fails, though one of its operands may fail too.
  std::vector<bool> needed(from.node + 1);
  needed[from.node] = true;
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = from.node + 1; i-- > 0;) {
    if (!needed[i]) continue;
    if (!ir::info(graph.node(i).op).has(ir::kInput)) order.push_back(i);
    for (const ir::Value operand : graph.node(i).operands) needed[operand.node] = true;
  }
  std::ranges::reverse(order);
  std::size_t good = 0;  // everything before it is assumed correct
  std::size_t bad = order.size() - 1;
  ir::Value found = from;
  while (good < bad) {
    const std::size_t middle = good + (bad - good) / 2;
    if (cut_fails({order[middle], 0})) {
      bad = middle;
      found = {order[middle], 0};
    } else {
      good = middle + 1;
    }
  }
  // Moves up from there as long as an operand fails.
  for (bool moved = true; moved;) {
    moved = false;
    for (const ir::Value operand : graph.node(found).operands) {
      if (ir::info(graph.node(operand).op).has(ir::kInput) || !cut_fails(operand)) continue;
      found = operand;
      moved = true;
      break;
    }
  }
  return found;
}

}  // namespace sluice::passes
