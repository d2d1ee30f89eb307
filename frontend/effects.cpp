#include "sluice/effects.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "ir/plain_nan.h"
#include "sluice/detail/effects.h"
#include "sluice/detail/trace.h"
#include "sluice/printable.h"

namespace sluice {

namespace {

struct Sink {
  std::mutex mutex;
  std::shared_ptr<const PrintSink> receiver;  ///< null: stderr
};

Sink& print_sink() {
  static auto* const instance = new Sink;  // never destroyed: functions may outlive every static
  return *instance;
}

/// Calls the sink without the mutex: it may take as long as it likes, and call functions that print.
void hand_over(std::string_view text) {
  std::shared_ptr<const PrintSink> receiver;
  {
    const std::scoped_lock lock(print_sink().mutex);
    receiver = print_sink().receiver;
  }
  if (receiver == nullptr) return print_to_stderr("{}", text);
  (*receiver)(text);
}

std::string_view symbol_of(ir::Op op) {
  switch (op) {
    case ir::Op::kEqual:
      return "==";
    case ir::Op::kNotEqual:
      return "!=";
    case ir::Op::kLess:
      return "<";
    case ir::Op::kLessEqual:
      return "<=";
    case ir::Op::kGreater:
      return ">";
    case ir::Op::kGreaterEqual:
      return ">=";
    default:
      return {};
  }
}

/// Returns the scalar that is broadcast to `value`, or `value`.
ir::Value without_broadcast(const ir::Graph& graph, ir::Value value) {
  ir::Value source = value;
  while (graph.node(source).op == ir::Op::kBroadcast) source = graph.node(source).operands[0];
  return graph.type(source).shape.rank() == 0 ? source : value;
}

/// Returns the element at `position`, or the only one.
std::string element_text(const Array& array, std::size_t position) {
  return visit_dtype(array.dtype(), [&]<typename T>(T) {
    return fmt::format("{}", plain_nan(array.data<T>()[array.rank() == 0 ? 0 : position]));
  });
}

/// Returns ", since 3 > 2 is false": what the check looked at.
std::string reason_of(const detail::Effect& effect, std::span<const Array> values, std::size_t position) {
  if (!effect.test) return "";
  if (values.size() == 3) {
    return fmt::format(", since {} {} {} is false", element_text(values[1], position), symbol_of(*effect.test),
                       element_text(values[2], position));
  }
  return fmt::format(", where the value is {}", element_text(values[1], position));
}

/// Returns "false at [1,0] of bool[2,3] (2 of 6 elements)", or for a scalar "false".
std::string place_text(const Array& condition, std::size_t position) {
  if (condition.rank() == 0) return "false";
  std::vector<std::int64_t> index(condition.sizes().size());
  auto rest = static_cast<std::int64_t>(position);
  for (std::size_t axis = index.size(); axis-- > 0; rest /= condition.sizes()[axis])
    index[axis] = rest % condition.sizes()[axis];
  return fmt::format("false at [{}] of {} ({} of {} elements)", fmt::join(index, ","), to_string(condition.type()),
                     std::ranges::count(condition.data<bool>(), false), condition.element_count());
}

}  // namespace

Tensor print(const Arg& x, std::string_view name) {
  const Scope scope(x.where());
  Trace::required("print").observe(detail::Effect::Kind::kPrint, x, std::string(name));
  return x;
}

void check(const Arg& condition, std::string_view message) {
  const Scope scope(condition.where());
  Trace& trace = Trace::required("check");
  if (condition.dtype() != DType::kBool) {
    fail_at_user(fmt::format("check: expected a bool condition, got {}", to_string(condition.type())),
                 {&condition.tensor(), 1});
  }
  trace.observe(detail::Effect::Kind::kCheck, condition, std::string(message));
}

void set_print_sink(PrintSink sink) {
  auto receiver = sink ? std::make_shared<const PrintSink>(std::move(sink)) : nullptr;
  const std::scoped_lock lock(print_sink().mutex);
  print_sink().receiver = std::move(receiver);
}

namespace detail {

Effect effect_on(const ir::Graph& graph, Effect::Kind kind, ir::Value value, std::string text, Location where) {
  Effect effect{kind, std::move(text), where, {value}, {}};
  const ir::Node& node = graph.node(value);
  const auto is_bool = [&](ir::Value operand) { return graph.type(operand).dtype == DType::kBool; };
  const bool tells = ir::info(node.op).has(ir::kElementwise) && std::ranges::none_of(node.operands, is_bool) &&
                     (node.operands.size() == 1 || !symbol_of(node.op).empty());
  if (kind == Effect::Kind::kPrint || !tells) return effect;
  effect.test = node.op;
  for (const ir::Value operand : node.operands) effect.values.push_back(without_broadcast(graph, operand));
  return effect;
}

StepEffects::StepEffects(std::string function, std::vector<Effect> effects, std::size_t results)
    : function_(std::move(function)), effects_(std::move(effects)), own_(results) {
  for (const Effect& effect : effects_) own_ -= effect.values.size();
}

const Effect* StepEffects::first_check() const {
  const auto found = std::ranges::find(effects_, Effect::Kind::kCheck, &Effect::kind);
  return found == effects_.end() ? nullptr : &*found;
}

void StepEffects::check(std::span<const Array> results) {
  std::span<const Array> rest = results.subspan(own_);
  for (reached_ = 0; reached_ < effects_.size(); ++reached_) {
    const Effect& effect = effects_[reached_];
    const std::span<const Array> values = rest.first(effect.values.size());
    rest = rest.subspan(values.size());
    if (effect.kind == Effect::Kind::kPrint) continue;
    const std::span<const bool> condition = values[0].data<bool>();
    const auto wrong = std::ranges::find(condition, false);
    if (wrong == condition.end()) continue;
    const auto position = static_cast<std::size_t>(wrong - condition.begin());
    throw Error(fmt::format("@{}: check: {}: {}{}; all variables are as before the step", function_, effect.text,
                            place_text(values[0], position), reason_of(effect, values, position)),
                effect.where);
  }
}

void StepEffects::print(std::span<const Array> results) const {
  std::span<const Array> rest = results.subspan(own_);
  for (std::size_t i = 0; i < reached_; ++i) {
    const Effect& effect = effects_[i];
    if (effect.kind == Effect::Kind::kPrint) {
      const std::string name = effect.text.empty() ? "" : effect.text + " = ";
      hand_over(fmt::format("{}: {}{}\n", to_string(effect.where), name, rest[0]));
    }
    rest = rest.subspan(effect.values.size());
  }
}

std::string StepEffects::comments() const {
  std::string text;
  std::size_t result = own_;
  for (const Effect& effect : effects_) {
    text +=
        fmt::format("// result {}: {} \"{}\" at {}\n", result, effect.kind == Effect::Kind::kPrint ? "print" : "check",
                    printable(effect.text), to_string(effect.where));
    result += effect.values.size();
  }
  return text;
}

}  // namespace detail

}  // namespace sluice
