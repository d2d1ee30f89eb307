#include "runtime/execution/numerics.h"

#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "runtime/execution/non_finite.h"

namespace sluice::runtime {

namespace {

class CheckedExecutable : public Executable {
 public:
  CheckedExecutable(std::unique_ptr<Executable> inner, const ir::Graph& traced, Variables variables,
                    const ExecutableOptions& options)
      : Executable(traced, variables),
        inner_(std::move(inner)),
        judged_(options.judged != nullptr ? *options.judged : traced),
        variables_(std::move(variables)),
        engine_(options.engine),
        examine_(options.examine),
        check_numerics_(options.check_numerics) {
    compile_seconds_ = inner_->compile_seconds();
    const bool may_fail = check_numerics_ || options.examine_may_throw;
    for (std::size_t i = 0; may_fail && i < variables_.size(); ++i) {
      if (judged_.states()[i].update) kept_.push_back({variables_[i].get(), variables_[i]->memory().clone()});
    }
  }

  void unlocked_run(std::span<const Array> inputs, std::span<Array> outputs) override {
    for (Kept& kept : kept_) copy(kept.variable->memory(), kept.before);
    inner_->unlocked_run(inputs, outputs);
    if (examine_) {
      try {
        examine_(outputs);
      } catch (...) {
        for (Kept& kept : kept_) copy(kept.before, kept.variable->memory());
        throw;
      }
    }
    const std::span<const Array> results = outputs.first(judged_.results().size());
    if (!check_numerics_ || is_good(results)) return;

    std::vector<Array> after;
    for (const auto& variable : variables_) after.push_back(variable->unlocked_value());
    for (Kept& kept : kept_) copy(kept.before, kept.variable->memory());
    std::vector<Array> before;
    for (const auto& variable : variables_) before.push_back(variable->unlocked_value());
    throw non_finite_error(judged_, {.inputs = inputs, .states = before, .results = results, .new_states = after},
                           engine_ == Engine::kJit ? Denormals::kZero : Denormals::kKept);
  }

  std::vector<double> unlocked_profile(std::span<const Array> inputs, std::span<Array> outputs) override {
    return inner_->unlocked_profile(inputs, outputs);
  }

  const backend::Plan* plan() const override { return inner_->plan(); }

 private:
  /// A variable that steps change, and its memory before the current one.
  struct Kept {
    VariableStorage* variable;
    Array before;
  };

  static void copy(const Array& from, Array& to) {
    if (from.byte_count() > 0) std::memcpy(to.bytes(), from.bytes(), from.byte_count());
  }

  /// The padding of a layout has no meaning and may contain anything.
  static bool is_good(VariableStorage& variable) {
    return all_finite(variable.memory()) || all_finite(variable.unlocked_value());
  }

  bool is_good(std::span<const Array> results) const {
    for (const Array& result : results) {
      if (!all_finite(result)) return false;
    }
    for (const Kept& kept : kept_) {
      if (!is_good(*kept.variable)) return false;
    }
    return true;
  }

  std::unique_ptr<Executable> inner_;
  ir::Graph judged_;
  Variables variables_;
  Engine engine_;
  std::function<void(std::span<const Array> results)> examine_;
  bool check_numerics_;
  std::vector<Kept> kept_;
};

}  // namespace

std::unique_ptr<Executable> make_checked_executable(std::unique_ptr<Executable> inner, const ir::Graph& traced,
                                                    Variables variables, const ExecutableOptions& options) {
  return std::make_unique<CheckedExecutable>(std::move(inner), traced, std::move(variables), options);
}

}  // namespace sluice::runtime
