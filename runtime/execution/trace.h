#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "sluice/size.h"

namespace sluice::backend {
struct Plan;
}

namespace sluice::runtime {

struct Flags;

using TraceTime = std::chrono::steady_clock::time_point;
inline TraceTime trace_now() { return std::chrono::steady_clock::now(); }

/// When a thread did something, and how much of it.
struct TraceSpan {
  TraceTime begin;
  TraceTime end;
  std::int64_t count = 0;  ///< units of a kernel, examples of a batch; 0: nothing was done
};

/// The times of a step. Each thread writes only its own.
struct StepTimes {
  int step = 0;    ///< of this executable, from 1
  int caller = 0;  ///< one of the threads that call steps or load data
  Bindings bindings;
  TraceSpan load;  ///< of the data, before the step
  TraceTime start;
  TraceTime fork;
  TraceTime end;
  std::vector<TraceTime> began;  ///< the work, by thread
  std::vector<TraceTime> finished;
  std::vector<TraceSpan> kernels;  ///< by thread, then kernel

  TraceSpan& kernel(int thread, std::size_t kernel) {
    return kernels[static_cast<std::size_t>(thread) * (kernels.size() / began.size()) + kernel];
  }
};

/// The record of a few of an executable's steps, by default the second to the sixth, for --trace=FILE. The file is JSON
/// for chrome://tracing and Perfetto: each kernel on each thread that had units of it, the loading of data, and the
/// fork of the threads. All executables of a process write to one file.
class StepTrace {
 public:
  /// Returns null unless `flags` name a file, so that untraced executables only pay for testing a pointer. `plan` must
  /// outlive it. Throws Error if the file cannot be written.
  static std::unique_ptr<StepTrace> create(const Flags& flags, const backend::Plan& plan);
  ~StepTrace();
  StepTrace(const StepTrace&) = delete;
  StepTrace& operator=(const StepTrace&) = delete;

  /// Counts the step that starts; the result owns a lock if it is to be recorded, and no other step of the executable
  /// is while the result exists. Writes the file before the step after the last one recorded, because an exception then
  /// has changed nothing. Throws Error.
  std::unique_lock<std::mutex> begin_step();
  /// Returns the times of this step, to be filled in.
  StepTimes& prepare(const Bindings& bindings, int threads, TraceTime start);

 private:
  StepTrace(const Flags& flags, const backend::Plan& plan);
  void write();

  std::filesystem::path file_;
  const backend::Plan& plan_;
  int first_;
  int last_;
  std::mutex mutex_;  ///< held by the step being recorded
  int step_ = 0;
  std::atomic<bool> written_ = false;
  TraceSpan load_;  ///< before the step
  std::vector<StepTimes> steps_;
};

/// Records its lifetime as the loading of a batch, for the next step that its thread calls. Does nothing if no step is
/// traced.
class TracedLoad {
 public:
  explicit TracedLoad(std::int64_t examples);
  ~TracedLoad();
  TracedLoad(const TracedLoad&) = delete;
  TracedLoad& operator=(const TracedLoad&) = delete;

 private:
  TraceSpan span_;
};

}  // namespace sluice::runtime
