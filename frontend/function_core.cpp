#include "sluice/detail/function_core.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "frontend/broadcasting.h"
#include "ir/solve_sizes.h"
#include "passes/pass.h"
#include "runtime/execution/flags.h"
#include "runtime/execution/gate.h"
#include "sluice/detail/trace.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "sluice/options.h"

namespace sluice::detail {

namespace {

bool has_type(const Array& array, const Type& type) {
  if (array.dtype() != type.dtype || array.rank() != type.shape.rank()) return false;
  for (int axis = 0; axis < array.rank(); ++axis) {
    if (type.shape[axis] != Dim(array.sizes()[static_cast<std::size_t>(axis)])) return false;
  }
  return true;
}

class Busy {
 public:
  explicit Busy(bool& flag) : flag_(flag) { flag_ = true; }
  ~Busy() { flag_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  bool& flag_;
};

}  // namespace

void HostArgument::convert(DType dtype, std::string_view function, std::size_t position) {
  if (!numbers_ || numbers_->dtype() == dtype) return;
  std::string lost;
  std::optional<Array> converted = converted_numbers(*numbers_, dtype, lost);
  if (!converted) {
    const Scope scope(where_);
    fail_at_user(fmt::format("{}: argument {}: the number {} does not fit the element type {}", function, position,
                             lost, to_string(dtype)));
  }
  numbers_ = std::move(converted);
}

void HostArgument::fail_too_large(std::uint64_t number, const std::source_location& where) {
  const Scope scope(where);
  fail_at_user(fmt::format("the number {} does not fit the element type i64", number));
}

FunctionCore::FunctionCore(std::string name, Signature signature, std::optional<std::size_t> arity, Body body,
                           const std::source_location& where)
    : name_(std::move(name)), signature_(std::move(signature)), arity_(arity), body_(std::move(body)), where_(where) {
  if (signature_ && arity_ && signature_->size() != *arity_) {
    const Scope scope(where_);
    fail_at_user(
        fmt::format("{}: the signature has {} arguments, the lambda takes {}", name_, signature_->size(), *arity_));
  }
}

FunctionCore::Call FunctionCore::call(std::span<HostArgument> arguments) {
  if (arguments.empty() && Trace::current() != nullptr) {
    fail_at_user(
        fmt::format("{}: a function without arguments is called while {} is traced, where it would run once, "
                    "not on each call; call its lambda",
                    name_, Trace::current()->name()));
  }
  if (signature_) check_arguments(arguments);
  const runtime::GatePass pass;
  std::unique_lock lock(mutex_);
  check_not_busy();
  Version* found = find_version(arguments);
  if (found == nullptr) {
    lock.unlock();  // locks are taken in one order: tracing first
    const std::scoped_lock tracing(tracing_lock());
    lock.lock();
    found = find_version(arguments);
    if (found == nullptr) found = &trace_for(arguments);
  }
  Version& version = *found;
  version.last_call = ++calls_;
  const Busy busy(busy_);
  check_indices(version, arguments);
  compile(version);
  for (std::size_t i = 0; i < arguments.size(); ++i) version.inputs[i] = arguments[i].array();
  // Releases the arrays after the call; assigning an empty one keeps the storage for the sizes.
  static const Array& kNothing = *new Array(DType::kU8, {});  // never destroyed: threads may outlive every static
  version.effects.begin_step();
  try {
    version.executable->run(version.inputs, version.results);
  } catch (...) {
    for (Array& input : version.inputs) input = kNothing;
    version.effects.print(version.results);
    throw;
  }
  for (Array& input : version.inputs) input = kNothing;
  version.effects.print(version.results);
  return {std::move(lock), std::span(version.results).first(version.effects.own_results())};
}

void FunctionCore::check_arguments(std::span<HostArgument> arguments) const {
  if (arguments.size() != signature_->size()) {
    std::optional<Scope> scope;
    if (!arguments.empty()) scope.emplace(arguments[0].where());
    fail_at_user(fmt::format("{}: expected {} arguments, got {}", name_, signature_->size(), arguments.size()));
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Type& expected = (*signature_)[i].type();
    if (arguments[i].array().rank() == expected.shape.rank()) arguments[i].convert(expected.dtype, name_, i);
  }
  Bindings bindings;
  const auto name_of = [](std::size_t i) { return fmt::format("argument {}", i); };
  const auto argument = [&](std::size_t i) { return ir::SizedArgument((*signature_)[i].type(), arguments[i].array()); };
  if (const auto wrong = ir::solve_sizes(arguments.size(), argument, bindings, name_of)) {
    const Scope scope(arguments[wrong->argument].where());
    fail_at_user(fmt::format("{}: {} {}", name_, name_of(wrong->argument), wrong->what));
  }
}

void FunctionCore::check_indices(const Version& version, std::span<const HostArgument> arguments) const {
  for (const ExpectedIndices& expected : version.expected_indices) {
    const HostArgument& argument = arguments[expected.argument];
    visit_dtype(argument.array().dtype(), [&]<typename T>(T) {
      const std::span<const T> indices = argument.array().data<T>();
      const auto wrong = std::ranges::find_if(indices, [&](T index) {
        return static_cast<std::uint64_t>(index) >= static_cast<std::uint64_t>(expected.limit) &&  // also true below 0
               expected.except != static_cast<std::int64_t>(index);
      });
      if (wrong == indices.end()) return;
      const Scope scope(argument.where());
      const std::string except = expected.except ? fmt::format(" or {}", *expected.except) : "";
      fail_at_user(fmt::format("{}: element {} of argument {} is the {} {}, expected 0 to {}{} for the {} {} at {}",
                               name_, wrong - indices.begin(), expected.argument, expected.what, *wrong,
                               expected.limit - 1, except, expected.limit, expected.of, to_string(expected.where)));
    });
  }
}

void FunctionCore::check(std::span<HostArgument> arguments) {
  if (!signature_) fail("{}: only a function with a signature can check arguments before it is called", name_);
  check_arguments(arguments);
  const runtime::GatePass pass;
  const std::scoped_lock lock(tracing_lock(), mutex_);
  check_not_busy();
  check_indices(signed_version(), arguments);
}

FunctionCore::InlinedCall FunctionCore::begin_inlined(std::span<const Tensor> arguments) {
  if (signature_ && arguments.size() != signature_->size()) {
    fail_at_user(fmt::format("{}: expected {} arguments, got {}", name_, signature_->size(), arguments.size()));
  }
  for (std::size_t i = 0; signature_ && i < arguments.size(); ++i) {
    const Type& expected = (*signature_)[i].type();
    if (arguments[i].type() == expected) continue;
    fail_at_user(fmt::format("{}: argument {} is {}, expected {}", name_, i, to_string(arguments[i].type()),
                             to_string(expected)));
  }
  // A recursion that a C++ condition ends is unrolled, so recursion is not an error in itself. Unbounded recursion
  // would overflow the stack, which a thousand levels do not, even with sanitizers.
  constexpr int kMaxDepth = 1000;
  if (inlined_depth_ == kMaxDepth) fail_at_user(fmt::format("{}: the function calls itself without end", name_));
  return InlinedCall(inlined_depth_);
}

FunctionCore::Version& FunctionCore::signed_version() {
  drop_outdated();
  return versions_.empty() ? trace(*signature_) : *versions_.front();
}

void FunctionCore::drop_outdated() {
  const std::uint64_t changes = runtime::trainable_changes();
  std::erase_if(versions_, [&](const auto& version) {
    if (version->trainable_changes == changes) return false;
    version->trainable_changes = changes;
    return std::ranges::any_of(version->asked_trainable, [](const AskedTrainable& asked) {
      return asked.variable->trainable() != asked.trainable;
    });
  });
}

FunctionCore::Version* FunctionCore::find_version(std::span<const HostArgument> arguments) {
  drop_outdated();
  if (signature_) return versions_.empty() ? nullptr : versions_.front().get();
  for (const auto& version : versions_) {
    bool same = version->arguments.size() == arguments.size();
    for (std::size_t i = 0; same && i < arguments.size(); ++i) {
      same = has_type(arguments[i].array(), version->arguments[i].type());
    }
    if (same) return version.get();
  }
  return nullptr;
}

FunctionCore::Version& FunctionCore::trace_for(std::span<const HostArgument> arguments) {
  std::optional<Scope> scope;
  if (!arguments.empty()) scope.emplace(arguments[0].where());
  if (signature_) return trace(*signature_);
  std::vector<TensorSpec> types;
  for (const HostArgument& argument : arguments) {
    const Type type = argument.array().type();
    types.emplace_back(type.dtype, type.shape);
  }
  return trace(std::move(types));
}

void FunctionCore::check_not_busy() const {
  if (busy_) fail_at_user(fmt::format("{}: the function calls itself", name_));
}

void FunctionCore::log_trace(const std::vector<TensorSpec>& arguments) const {
  std::vector<std::string> types;
  for (const TensorSpec& argument : arguments) types.push_back(to_string(argument.type()));
  std::string reason = "first call";
  const std::size_t before_count = versions_.empty() ? 0 : versions_.back()->arguments.size();
  for (std::size_t i = 0; i < std::min(before_count, arguments.size()); ++i) {
    const Type& before = versions_.back()->arguments[i].type();
    if (before == arguments[i].type()) continue;
    reason = fmt::format("argument {} was {} and is {}; a signature would serve every batch size", i, to_string(before),
                         types[i]);
    break;
  }
  print_to_stderr("sluice: trace: {}({}): {}\n", name_, fmt::join(types, ", "), reason);
}

void FunctionCore::check_decided(const std::vector<TensorSpec>& arguments) const {
  std::vector<const Type*> types;
  for (const TensorSpec& argument : arguments) types.push_back(&argument.type());
  const std::vector<Symbol> open = ir::undecided(types);
  if (open.empty()) return;
  const Scope scope(where_);
  fail_at_user(
      fmt::format("{}: no argument's sizes tell what {} is: give {} an argument with an axis of {} or of a "
                  "multiple of it",
                  name_, open[0].name(), name_, to_string(length(open[0].name()))));
}

FunctionCore::Version& FunctionCore::trace(std::vector<TensorSpec> arguments) {
  if (runtime::flags().log_trace) log_trace(arguments);
  const Busy busy(busy_);
  Trace trace(name_);
  std::vector<Tensor> parameters;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const TensorSpec& spec = arguments[i];
    const std::string name = spec.name().empty() ? fmt::format("arg{}", i) : spec.name();
    const Scope scope(where_);
    parameters.push_back(trace.parameter(name, spec.type(), spec.range()));
  }
  check_decided(arguments);
  const std::vector<Tensor> results = body_(parameters);
  auto version = std::make_unique<Version>();
  version->graph = trace.finish(results);
  version->arguments = std::move(arguments);
  version->variables = trace.variables();
  version->expected_indices = trace.expected_indices();
  version->asked_trainable = trace.asked_trainable();
  version->inputs.resize(parameters.size());
  version->results.resize(version->graph.results().size());
  version->effects = StepEffects(name_, trace.effects(), version->results.size());
  version->without_effects = trace.without_effects();
  make_room();
  ++traces_;
  return *versions_.emplace_back(std::move(version));
}

void FunctionCore::make_room() {
  const auto limit = static_cast<std::size_t>(max_versions());
  if (versions_.size() < limit) return;
  warn_at_user(fmt::format(
      "{}: was called with more than {} lists of argument types; the compiled code of the least recently used "
      "ones is dropped, and compiled again when needed. A signature would serve every batch size; set_max_versions "
      "changes the limit",
      name_, limit));
  while (versions_.size() >= limit)
    versions_.erase(std::ranges::min_element(versions_, {}, [](const auto& version) { return version->last_call; }));
}

void FunctionCore::compile(Version& version) {
  if (version.executable != nullptr) return;
  runtime::ExecutableOptions options;
  options.engine = default_engine();
  options.on_stage = [comments = version.effects.comments()](std::string_view stage, const ir::Graph& graph) {
    dump_stage(stage, graph, comments);
  };
  options.check_numerics = check_numerics_;
  if (StepEffects& effects = version.effects; !effects.empty()) {
    options.examine = [&effects](std::span<const Array> results) { effects.check(results); };
    options.examine_may_throw = effects.has_checks();
    options.judged = &*version.without_effects;
  }
  version.executable = runtime::Executable::create(version.graph, version.variables, options);
}

void FunctionCore::compile() {
  if (!signature_) fail("{}: only a function with a signature can be compiled before its first call", name_);
  const runtime::GatePass pass;
  const std::scoped_lock lock(tracing_lock(), mutex_);
  check_not_busy();
  compile(signed_version());
}

void FunctionCore::check_numerics() {
  const runtime::GatePass pass;
  const std::scoped_lock lock(mutex_);
  check_not_busy();
  check_numerics_ = true;
  for (const auto& version : versions_) version->executable = nullptr;
}

FunctionCore::Version& FunctionCore::latest_version() {
  const runtime::GatePass pass;
  const std::scoped_lock lock(tracing_lock(), mutex_);
  if (signature_) {
    check_not_busy();
    return signed_version();
  }
  if (versions_.empty()) fail("{}: without a signature there is no graph before the first call", name_);
  return *versions_.back();
}

const ir::Graph& FunctionCore::graph_to_save() {
  const Version& version = latest_version();
  if (const Effect* const check = version.effects.first_check()) {
    throw Error(fmt::format("save: @{} checks \"{}\", which a saved model cannot: leave the check out of the saved "
                            "function, and check in the calling program",
                            version.graph.name(), check->text),
                check->where);
  }
  return version.without_effects ? *version.without_effects : version.graph;
}

std::string FunctionCore::to_text() {
  const std::scoped_lock lock(mutex_);
  std::string text = name_ + "(";
  const std::vector<TensorSpec>* const arguments = signature_          ? &*signature_
                                                   : versions_.empty() ? nullptr
                                                                       : &versions_.back()->arguments;
  if (arguments == nullptr) return text + "...)";
  for (const TensorSpec& argument : *arguments) {
    if (!text.ends_with('(')) text += ", ";
    if (!argument.name().empty()) text += argument.name() + ": ";
    text += to_string(argument.type());
  }
  text += ")";
  if (versions_.empty()) return text;
  const ir::Graph& graph = versions_.back()->graph;
  for (std::size_t i = 0; const ir::Value result : graph.results().first(versions_.back()->effects.own_results()))
    text += (i++ == 0 ? " -> " : ", ") + to_string(graph.type(result));
  return text;
}

std::string FunctionCore::dump(std::string_view stage) {
  check_stage(stage);
  Version& version = latest_version();
  std::string text;
  passes::PassOptions options;
  options.on_stage = [&](std::string_view reached, const ir::Graph& graph) {
    if (reached == stage) text = version.effects.comments() + ir::print(graph);
  };
  passes::run_passes(version.graph, passes::default_pipeline(), options);
  return text;
}

}  // namespace sluice::detail
