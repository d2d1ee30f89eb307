#include "runtime/execution/trace.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "backend/plan.h"
#include "runtime/execution/flags.h"
#include "runtime/execution/gate.h"
#include "runtime/execution/kernel_cost.h"
#include "runtime/execution/thread_team.h"
#include "runtime/io/atomic_file.h"
#include "sluice/error.h"

namespace sluice::runtime {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kStepsTrack = 1 << 20;  // shows whole steps of the first caller; other callers' tracks follow it

std::atomic<bool> tracing = false;  ///< whether this process has traced anything
thread_local TraceSpan last_load;

/// Returns the number of this thread among those that call steps or load data.
int caller_number() {
  static std::atomic<int> next = 0;
  thread_local const int number = next++;
  return number;
}

/// Returns the trace track of a team thread. Thread 0 is the caller; the first caller keeps track 0 and later callers
/// get their own.
int track_of(int thread, int caller) { return thread > 0 || caller == 0 ? thread : kMaxThreads + caller; }

const TraceTime start_of_process = trace_now();

double microseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

Json event(std::string_view name, std::string_view category, int track, TraceTime begin, TraceTime end, Json args) {
  return {{"name", name},
          {"cat", category},
          {"ph", "X"},
          {"ts", microseconds(begin - start_of_process)},
          {"dur", microseconds(end - begin)},
          {"pid", getpid()},
          {"tid", track},
          {"args", std::move(args)}};
}

/// Returns the events that name and order the tracks.
Json track_names(const Json& events) {
  Json names = Json::array();
  const auto name = [&](const char* what, int track, const char* key, const Json& value) {
    names.push_back({{"name", what}, {"ph", "M"}, {"pid", getpid()}, {"tid", track}, {"args", {{key, value}}}});
  };
  std::set<int> tracks;
  for (const Json& each : events) tracks.insert(each["tid"].get<int>());
  name("process_name", 0, "name", "sluice");
  for (const int track : tracks) {
    const std::string text = track == kStepsTrack   ? "steps"
                             : track > kStepsTrack  ? fmt::format("steps of caller {}", track - kStepsTrack)
                             : track >= kMaxThreads ? fmt::format("caller {}", track - kMaxThreads)
                                                    : fmt::format("thread {}", track);
    name("thread_name", track, "name", text);
    name("thread_sort_index", track, "sort_index", track == kStepsTrack ? -1 : track);
  }
  return names;
}

void add_events(const backend::Plan& plan, StepTimes& step, Json& events) {
  const int caller = track_of(0, step.caller);
  const auto threads = static_cast<int>(step.began.size());
  if (step.load.count > 0)
    events.push_back(
        event("load batch", "data", caller, step.load.begin, step.load.end, {{"examples", step.load.count}}));
  Json of_step{{"step", step.step}, {"threads", threads}};
  for (const auto& [symbol, value] : step.bindings.all()) of_step[std::string(symbol.name())] = value;
  events.push_back(event(plan.name, "step", kStepsTrack + step.caller, step.start, step.end, of_step));
  events.push_back(event("prepare", "team", caller, step.start, step.fork, Json::object()));
  for (int thread = 0; thread < threads; ++thread) {
    const auto t = static_cast<std::size_t>(thread);
    const int track = track_of(thread, step.caller);
    events.push_back(event("fork", "team", track, step.fork, step.began[t], Json::object()));
    for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
      const TraceSpan& span = step.kernel(thread, k);
      if (span.count == 0) continue;
      const backend::KernelPlan& kernel = plan.kernels[k];
      const ir::Cost cost = cost_of(plan, kernel, step.bindings);
      events.push_back(event(kernel.name, "kernel", track, span.begin, span.end,
                             {{"function", plan.name},
                              {"step", step.step},
                              {"lines", lines_of_kernel(kernel)},
                              {"ops", ops_of(*kernel.body)},
                              {"units", span.count},
                              {"kernel_units", kernel.units.count(step.bindings)},
                              {"kernel_flops", cost.flops},
                              {"kernel_bytes", cost.bytes}}));
    }
  }
  events.push_back(event("join", "team", caller, step.finished[0], step.end, Json::object()));
}

/// The events of this process, by the file they are written to.
struct Files {
  std::mutex mutex;
  std::map<std::filesystem::path, Json> events;
};

Files& files() {
  static auto* const instance = new Files;  // never destroyed: executables may outlive every static
  return *instance;
}

}  // namespace

StepTrace::StepTrace(const Flags& flags, const backend::Plan& plan)
    : file_(flags.trace), plan_(plan), first_(flags.trace_first), last_(flags.trace_last) {
  steps_.reserve(static_cast<std::size_t>(last_ - first_) + 1);
}

std::unique_ptr<StepTrace> StepTrace::create(const Flags& flags, const backend::Plan& plan) {
  if (flags.trace.empty()) return nullptr;
  const AtomicFile attempt(flags.trace);  // reports now, not after the steps, if it cannot be written
  tracing = true;
  return std::unique_ptr<StepTrace>(new StepTrace(flags, plan));
}

StepTrace::~StepTrace() {
  const GatePass pass;
  if (written_) return;
  try {
    write();
  } catch (const std::exception& error) {
    print_to_stderr("sluice: trace: {}\n", error.what());
  }
}

std::unique_lock<std::mutex> StepTrace::begin_step() {
  const TraceSpan load = std::exchange(last_load, {});
  if (written_) return {};
  std::unique_lock lock(mutex_);
  if (written_) return {};
  if (step_ == last_) {
    write();
    return {};
  }
  load_ = load;
  if (++step_ < first_) return {};
  return lock;
}

StepTimes& StepTrace::prepare(const Bindings& bindings, int threads, TraceTime start) {
  const auto count = static_cast<std::size_t>(threads);
  steps_.push_back({.step = step_,
                    .caller = caller_number(),
                    .bindings = bindings,
                    .load = load_,
                    .start = start,
                    .fork = start,
                    .end = start,
                    .began = std::vector<TraceTime>(count, start),
                    .finished = std::vector<TraceTime>(count, start),
                    .kernels = std::vector<TraceSpan>(count * plan_.kernels.size())});
  return steps_.back();
}

void StepTrace::write() {
  written_ = true;
  Files& all = files();
  const std::scoped_lock lock(all.mutex);
  Json& events = all.events.try_emplace(file_, Json::array()).first->second;
  for (StepTimes& step : steps_) add_events(plan_, step, events);
  Json document{{"traceEvents", track_names(events)}, {"displayTimeUnit", "ms"}};
  document["traceEvents"].insert(document["traceEvents"].end(), events.begin(), events.end());
  write_file(file_, document.dump(1, ' ', false, Json::error_handler_t::replace));
}

TracedLoad::TracedLoad(std::int64_t examples) {
  if (tracing.load(std::memory_order_relaxed)) [[unlikely]]
    span_ = {.begin = trace_now(), .end = {}, .count = examples};
}

TracedLoad::~TracedLoad() {
  if (span_.count == 0) return;
  span_.end = trace_now();
  last_load = span_;
}

}  // namespace sluice::runtime
