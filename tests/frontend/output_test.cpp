// The frontend's output: the log of traces, dumps of graphs.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "sluice/detail/trace.h"
#include "sluice/frontend.h"
#include "sluice/ir/text.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/written.h"

using namespace sluice;

namespace {

/// A folder that is removed at the end.
struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("sluice-output-" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("SLUICE_LOG=trace logs what is traced and why") {
  const auto f = function("f", [](Tensor x, Tensor y) { return outputs(x, y); });
  const Array three(DType::kF32, {3});
  const Array four(DType::kF32, {4});
  CHECK(written(stderr, [&] { f(three, 1.F); }).empty());
  setenv("SLUICE_LOG", "trace", 1);
  CHECK(written(stderr, [&] { f(three, 1.F); }).empty());
  CHECK(written(stderr, [&] { f(four, 1.F); }) ==
        "sluice: trace: f(f32[4], f32[]): argument 0 was f32[3] and is f32[4]; a signature would serve every batch "
        "size\n");
  const auto g = function("g", {f32(batch)}, [](Tensor x) { return x; });
  CHECK(written(stderr, [&] { g(four); }) == "sluice: trace: g(f32[B]): first call\n");
  unsetenv("SLUICE_LOG");
}

TEST_CASE("graphs are dumped to stdout, only the requested stages") {
  const auto f = function("f", {f32(batch)}, [](Tensor x) { return x + 1; });
  set_dump({.to_stdout = true, .stages = {"traced"}});
  CHECK(written(stdout, [&] { f.compile(); }) == "// f after traced\n" + f.dump());
  set_dump({});
  CHECK(written(stdout, [&] { function("g", {f32()}, [](Tensor x) { return x; }).compile(); }).empty());
}

TEST_CASE("graphs are dumped to numbered files that read back") {
  const TemporaryFolder folder;
  set_dump({.folder = folder.path / "dumps"});
  const auto f = function("step", {f32(batch)}, [](Tensor x) { return gradients(reduce_sum(square(x)), {x})[0]; });
  f.compile();
  set_dump({});
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path / "dumps")) {
    ++files;
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    CHECK((std::isdigit(name[0]) != 0 && std::isdigit(name[1]) != 0));
    CHECK(name.substr(2, 6) == "-step-");
    if (!name.ends_with(".ir")) continue;
    const std::string text = read(entry.path());
    const ir::Graph graph = ir::parse(text);
    CHECK(ir::print(graph, {.locations = true}) == text);
    CHECK(text.find("tests/frontend/output_test.cpp\":") != std::string::npos);
    if (name.ends_with("-traced.ir")) CHECK(ir::print(graph) == f.dump());
  }
  CHECK(files >= 2);
}

TEST_CASE("a warning that cannot be written is lost, and nothing else") {
  for (const bool closed : {true, false}) {
    CAPTURE(closed);
    const int saved = dup(STDERR_FILENO);
    if (closed) {
      close(STDERR_FILENO);
    } else {
      REQUIRE(std::freopen("/dev/full", "w", stderr) != nullptr);
    }
    const auto f = function("f", {f32()}, [&](Tensor x) {
      warn_at_user(closed ? "nobody reads this" : "nor this");
      return x + 1;
    });
    Array result;
    CHECK_NOTHROW(result = f(1.F));
    dup2(saved, STDERR_FILENO);
    close(saved);
    CHECK(result.item<float>() == 2);
  }
}
