// Results of other frameworks compared with the interpreter and with compiled code. SLUICE_ORACLES names a folder of
// such files; without it, the project's own are read.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "runtime/execution/thread_team.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

/// The results for the files of one op.
struct Tally {
  int compared = 0;
  int failed = 0;
  std::map<std::string, int> not_said;  ///< by the reason
};

std::vector<std::filesystem::path> oracle_files() {
  const char* const folder = std::getenv("SLUICE_ORACLES");
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder != nullptr ? folder : SLUICE_ORACLE_DATA)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Describes every tensor that is missing or too far off; empty if there is none.
std::string difference(const Oracle& oracle, const Arrays& got) {
  std::string text;
  for (const auto& [name, expected] : expected_of(oracle)) {
    const auto found = got.find(name);
    if (found == got.end()) {
      text += fmt::format("\n  {} was not computed", name);
      continue;
    }
    const double off = distance(found->second, expected);
    if (const double most = tolerance(oracle, name); !(off <= most))
      text += fmt::format("\n  {} differs by {:.2e}, at most {:.0e} is allowed", name, off, most);
  }
  return text;
}

/// Restores the engine and the number of threads.
class KeepMachine {
 public:
  KeepMachine() : engine_(default_engine()), threads_(runtime::default_team().size()) {}
  ~KeepMachine() {
    set_default_engine(engine_);
    runtime::set_default_threads(threads_);
  }
  KeepMachine(const KeepMachine&) = delete;
  KeepMachine& operator=(const KeepMachine&) = delete;

 private:
  Engine engine_;
  int threads_;
};

bool same_bits(const Arrays& a, const Arrays& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x == y; });
}

/// Compares the interpreter, then compiled code with 1 and 2 threads. Throws CannotSay.
std::string compare_engines(const Oracle& oracle, Builder build) {
  const KeepMachine keep;
  set_default_engine(Engine::kReference);
  if (std::string text = difference(oracle, build(oracle)()); !text.empty()) return text + "\n  in the interpreter";
  set_default_engine(Engine::kJit);
  const Program native = build(oracle);
  std::optional<Arrays> with_one;
  for (const int threads : {1, 2}) {
    runtime::set_default_threads(threads);
    const Arrays got = native();
    if (std::string text = difference(oracle, got); !text.empty())
      return text + fmt::format("\n  in compiled code with {} threads", threads);
    if (with_one && !same_bits(*with_one, got)) return "\n  other bits with 2 threads than with 1";
    with_one = got;
  }
  return "";
}

void tell(const std::map<std::string, Tally, std::less<>>& tallies) {
  for (const auto& [op, tally] : tallies) {
    int not_said = 0;
    std::string reasons;
    for (const auto& [reason, count] : tally.not_said) {
      not_said += count;
      reasons += fmt::format("{}{}", reasons.empty() ? ": " : "; ", reason);
    }
    fmt::print("{:26} {:3} compared, {:3} wrong, {:3} cannot be said yet{}\n", op, tally.compared, tally.failed,
               not_said, reasons);
  }
}

}  // namespace

TEST_CASE("results of TensorFlow, PyTorch and JAX") {
  std::map<std::string, Tally, std::less<>> tallies;
  for (const std::filesystem::path& file : oracle_files()) {
    const Oracle oracle = read_oracle(file);
    Tally& tally = tallies[oracle.op];
    const auto builder = builders().find(oracle.op);
    if (builder == builders().end()) {
      ++tally.not_said["no such op"];
      continue;
    }
    std::string text;
    try {
      text = compare_engines(oracle, builder->second);
    } catch (const CannotSay& reason) {
      ++tally.not_said[reason.what()];
      continue;
    } catch (const Error& error) {
      text = error.what();
    }
    ++tally.compared;
    if (!text.empty()) ++tally.failed;
    CHECK_MESSAGE(text.empty(), oracle.name, ": ", text);
  }
  tell(tallies);
  CHECK_FALSE(tallies.empty());
  if (std::getenv("SLUICE_ORACLES") != nullptr) return;
  // All of these, among the project's own files, can be expressed.
  for (const std::string_view op : {"array",
                                    "attention",
                                    "attention_masked",
                                    "avg_pool2d",
                                    "batch_norm_evaluate",
                                    "batch_norm_train",
                                    "conv1d",
                                    "conv2d",
                                    "conv2d_groups",
                                    "conv2d_transpose",
                                    "conv2d_transpose_explicit",
                                    "depthwise_conv2d",
                                    "einsum",
                                    "elementwise",
                                    "gan",
                                    "group_norm",
                                    "hessian_vector_conv",
                                    "hessian_vector_mlp",
                                    "layer_norm",
                                    "loss",
                                    "loss_torch",
                                    "lstm_clipped",
                                    "matmul",
                                    "max_pool2d",
                                    "optimizer",
                                    "pinn",
                                    "pool2d_padded",
                                    "recurrent",
                                    "recurrent_masked",
                                    "recurrent_torch",
                                    "rms_norm",
                                    "siamese",
                                    "sparse_cross_entropy",
                                    "tied_autoencoder",
                                    "upsample2d",
                                    "vae"}) {
    const auto found = tallies.find(op);
    CHECK_MESSAGE((found != tallies.end() && found->second.compared > 0 && found->second.not_said.empty()), op);
  }
}

TEST_CASE("a tensor that is missing or just outside the tolerance is reported") {
  Oracle oracle;
  oracle.arrays = {{"out.0", Array({3.F, 4.F}, {2})}, {"in.x", Array({1.F}, {1})}};
  CHECK(difference(oracle, {{"out.0", Array({3.F, 4.F}, {2})}}).empty());
  CHECK(difference(oracle, {{"out.0", Array({3.F, 4.00004F}, {2})}}).empty());
  CHECK_FALSE(difference(oracle, {{"out.0", Array({3.F, 4.00006F}, {2})}}).empty());
  CHECK_FALSE(difference(oracle, {{"out.0", Array({3.F, std::nanf("")}, {2})}}).empty());
  CHECK_FALSE(difference(oracle, {{"out.0", Array({3.F}, {1})}}).empty());
  CHECK_FALSE(difference(oracle, {}).empty());
}

TEST_CASE("an attribute that no builder has read is not ignored") {
  const Attributes attributes(nlohmann::json::parse(R"({"axis": 1, "centered": true, "amsgrad": false})"));
  CHECK(attributes.number("axis") == 1);
  CHECK_THROWS_AS(attributes.check_all_read(), CannotSay);
  CHECK(attributes.flag("centered"));
  CHECK_NOTHROW(attributes.check_all_read());
}

}  // namespace sluice::oracles
