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

// The proof that passes keep what a graph means: it is evaluated before and after each, in the interpreter.
namespace sluice::passes {

/// One point at which a graph is evaluated.
struct Sample {
  Bindings bindings = 1;
  std::uint64_t seed = 1;
  StatesAt states_at = StatesAt::kRange;
  std::vector<Array> inputs;
  std::vector<Array> states;
};

/// Inputs and states that fit the ranges of `graph`; without a range floats lie in [-1,1), integers in [0,10), but
/// states with an init have the values that they reach from there in two calls. The same for the same arguments on
/// every machine.
Sample make_sample(const ir::Graph& graph, const Bindings& bindings, std::uint64_t seed,
                   StatesAt states_at = StatesAt::kRange);

/// What one result, or one state after the call, must be, and how closely.
struct Expected {
  std::string name;               ///< "result 0", "state %w"
  Array exact;                    ///< computed in double; f64 for floats
  std::vector<double> tolerance;  ///< of each element; negative where the element is undecided
  std::int64_t undecided = 0;   ///< elements that a decision between nearly equal floats, or bad condition, leaves open
  std::int64_t not_finite = 0;  ///< elements that are NaN or infinite
};

/// What a graph without gradients gives for a sample. Tolerances come from the difference of the double interpreter and
/// of the float one, which is run as it is and with the rounding of every op disturbed. An element is undecided if a
/// comparison, argmax, floor, sign or cast before it falls between numbers that are closer than that.
std::vector<Expected> expect(const ir::Graph& graph, const Sample& sample);

/// Shares of a comparison beyond which it fails instead of passing silently.
struct CheckLimits {
  double undecided = 0.01;
  double not_finite = 0.01;
};

/// How results differ from what was expected: "result 0[3] is 2, expected 1"; empty if they do not. `actual` has the
/// results, then the states.
std::string compare(std::span<const Expected> expected, std::span<const Array> actual);
/// As `compare`, of a graph and what it was expected to give. A few disturbed evaluations underestimate the error of
/// one element in some thousands, so a difference counts only if it is one by many of them, too.
std::string confirmed_difference(const ir::Graph& graph, const Sample& sample, std::span<const Expected> expected,
                                 std::span<const Array> actual);
/// Which of the results has too many undecided or non-finite elements; empty if none has.
std::string inconclusive(std::span<const Expected> expected, const CheckLimits& limits);

/// What is wrong, and for which sample.
struct Difference {
  std::string stage;  ///< the pass, or "jit", "threads", "plan"
  std::string what;   ///< the first difference, with expected and actual
  std::string node;   ///< the first node that differs and its model line, of a plan the kernel's lines; may be empty
  Sample sample;
};

struct CheckOptions {
  /// The passes to check, in their order; empty: the default pipeline. Mutated passes go here in tests.
  std::vector<Pass> pipeline = {};
  std::vector<Bindings> batch_sizes = {1, 3, 17};
  std::uint64_t seed = 1;
  /// Where states begin. None: for each batch size within their ranges, and once more, for the last one, at their init
  /// if any has one: the meaning of the first step.
  std::optional<StatesAt> states_at = {};
  CheckLimits limits = {};
  /// Whether to search for the node that a difference names. A reducer only asks whether there is one.
  bool locate = true;
  /// Called for each sample with the first graph that has no gradients and what it must give, after all passes have
  /// been compared: for other engines.
  std::function<std::optional<Difference>(const ir::Graph&, const Sample&, std::span<const Expected>)> also = {};
};

/// "cse: result 0[3] is 2, expected 1\n  first at `relu` f32[B,4] (model.cpp:12)\n  with B = 3, seed 2", and ", states
/// at their init" where they are
std::string to_string(const Difference& difference);

struct CheckReport {
  std::optional<Difference> difference;
  std::int64_t elements = 0;  ///< compared
  std::int64_t undecided = 0;
  std::int64_t not_finite = 0;
  int gradients = 0;   ///< `gradient` nodes checked by directional derivatives
  int directions = 0;  ///< along which they were
};

/// Runs the passes over `traced` and compares the graph after each with the one before it: in double within the
/// tolerance, and in the arithmetic as written value for value, as the marks of the rewrite rules promise. `gradient`
/// nodes are compared with directional derivatives by dual numbers. Stops at the first difference.
CheckReport check_passes(const ir::Graph& traced, const CheckOptions& options = {});

// ---- the parts ----

/// The derivatives of `traced` as `differentiate` expands them against those by dual numbers, for one sample. Names the
/// rule: of the values between y and the variables, the one nearest to y whose derivative is wrong.
/// Gradients that are not finite prove nothing, and fail as "traced" beyond `limits`.
std::optional<Difference> check_gradients(const ir::Graph& traced, const Pass& differentiate, const Sample& sample,
                                          const CheckLimits& limits, CheckReport& report);

/// The graph cut down to one value: it is the only result, and there are no updates.
ir::Graph cut_at(const ir::Graph& graph, ir::Value value);

/// The first value, in node order, for which `fails` holds of the graph cut at it, while it holds for none of its
/// operands; found by bisection over the nodes that `from` depends on. None if it does not hold for `from` itself.
std::optional<ir::Value> first_failing(const ir::Graph& graph, ir::Value from,
                                       const std::function<bool(const ir::Graph&)>& fails);

/// "`relu` f32[B,4] (model.cpp:12)"
std::string describe(const ir::Graph& graph, ir::Value value);

}  // namespace sluice::passes
