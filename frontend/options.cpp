#include "sluice/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>

#include "ir/suggest.h"
#include "passes/pass.h"
#include "runtime/execution/flags.h"
#include "runtime/execution/thread_team.h"
#include "sluice/detail/trace.h"
#include "sluice/ir/text.h"

namespace sluice {

namespace {

std::atomic<Engine> engine = Engine::kJit;
std::atomic<int> versions = 32;

struct Dump {
  std::mutex mutex;
  DumpOptions options;
};

Dump& dump() {
  static auto* const instance = new Dump;  // never destroyed: functions may outlive every static
  return *instance;
}

}  // namespace

void set_default_engine(Engine wanted) { engine = wanted; }
Engine default_engine() { return engine; }

void set_num_threads(int threads, std::source_location where) {
  const Scope scope(where);
  if (threads < 1 || threads > runtime::kMaxThreads) {
    fail_at_user(fmt::format("set_num_threads: expected 1 to {}, got {}", runtime::kMaxThreads, threads));
  }
  runtime::set_default_threads(threads);
}
int num_threads() { return runtime::default_team().size(); }

void set_max_versions(int wanted, std::source_location where) {
  const Scope scope(where);
  if (wanted < 1) fail_at_user(fmt::format("set_max_versions: expected at least 1, got {}", wanted));
  versions = wanted;
}
int max_versions() { return versions; }

void set_dump(DumpOptions options) {
  for (const std::string& stage : options.stages) detail::check_stage(stage);
  if (!options.folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.folder, error);
    if (error) fail("{}: cannot create the folder: {}", options.folder.string(), error.message());
  }
  runtime::set_dump_dir(options.folder);
  const std::scoped_lock lock(dump().mutex);
  dump().options = std::move(options);
}

void set_trace(std::filesystem::path file) { runtime::set_trace(std::move(file)); }

void detail::check_stage(std::string_view stage) {
  std::vector<std::string_view> stages{"traced"};
  for (const std::string_view pass : passes::default_pipeline()) stages.push_back(pass);
  if (std::find(stages.begin(), stages.end(), stage) != stages.end()) return;
  fail("there is no stage '{}'{}", stage, did_you_mean(stage, stages));
}

void detail::dump_stage(std::string_view stage, const ir::Graph& graph, std::string_view comments) {
  const std::scoped_lock lock(dump().mutex);
  const DumpOptions& options = dump().options;
  if (!options.to_stdout) return;
  if (!options.stages.empty() && std::ranges::count(options.stages, stage) == 0) return;
  fmt::print("// {} after {}\n{}{}", graph.name(), stage, comments, ir::print(graph));
  std::fflush(stdout);
}

}  // namespace sluice
