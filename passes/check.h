#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/random_arrays.h"
#include "passes/pass.h"
#include "sluice/array.h"
#include "sluice/ir/graph.h"

// Checks that passes preserve a graph's meaning: it is evaluated before and after each, in the interpreter.
namespace sluice::passes {

/// One point at which a graph is evaluated.
struct Sample {
  Bindings bindings = 1;
  std::uint64_t seed = 1;
  StatesAt states_at = StatesAt::kRange;
  std::vector<Array> inputs;
  std::vector<Array> states;
};

/// Returns inputs and states within the ranges of `graph`; without a range floats are in [-1,1) and integers in [0,10),
/// but states with an init have the values that they reach from it in two calls. Deterministic for given arguments, on
/// every machine.
Sample make_sample(const ir::Graph& graph, const Bindings& bindings, std::uint64_t seed,
                   StatesAt states_at = StatesAt::kRange);

/// The expected value of one result, or of one state after the call, and its tolerance.
struct Expected {
  std::string name;               ///< "result 0", "state %w"
  Array exact;                    ///< computed in double; f64 for floats
  std::vector<double> tolerance;  ///< of each element; negative if the element is undecided
  std::int64_t undecided = 0;     ///< elements behind a decision between nearly equal floats, or ill-conditioned
  std::int64_t not_finite = 0;    ///< elements that are NaN or infinite
};

/// Returns the expected results of a graph without gradients for a sample. Tolerances come from the difference between
/// the double interpreter and the float one, which runs as is and with the rounding of every op perturbed. An element
/// is undecided if it depends on a comparison, argmax, floor, sign or cast between numbers closer than that.
std::vector<Expected> expect(const ir::Graph& graph, const Sample& sample);

/// Fractions of a comparison beyond which it fails instead of passing silently.
struct CheckLimits {
  double undecided = 0.01;
  double not_finite = 0.01;
};

/// Returns how results differ from the expectation: "result 0[3] is 2, expected 1"; empty if they do not. `actual` has
/// the results, then the states.
std::string compare(std::span<const Expected> expected, std::span<const Array> actual);
/// Like `compare`, for a graph and its expected results. A few perturbed evaluations underestimate the error of about
/// one element in several thousand, so a difference only counts if it persists against many of them.
std::string confirmed_difference(const ir::Graph& graph, const Sample& sample, std::span<const Expected> expected,
                                 std::span<const Array> actual);
/// Returns which of the results has too many undecided or non-finite elements; empty if none has.
std::string inconclusive(std::span<const Expected> expected, const CheckLimits& limits);

/// A difference, and the sample that shows it.
struct Difference {
  std::string stage;  ///< the pass, or "jit", "threads", "plan"
  std::string what;   ///< the first difference, with expected and actual
  std::string node;   ///< the first node that differs and its model line, or a plan's kernel lines; may be empty
  Sample sample;
};

struct CheckOptions {
  /// The passes to check, in order; empty: the default pipeline. Tests put mutated passes here.
  std::vector<Pass> pipeline = {};
  std::vector<Bindings> batch_sizes = {1, 3, 17};
  std::uint64_t seed = 1;
  /// The initial states. Empty: within their ranges for each batch size, and for the last one once more at their init
  /// if a state has one, as in the first step.
  std::optional<StatesAt> states_at = {};
  CheckLimits limits = {};
  /// Enables the search for the node responsible for a difference. A reducer only needs to know whether there is one.
  bool locate = true;
  /// Called for each sample with the first graph without gradients and its expected results, after all passes have been
  /// compared: for other engines.
  std::function<std::optional<Difference>(const ir::Graph&, const Sample&, std::span<const Expected>)> also = {};
};

/// Returns "cse: result 0[3] is 2, expected 1\n  first at `relu` f32[B,4] (model.cpp:12)\n  with B = 3, seed 2",
/// followed by ", states at their init" if they are.
std::string to_string(const Difference& difference);

struct CheckReport {
  std::optional<Difference> difference;
  std::int64_t elements = 0;  ///< compared
  std::int64_t undecided = 0;
  std::int64_t not_finite = 0;
  int gradients = 0;   ///< `gradient` nodes checked by directional derivatives
  int directions = 0;  ///< along which they were
};

/// Runs the passes on `traced` and compares the graph after each with the one before it: in double within the
/// tolerance, and in the arithmetic as written value for value, as the marks of the rewrite rules promise. Compares
/// `gradient` nodes with directional derivatives by dual numbers. Stops at the first difference.
CheckReport check_passes(const ir::Graph& traced, const CheckOptions& options = {});

// ---- the parts ----

/// Compares the derivatives of `traced` as `differentiate` expands them with those by dual numbers, for one sample.
/// Names the rule: of the values between y and the variables, the one closest to y whose derivative is wrong.
/// Non-finite gradients prove nothing, and fail as "traced" beyond `limits`.
std::optional<Difference> check_gradients(const ir::Graph& traced, const Pass& differentiate, const Sample& sample,
                                          const CheckLimits& limits, CheckReport& report);

/// Returns the graph truncated to one value: it is the only result, and there are no updates.
ir::Graph cut_at(const ir::Graph& graph, ir::Value value);

/// Returns the first value, in node order, for which `fails` holds on the graph truncated to it, while it holds for
/// none of its operands; found by bisection over the nodes that `from` depends on. Nothing if it does not hold for
/// `from` itself.
std::optional<ir::Value> first_failing(const ir::Graph& graph, ir::Value from,
                                       const std::function<bool(const ir::Graph&)>& fails);

/// "`relu` f32[B,4] (model.cpp:12)"
std::string describe(const ir::Graph& graph, ir::Value value);

}  // namespace sluice::passes
