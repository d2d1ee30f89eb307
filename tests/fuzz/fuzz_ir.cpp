// From the text of a graph to a step of its native code: parse, verify, passes, plan, code, run.
#include <cstdlib>

#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/small_graph.h"

using namespace sluice;

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  setenv("SLUICE_CACHE_DIR", "", 1);
  runtime::set_default_threads(1);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::read_or_refuse([&] {
    const ir::Graph graph = ir::parse({reinterpret_cast<const char*>(data), size}, "fuzz.ir");
    const std::string text = ir::print(graph, {.locations = true});
    if (ir::print(ir::parse(text, "again.ir"), {.locations = true}) != text) std::abort();
    if (!fuzz::is_small(graph)) return;
    fuzz::run(graph, runtime::Engine::kReference);
    fuzz::run(graph, runtime::Engine::kJit);
  });
}
