#include "sluice/detail/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <set>
#include <utility>

#include "ir/node_error.h"
#include "sluice/error.h"

namespace sluice {

namespace {

/// Returns the folder of the frontend's own sources, as the compiler names it; every other file is a user's. The build
/// maps it to a name that no user folder has: a user could have a `frontend/` as well.
constexpr std::string_view own_folder() {
  constexpr std::string_view file = __FILE__;
  return file.substr(0, file.rfind('/') + 1);
}

struct Frames {
  std::vector<Location> frames;                ///< innermost last
  std::shared_ptr<const ir::CallStack> stack;  ///< created on demand
};

thread_local Frames* frames_of_thread = nullptr;

/// Destroys a thread's frames when it ends. The main thread's are recreated if static destructors call functions.
struct FramesOwner {
  ~FramesOwner() { delete std::exchange(frames_of_thread, nullptr); }
};

Frames& frames() {
  if (frames_of_thread == nullptr) [[unlikely]] {
    thread_local const FramesOwner owner;
    static_cast<void>(owner);
    frames_of_thread = new Frames;
  }
  return *frames_of_thread;
}

const std::shared_ptr<const ir::CallStack>& call_stack() {
  Frames& here = frames();
  if (here.stack != nullptr) return here.stack;
  ir::CallStack stack{{here.frames.rbegin(), here.frames.rend()}, 0};
  const auto is_user = [](const Location& frame) { return !frame.file.starts_with(own_folder()); };
  const auto user = std::find_if(stack.frames.begin(), stack.frames.end(), is_user);
  if (user != stack.frames.end()) stack.user_frame = static_cast<std::size_t>(user - stack.frames.begin());
  here.stack = std::make_shared<const ir::CallStack>(std::move(stack));
  return here.stack;
}

ir::Origins current_origins() {
  if (frames().frames.empty()) return {};
  return {{call_stack(), false}};
}

thread_local Trace* current_trace = nullptr;

std::uint64_t next_trace_number() {
  static std::atomic<std::uint64_t> next = 1;
  return next++;
}

/// Returns "dense_0/w" as the name of an SSA value.
std::string value_name(std::string_view variable) {
  std::string name(variable);
  for (char& c : name) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!allowed) c = '_';
  }
  // A value that starts with a digit would look like a numbered one.
  return name.empty() || (name[0] >= '0' && name[0] <= '9') ? "v_" + name : name;
}

}  // namespace

Scope::Scope(const std::source_location& where) {
  Frames& here = frames();
  here.frames.push_back({intern_file(where.file_name()), where.line(), 0});
  here.stack = nullptr;
}

Scope::~Scope() {
  frames().frames.pop_back();
  frames().stack = nullptr;
}

Location Scope::user() { return frames().frames.empty() ? Location{} : call_stack()->user(); }

void fail_at_user(const std::string& message) { throw Error(message, Scope::user()); }

void fail_at_user(const std::string& message, std::span<const Tensor> operands) {
  fail_at_user(message + (current_trace == nullptr ? "" : current_trace->notes(operands)));
}

void check_not_traced(std::string_view call) {
  if (current_trace == nullptr) return;
  fail_at_user(fmt::format("{}: called while {} is traced, which would happen once, not on each call; call it outside",
                           call, current_trace->name()));
}

void warn_at_user(const std::string& message) {
  static std::mutex mutex;
  static auto* const told = new std::set<std::string>;  // never destroyed: threads may outlive every static
  const Location user = Scope::user();
  const std::string text = user.known() ? fmt::format("{}: {}", to_string(user), message) : message;
  const std::scoped_lock lock(mutex);
  if (told->insert(text).second) print_to_stderr("sluice: warning: {}\n", text);
}

std::recursive_mutex& tracing_lock() {
  static std::recursive_mutex mutex;
  return mutex;
}

std::string to_string(const Tensor& tensor) { return tensor.trace_ == 0 ? "no tensor" : to_string(tensor.type_); }

void Tensor::fail_empty() { fail_at_user("a Tensor is used before it is assigned; assign it first"); }

Trace::Trace(std::string name) : number_(next_trace_number()), builder_(std::move(name)), outer_(current_trace) {
  current_trace = this;
}

Trace::Trace(std::string name, std::string what) : Trace(std::move(name)) {
  symbols_ = outer_->symbols_;
  isolated_ = std::move(what);
}

Trace::~Trace() {
  current_trace = outer_;
  if (finished_) return;
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) (*undo)();
}

Trace* Trace::current() { return current_trace; }

Trace& Trace::required(std::string_view what) {
  if (current_trace == nullptr) {
    fail_at_user(fmt::format("{}: used outside a function; ops are traced inside sluice::function", what));
  }
  return *current_trace;
}

Tensor Trace::parameter(std::string name, const Type& type, std::optional<ir::Range> range) {
  for (const Dim& dim : type.shape) dim.batch.add_symbols(symbols_);
  return tensor(builder_.parameter(std::move(name), type, range, current_origins()));
}

ir::Value Trace::value_of(const Tensor& tensor, std::string_view what) const {
  if (tensor.trace_ == 0) Tensor::fail_empty();
  if (tensor.trace_ != number_ && !isolated_.empty()) {
    fail_at_user(
        fmt::format("{} uses the tensor {} from outside: pass it as an argument", isolated_, to_string(tensor.type())));
  }
  if (tensor.trace_ != number_) {
    fail_at_user(
        fmt::format("{}: the tensor {} belongs to another trace than that of {}; a tensor is valid only inside "
                    "the call that created it",
                    what, to_string(tensor.type()), name()));
  }
  return tensor.value_;
}

std::string Trace::notes(std::span<const Tensor> operands) const {
  std::string out;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].trace_ != number_) continue;
    out += ir::operand_note(i, builder_.graph().node(operands[i].value_), operands[i].value_.result);
  }
  return out;
}

std::vector<Tensor> Trace::add_node(ir::Op op, std::span<const Tensor> operands, ir::Attributes attributes) {
  std::vector<ir::Value> values;
  for (const Tensor& operand : operands) values.push_back(value_of(operand, to_string(op)));
  ir::Value first;
  try {
    first = builder_.add(op, std::move(values), std::move(attributes), current_origins());
  } catch (const Error& error) {
    throw Error(error.message() + notes(operands), Scope::user());
  }
  std::vector<Tensor> results;
  const std::vector<Type>& types = builder_.graph().node(first).types;
  for (std::uint32_t i = 0; i < types.size(); ++i) {
    std::vector<Symbol> used;
    for (const Dim& dim : types[i].shape) dim.batch.add_symbols(used);
    for (const Symbol symbol : used) {
      if (std::ranges::find(symbols_, symbol) != symbols_.end()) continue;
      const std::string written = symbol == kBatchSymbol ? "batch" : fmt::format("length(\"{}\")", symbol.name());
      fail_at_user(
          fmt::format("{}: {} uses {}, which no parameter of {} has: give {} an argument with {} in its shape, "
                      "such as f32({}), or write a number in place of {}",
                      to_string(op), to_string(types[i]), written, name(), name(), written, written, written));
    }
    results.push_back(tensor({first.node, i}));
  }
  return results;
}

Tensor Trace::add(ir::Op op, std::span<const Tensor> operands, ir::Attributes attributes) {
  return std::move(add_node(op, operands, std::move(attributes)).front());
}

Tensor Trace::add(ir::Op op, std::initializer_list<Tensor> operands, ir::Attributes attributes) {
  return add(op, std::span<const Tensor>(operands.begin(), operands.size()), std::move(attributes));
}

std::vector<Tensor> Trace::append(const ir::Graph& graph, std::span<const Tensor> inputs) {
  std::vector<ir::Value> arguments;
  for (const Tensor& input : inputs) arguments.push_back(value_of(input, graph.name()));
  std::vector<Tensor> results;
  for (const ir::Value result : builder_.append(graph, arguments)) results.push_back(tensor(result));
  return results;
}

Trace::TracedVariable& Trace::traced(const std::shared_ptr<runtime::VariableStorage>& variable) {
  if (!isolated_.empty()) {
    fail_at_user(
        fmt::format("{} uses the variable \"{}\" from outside: pass it as an argument", isolated_, variable->name()));
  }
  for (TracedVariable& known : variables_) {
    if (known.storage == variable) return known;
  }
  // Variables of different models may share a name.
  const auto states = builder_.graph().states();
  std::string whole = variable->name();
  for (int i = 1; std::ranges::count(states, whole, &ir::State::variable) > 0; ++i)
    whole = fmt::format("{}_{}", variable->name(), i);
  std::string name = value_name(whole);
  const auto taken = [&](const auto& other) { return other.name == name; };
  while (std::ranges::any_of(states, taken) || std::ranges::any_of(builder_.graph().parameters(), taken)) name += '_';
  const ir::Value state =
      builder_.state(name, whole, variable->type(), variable->range(), variable->init(), current_origins());
  return variables_.emplace_back(TracedVariable{variable, state, state, {state}});
}

Tensor Trace::read(const std::shared_ptr<runtime::VariableStorage>& variable) {
  TracedVariable& known = traced(variable);
  if (!known.read_now) {
    known.reads.push_back(builder_.add(ir::Op::kStopGradient, {known.now}, {}, current_origins()));
    known.read_now = true;
  }
  return tensor(known.reads.back());
}

std::vector<Tensor> Trace::reads(const std::shared_ptr<runtime::VariableStorage>& variable) {
  std::vector<Tensor> result;
  for (const ir::Value read : traced(variable).reads) result.push_back(tensor(read));
  return result;
}

void Trace::assign(const std::shared_ptr<runtime::VariableStorage>& variable, const Tensor& value) {
  const ir::Value given = value_of(value, "assign");
  if (value.type() != variable->type()) {
    fail_at_user(fmt::format("assign: variable \"{}\" is {}, got {}", variable->name(), to_string(variable->type()),
                             to_string(value.type())),
                 {&value, 1});
  }
  TracedVariable& known = traced(variable);
  known.now = given;
  known.read_now = false;
}

std::vector<bool> Trace::depends_on(ir::Value y) const {
  const ir::Graph& graph = builder_.graph();
  std::vector<bool> reached(graph.nodes().size());
  reached[y.node] = true;
  for (std::uint32_t i = y.node + 1; i-- > 0;) {
    const ir::Node& node = graph.node(i);
    const bool passes = node.op == ir::Op::kGradient || ir::info(node.op).has(ir::kDifferentiable);
    if (!reached[i] || !passes) continue;
    for (const ir::Value operand : node.operands)
      if (is_float(graph.type(operand).dtype)) reached[operand.node] = true;
  }
  return reached;
}

std::vector<bool> Trace::depends(const Tensor& y, std::span<const Tensor> on) const {
  const std::vector<bool> reached = depends_on(value_of(y, "gradient"));
  std::vector<bool> result;
  for (const Tensor& tensor : on) result.push_back(reached[value_of(tensor, "gradient").node]);
  return result;
}

std::string Trace::describe(const Tensor& tensor) const {
  for (const TracedVariable& variable : variables_) {
    if (std::ranges::count(variable.reads, tensor.value_) > 0) return fmt::format("\"{}\"", variable.storage->name());
  }
  return to_string(tensor.type());
}

bool Trace::assigned(const std::shared_ptr<runtime::VariableStorage>& variable) const {
  const auto found = std::ranges::find(variables_, variable, &TracedVariable::storage);
  return found != variables_.end() && found->now != found->state;
}

std::vector<std::string> Trace::forgotten(const Tensor& y) const {
  const std::vector<bool> reached = depends_on(value_of(y, "gradient"));
  std::vector<std::string> names;
  for (const TracedVariable& variable : variables_) {
    const bool left = variable.now == variable.state && variable.storage->trainable();
    if (left && reached[variable.state.node]) names.push_back(fmt::format("\"{}\"", variable.storage->name()));
  }
  return names;
}

void Trace::expect_indices(const Tensor& indices, std::int64_t limit, std::string_view what, std::string_view of,
                           std::optional<std::int64_t> except) {
  const ir::Graph& graph = builder_.graph();
  ir::Value value = value_of(indices, what);
  while (graph.node(value).op == ir::Op::kCast || graph.node(value).op == ir::Op::kReshape)
    value = graph.node(value).operands[0];
  const auto parameters = graph.parameters();
  const auto found = std::ranges::find(parameters, value, &ir::Parameter::value);
  if (found == parameters.end() || !is_integer(graph.type(value).dtype)) return;
  const auto argument = static_cast<std::size_t>(found - parameters.begin());
  expected_indices_.push_back({argument, limit, std::string(what), std::string(of), except, Scope::user()});
}

void Trace::note_trainable(const std::shared_ptr<runtime::VariableStorage>& variable, bool trainable) {
  if (!isolated_.empty()) return outer_->note_trainable(variable, trainable);
  if (std::ranges::count(asked_trainable_, variable, &AskedTrainable::variable) == 0)
    asked_trainable_.push_back({variable, trainable});
}

void Trace::note_derivative(const Tensor& tensor, const std::shared_ptr<runtime::VariableStorage>& variable) {
  if (variable != nullptr) derivatives_[value_of(tensor, "gradient")] = variable;
}

std::shared_ptr<runtime::VariableStorage> Trace::derived_by(const Tensor& tensor) const {
  const auto found = tensor.trace_ == number_ ? derivatives_.find(tensor.value_) : derivatives_.end();
  return found == derivatives_.end() ? nullptr : found->second;
}

void Trace::observe(detail::Effect::Kind kind, const Tensor& tensor, std::string text) {
  const ir::Value value = value_of(tensor, kind == detail::Effect::Kind::kPrint ? "print" : "check");
  effects_.push_back(detail::effect_on(builder_.graph(), kind, value, std::move(text), Scope::user()));
}

void Trace::observe(detail::Effect effect, std::span<const Tensor> values) {
  effect.values.clear();
  for (const Tensor& value : values) effect.values.push_back(value_of(value, name()));
  effects_.push_back(std::move(effect));
}

ir::Graph Trace::finish(std::span<const Tensor> results) {
  std::vector<ir::Value> values;
  for (const Tensor& result : results) values.push_back(value_of(result, name()));
  for (const TracedVariable& variable : variables_) builder_.set_update(variable.state, variable.now);
  builder_.set_results(values);
  if (!effects_.empty()) {
    without_effects_ = ir::Builder(builder_).finish();
    for (const detail::Effect& each : effects_) values.insert(values.end(), each.values.begin(), each.values.end());
    builder_.set_results(std::move(values));
  }
  finished_ = true;
  return std::move(builder_).finish();
}

runtime::Variables Trace::variables() const {
  runtime::Variables storages;
  for (const TracedVariable& variable : variables_) storages.push_back(variable.storage);
  return storages;
}

}  // namespace sluice
