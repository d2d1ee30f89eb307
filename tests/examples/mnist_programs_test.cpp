// The behavior that mnist_mlp and mnist_trainer share, run as a user would: options, output and dumps. The test is
// built for each of them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>

#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/examples/run_example.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// "traced" and the passes.
std::vector<std::string> all_stages() {
  std::vector<std::string> stages{"traced"};
  for (const std::string_view pass : passes::default_pipeline()) stages.emplace_back(pass);
  return stages;
}

/// Returns the graphs printed by --dump-ir, by "function after stage".
std::map<std::string, std::string> split_dump(const std::string& out) {
  static const std::regex kTitle("// (\\S+ after \\S+)");
  std::map<std::string, std::string> graphs;
  std::string* current = nullptr;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kTitle)) {
      current = &graphs[match[1]];
      CHECK(current->empty());
      continue;
    }
    REQUIRE(current != nullptr);
    *current += line + "\n";
  }
  return graphs;
}

/// Returns how many fused nodes of the graph have all of `ops` in their bodies.
std::int64_t count_fused(const std::string& text, const std::vector<ir::Op>& ops) {
  const ir::Graph graph = ir::parse(text);
  return std::ranges::count_if(graph.nodes(), [&](const ir::Node& node) {
    if (node.op != ir::Op::kFused) return false;
    const auto body = node.attributes.body().nodes();
    return std::ranges::all_of(ops, [&](ir::Op op) {
      return std::ranges::any_of(body, [op](const ir::Node& inner) { return inner.op == op; });
    });
  });
}

}  // namespace

TEST_CASE("--help names every option and does nothing else") {
  const Outcome help = run("--help");
  CHECK(help.status == 0);
  CHECK(help.err.empty());
  for (const char* const option : {"--epochs", "--batch", "--seed", "--threads", "--data", "--engine", "--dump-ir",
                                   "--dump-dir", "--quiet", "--help"}) {
    CHECK_MESSAGE(contains(help.out, option), option);
  }
  CHECK_FALSE(contains(help.out, "accuracy:"));
}

TEST_CASE("unknown options are errors, and nothing is trained") {
  check_refuses({{"--epoch 1", "--epoch"},
                 {"--no-such-option", "--no-such-option"},
                 {"file", "file"},
                 {"--epochs -1", "--epochs"},
                 {"--epochs many", "--epochs"},
                 {"--epochs", "--epochs"},
                 {"--batch 0", "--batch"},
                 {"--threads 0", "--threads"},
                 {"--seed x", "--seed"},
                 {"--engine gpu", "--engine"},
                 {"--dump-ir=fused", "did you mean 'fuse'?"},
                 {"--data /no/such/folder", "/no/such/folder"},
                 {"--dump-dir /dev/null/folder", "/dev/null/folder"}});
  CHECK(contains(run("--epochz 3").err, ": unknown option '--epochz'; did you mean '--epochs'?\n"));
  CHECK(contains(run("--batch 0").err, ": --batch: expected a whole number from 1 to 1000000000, got '0'\n"));
}

TEST_CASE("--epochs 0 compiles, evaluates and stops, in both engines alike") {
  const Outcome native = train("--epochs 0");
  CHECK(native.status == 0);
  CHECK(native.err.empty());
  CHECK(std::regex_match(native.out, std::regex("Test accuracy: 0\\.\\d{3}\n")));
  const Outcome interpreted = train("--epochs 0 --engine reference");
  CHECK(interpreted.status == 0);
  CHECK(interpreted.out == native.out);
}

TEST_CASE("an epoch prints what the guide prints") {
  const Outcome outcome = train("--epochs 2");
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());  // no terminal, no bar
  const std::string epoch =
      "Training loss: \\d\\.\\d{3}, Training accuracy: 0\\.\\d{3}\n"
      "Validation loss: \\d\\.\\d{3}, Validation accuracy: 0\\.\\d{3}\n";
  INFO(outcome.out);
  CHECK(std::regex_match(outcome.out, std::regex("Epoch: 0\n" + epoch + "Epoch: 1\n" + epoch +
                                                 "Test accuracy: (0\\.[5-9]\\d\\d|1\\.000)\n")));
}

TEST_CASE("a bar shows on a terminal and leaves stdout alone") {
  if (std::system("script -qec true /dev/null > /dev/null 2>&1 < /dev/null") != 0) {
    return test::skip("there is no command script, or it cannot make a terminal here");
  }
  const TemporaryFolder folder;
  const auto terminal = [&](const std::string& options) {
    const std::string inner = fmt::format("'{}' --data '{}' --epochs 1 {} > '{}'", SLUICE_PROGRAM,
                                          small_data().string(), options, (folder.path() / "out").string());
    const std::string outer =
        fmt::format("script -qec \"{}\" '{}' > /dev/null < /dev/null", inner, (folder.path() / "terminal").string());
    CHECK(std::system(outer.c_str()) == 0);
    return text_of(folder.path() / "terminal");
  };
  const std::string shown = terminal("");
  CHECK(contains(shown, "Epoch 0"));
  if (std::string_view(SLUICE_PROGRAM).ends_with("mnist_trainer")) {  // the other one's bar is the example's own
    CHECK(std::regex_search(
        shown,
        std::regex("  loss [0-9]\\.[0-9]{3}  accuracy [01]\\.[0-9]{3}  [0-9]+:[0-9]{2} left  [0-9]+ examples/s")));
  }
  CHECK(text_of(folder.path() / "out").starts_with("Epoch: 0\nTraining loss: "));
  CHECK_FALSE(contains(terminal("--quiet"), "Epoch 0"));
}

TEST_CASE("--seed determines every bit of the weights; threads and the object cache none") {
  const auto hash = [](const std::string& arguments, const std::string& environment = "") {
    const Outcome outcome =
        run(fmt::format("--data '{}' --epochs 1 --quiet --hash {}", small_data().string(), arguments), environment);
    CHECK(outcome.status == 0);
    CHECK(std::regex_match(outcome.out, std::regex("Test accuracy: \\d\\.\\d{3}\nWeights hash: [0-9a-f]{16}\n")));
    return outcome.out;
  };
  const std::string expected = hash("--seed 1 --threads 2");
  CHECK(hash("--seed 1 --threads 1") == expected);
  CHECK(hash("--seed 1 --threads 3") == expected);
  CHECK(hash("") == expected);  // the default seed
  CHECK(hash("--seed 2") != expected);
  CHECK(hash("--batch 64") != expected);

  const TemporaryFolder cache;
  const std::string environment = fmt::format("SLUICE_CACHE_DIR='{}'", cache.path().string());
  CHECK(hash("--seed 1", environment) == expected);
  CHECK_FALSE(std::filesystem::is_empty(cache.path()));
  CHECK(hash("--seed 1", environment) == expected);
}

TEST_CASE("--dump-ir prints the graph of every stage and nothing else, without data") {
  const Outcome dump = run("--dump-ir --data /no/such/folder");
  CHECK(dump.status == 0);
  CHECK(dump.err.empty());
  const auto graphs = split_dump(dump.out);
  const auto stages = all_stages();
  CHECK(graphs.size() == 2 * stages.size());
  for (const char* const function : {"train_step", "evaluate"}) {
    for (const std::string& stage : stages) {
      const std::string title = fmt::format("{} after {}", function, stage);
      INFO(title);
      REQUIRE(graphs.contains(title));
      CHECK(ir::print(ir::parse(graphs.at(title))) == graphs.at(title));
    }
  }
  CHECK(contains(graphs.at("train_step after traced"), "= gradient "));
  CHECK_FALSE(contains(graphs.at("train_step after differentiate"), "= gradient "));

  // Both hidden layers forward, and both backward, where the mask of relu is part of the product.
  const std::string& last = graphs.at("train_step after " + stages.back());
  CHECK(count_fused(last, {ir::Op::kMatmul, ir::Op::kAdd, ir::Op::kRelu}) == 2);
  CHECK(count_fused(last, {ir::Op::kMatmul, ir::Op::kGreater, ir::Op::kSelect}) == 2);

  const Outcome some = run("--dump-ir=traced," + stages.back());
  CHECK(some.status == 0);
  const auto chosen = split_dump(some.out);
  CHECK(chosen.size() == 4);
  for (const auto& [title, text] : chosen) CHECK_MESSAGE(graphs.at(title) == text, title);
}

TEST_CASE("output that cannot be written is an error") {
  if (!std::filesystem::exists("/dev/full")) return;
  for (const char* const options : {"--dump-ir", "--epochs 0"}) {
    INFO(options);
    const TemporaryFolder folder;
    const auto err = folder.path() / "err";
    const int status = std::system(fmt::format("'{}' --data '{}' {} > /dev/full 2> '{}'", SLUICE_PROGRAM,
                                               small_data().string(), options, err.string())
                                       .c_str());
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == EXIT_FAILURE);
    CHECK(text_of(err).starts_with(std::filesystem::path(SLUICE_PROGRAM).filename().string() + ": "));
  }
}

TEST_CASE("--dump-dir writes numbered files and trains all the same") {
  const TemporaryFolder folder;
  const auto dumps = folder.path() / "a" / "new folder";
  const Outcome outcome = train(fmt::format("--epochs 0 --dump-dir '{}'", dumps.string()));
  CHECK(outcome.status == 0);
  CHECK(outcome.out.starts_with("Test accuracy: "));

  std::vector<std::string> expected;
  for (const char* const function : {"train_step", "evaluate"}) {
    for (const std::string& stage : all_stages()) {
      expected.push_back(fmt::format("{:02}-{}-{}.ir", expected.size(), function, stage));
    }
    for (const char* const text : {"plan.txt", "llvm.ll", "assembly.s"}) {
      expected.push_back(fmt::format("{:02}-{}-{}", expected.size(), function, text));
    }
  }
  std::vector<std::string> got;
  for (const auto& entry : std::filesystem::directory_iterator(dumps)) {
    got.push_back(entry.path().filename().string());
    const std::string text = text_of(entry.path());
    CHECK_FALSE(text.empty());
    if (!got.back().ends_with(".ir")) continue;
    CHECK_MESSAGE(ir::print(ir::parse(text), {.locations = true}) == text, got.back());
  }
  std::ranges::sort(got);
  CHECK(got == expected);
}

TEST_CASE("digits that are not MNIST are labeled as such") {
  const TemporaryFolder cache;
  const auto drawn = cache.path() / "sluice" / "synthetic-digits-1";
  std::filesystem::create_directories(drawn.parent_path());
  std::filesystem::create_directory_symlink(small_data(), drawn);
  const std::string environment = fmt::format("XDG_CACHE_HOME='{}'", cache.path().string());
  const Outcome outcome = run("--epochs 0", environment);
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.err, "these are synthetic digits and not MNIST"));
  const Outcome quiet = run("--epochs 0 --quiet", environment);
  CHECK(contains(quiet.err, "these are synthetic digits and not MNIST"));
  CHECK(lines_of(quiet.out).size() == 1);

  std::filesystem::create_directory_symlink(small_data(), cache.path() / "sluice" / "mnist");
  CHECK_FALSE(contains(run("--epochs 0", environment).err, "synthetic"));
  const std::string named = fmt::format("SLUICE_DATA_DIR='{}'", small_data().string());
  CHECK_FALSE(contains(run("--epochs 0", named).err, "synthetic"));
}
