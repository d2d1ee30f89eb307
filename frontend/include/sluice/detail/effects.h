#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/error.h"
#include "sluice/ir/graph.h"

namespace sluice::detail {

/// A print or a check of a traced function. The values it looks at are results of the graph behind the function's own.
struct Effect {
  enum class Kind : std::uint8_t { kPrint, kCheck };

  Kind kind;
  std::string text;  ///< the name or the message
  Location where;
  /// The printed value, or the condition followed by the operands of `test`, which have its shape or are scalars.
  std::vector<ir::Value> values;
  std::optional<ir::Op> test;  ///< the op that computes the condition, if its operands explain why it is false
};

/// Returns the effect of a print of `value`, or of a check of this condition.
Effect effect_on(const ir::Graph& graph, Effect::Kind kind, ir::Value value, std::string text, Location where);

/// The effects of one compiled function, in order, and how far its current step has come.
class StepEffects {
 public:
  StepEffects() = default;
  /// `results`: how many results the graph has, those of the effects included.
  StepEffects(std::string function, std::vector<Effect> effects, std::size_t results);

  bool empty() const { return effects_.empty(); }
  bool has_checks() const { return first_check() != nullptr; }
  /// Returns the first check, or null.
  const Effect* first_check() const;
  /// How many results the function itself has.
  std::size_t own_results() const { return own_; }

  void begin_step() { reached_ = 0; }
  /// Throws the Error of the first check that fails.
  void check(std::span<const Array> results);
  /// Hands the prints to the sink: all of them, or those before the failed check; none if the step has failed before.
  void print(std::span<const Array> results) const;

  /// Returns a comment line for each effect, for the text of the graph.
  std::string comments() const;

 private:
  std::string function_;
  std::vector<Effect> effects_;
  std::size_t own_ = 0;
  std::size_t reached_ = 0;  ///< the effects before this one happen
};

}  // namespace sluice::detail
