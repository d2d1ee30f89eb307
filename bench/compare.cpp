// Compares training steps, inference and single products of Sluice and its peers, in one process, taking turns. Prints
// a line of JSON for each case.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/contest.h"
#include "bench/keeping_zeros.h"
#include "bench/peak.h"
#include "bench/peers/peer.h"
#include "bench/peers/process_peer.h"
#include "bench/products.h"
#include "bench/sluice_mlp.h"
#include "bench/tasks.h"
#include "sluice/cli.h"
#include "sluice/mnist.h"

namespace {

using namespace sluice;
using bench::Contestant;

struct Options {
  int threads = runtime::hardware_threads();
  bench::ContestOptions contest;
  std::optional<std::filesystem::path> data;
  std::vector<std::string> only;
  std::vector<std::string> processes;
  std::vector<std::string> cases;
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("Times Sluice and its peers, in turns.", "bench_compare");
  app.add_option("--threads", options.threads, "Threads of each contestant")
      ->check(cli::count())
      ->capture_default_str();
  app.add_option("--rounds", options.contest.rounds, "How often each has its turn")
      ->check(cli::count())
      ->capture_default_str();
  app.add_option("--turn-seconds", options.contest.turn_seconds, "How long a turn is, about")
      ->check(cli::positive())
      ->capture_default_str();
  app.add_option("--data", options.data, "Folder with the four MNIST files, plain or .gz");
  app.add_option("--only", options.only, "These contestants only: sluice, sluice_all, eigen, onednn, ...")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--process", options.processes, "A peer that is a process: NAME=COMMAND, for the shell")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app.add_option(
         "CASE", options.cases,
         "KIND:SIZES:BATCH. KIND: train or infer, of a perceptron with those SIZES (784-700-500-10); forward, "
         "weight_gradient or input_gradient, of one dense layer (784-700); batched_forward, batched_gradients or "
         "batched_all, of BATCH products m-k-n (64-64-64); or a kind of bench/tasks.h")
      ->required();
  cli::parse(app, argc, argv);
  return options;
}

struct Case {
  std::string kind;
  std::vector<int> sizes;
  int batch;
};

constexpr std::array<std::pair<std::string_view, bench::ProductKind>, 3> kProducts = {{
    {"forward", bench::ProductKind::kForward},
    {"weight_gradient", bench::ProductKind::kWeightGradient},
    {"input_gradient", bench::ProductKind::kInputGradient},
}};

constexpr std::array<std::pair<std::string_view, bench::BatchedKind>, 3> kBatched = {{
    {"batched_forward", bench::BatchedKind::kForward},
    {"batched_gradients", bench::BatchedKind::kGradients},
    {"batched_all", bench::BatchedKind::kAll},
}};

template <typename Kinds>
auto find_kind(const Kinds& kinds, std::string_view kind) -> decltype(&kinds[0].second) {
  const auto found = std::ranges::find(kinds, kind, [](const auto& row) { return row.first; });
  return found == kinds.end() ? nullptr : &found->second;
}

Case parse_case(const std::string& text) {
  constexpr int kPixels = 784;
  constexpr int kClasses = 10;
  const std::vector<std::string> parts = CLI::detail::split(text, ':');
  if (parts.size() != 3) fail("{}: expected KIND:SIZES:BATCH", text);
  Case result{parts[0], {}, 0};
  const auto number = [&](const std::string& digits) {
    int value = 0;
    if (!CLI::detail::lexical_cast(digits, value) || value < 1) fail("{}: expected a number, got \"{}\"", text, digits);
    return value;
  };
  for (const std::string& size : CLI::detail::split(parts[1], '-')) result.sizes.push_back(number(size));
  result.batch = number(parts[2]);
  if (find_kind(kProducts, result.kind) != nullptr) {
    if (result.sizes.size() != 2) fail("{}: expected two sizes", text);
    return result;
  }
  if (find_kind(kBatched, result.kind) != nullptr) {
    if (result.sizes.size() != 3) fail("{}: expected three sizes", text);
    return result;
  }
  if (const bench::TaskKind* const task = bench::find_task(result.kind)) {
    const auto count = static_cast<std::size_t>(std::ranges::count(task->sizes, '-') + 1);
    if (result.sizes.size() != count) fail("{}: expected sizes {}", text, task->sizes);
    return result;
  }
  if (result.kind != "train" && result.kind != "infer") fail("{}: there is no kind \"{}\"", text, result.kind);
  if (result.sizes.size() < 2 || result.sizes.front() != kPixels || result.sizes.back() != kClasses) {
    fail("{}: expected sizes from {} to {}", text, kPixels, kClasses);
  }
  return result;
}

/// Lists of row numbers, one batch each, cycling through a shuffled data set.
class Rows {
 public:
  Rows(std::vector<std::uint32_t> order, int batch)
      : order_(std::move(order)), batch_(static_cast<std::size_t>(batch)) {}
  std::span<const std::uint32_t> next() {
    if (at_ + batch_ > order_.size()) at_ = 0;
    at_ += batch_;
    return std::span(order_).subspan(at_ - batch_, batch_);
  }

 private:
  std::vector<std::uint32_t> order_;
  std::size_t batch_;
  std::size_t at_ = 0;
};

/// The training images, also as floats, which the peers train on.
struct Data {
  explicit Data(const std::optional<std::filesystem::path>& folder)
      : mnist(load_mnist(folder)), shuffled(mnist.train.shuffled(1)) {
    for (const std::uint8_t pixel : mnist.train.input().data<std::uint8_t>()) {
      images.push_back(static_cast<float>(pixel) / 255);
    }
  }
  Mnist mnist;
  ShuffledDataset shuffled;
  std::vector<float> images;
};

/// Returns the operations of a perceptron's products: forward and weight gradients of all layers, input gradients of
/// all but the first.
double operations_of(const Case& c) {
  double weights = 0;
  for (std::size_t l = 1; l < c.sizes.size(); ++l) weights += 1.0 * c.sizes[l - 1] * c.sizes[l];
  const double first = 1.0 * c.sizes[0] * c.sizes[1];
  return 2.0 * c.batch * (c.kind == "train" ? 3 * weights - first : weights);
}

class Comparison {
 public:
  explicit Comparison(Options options) : options_(std::move(options)) {
    for (const bench::Peer& peer : bench::all_peers()) {
      if (wanted(peer.name)) peers_.push_back(peer);
    }
  }

  nlohmann::ordered_json run(const std::string& text) {
    const Case c = parse_case(text);
    nlohmann::ordered_json report = {{"case", text}, {"threads", options_.threads}};
    if (const bench::ProductKind* const kind = find_kind(kProducts, c.kind)) {
      report.update(run_product(c, *kind));
    } else if (const bench::BatchedKind* const batched = find_kind(kBatched, c.kind)) {
      report.update(run_batched(c, *batched));
    } else if (const bench::TaskKind* const task = bench::find_task(c.kind)) {
      report.update(run_task(c, *task));
    } else if (c.kind == "train") {
      report.update(run_training(c));
    } else {
      report.update(run_inference(c));
    }
    return report;
  }

 private:
  bool wanted(const std::string& name) const {
    return options_.only.empty() || std::ranges::find(options_.only, name) != options_.only.end();
  }

  Data& data() {
    if (!data_) data_.emplace(options_.data);
    return *data_;
  }

  nlohmann::ordered_json contest(const std::vector<Contestant>& contestants, double operations) const {
    if (contestants.empty()) fail("bench_compare: this build has none of the contestants");
    bench::ContestOptions contest = options_.contest;
    contest.operations = operations;
    return bench::run_contest(contestants, contest, runtime::default_team());
  }

  bench::MlpOptions mlp_options(const Case& c) {
    return {c.sizes, options_.threads, c.batch, data().images.data(),
            data().mnist.train.target().data<std::uint8_t>().data()};
  }

  void add_processes(const Case& c, const std::string& folder, std::vector<Contestant>& contestants) {
    for (const std::string& process : options_.processes) {
      const std::size_t equals = process.find('=');
      if (equals == std::string::npos) fail("--process {}: expected NAME=COMMAND", process);
      const std::string name = process.substr(0, equals);
      if (!wanted(name)) continue;
      std::vector<std::string> arguments({c.kind, fmt::format("{}", fmt::join(c.sizes, "-")), std::to_string(c.batch),
                                          std::to_string(options_.threads), folder});
      contestants.push_back(bench::process_contestant(name, process.substr(equals + 1), arguments));
    }
  }

  nlohmann::ordered_json run_training(const Case& c) {
    std::vector<Contestant> contestants;
    std::unique_ptr<bench::SluiceTraining> ours;
    std::unique_ptr<bench::SluiceTraining> all;
    const auto make = [&] { return std::make_unique<bench::SluiceTraining>(c.sizes, data().shuffled, c.batch); };
    if (wanted("sluice")) {
      ours = make();
      contestants.push_back(bench::local_contestant("sluice", [&] { return ours->step(); }));
    }
    if (wanted("sluice_all")) {
      all = bench::keeping_zeros(make);
      contestants.push_back(bench::local_contestant("sluice_all", [&] { return all->step(); }));
    }
    for (const bench::Peer& peer : peers_) {
      if (peer.make_mlp == nullptr) continue;
      contestants.push_back(bench::local_contestant(
          peer.name, [mlp = std::shared_ptr<bench::PeerMlp>(peer.make_mlp(mlp_options(c))),
                      rows = Rows(data().shuffled.order(), c.batch)]() mutable { return mlp->step(rows.next()); }));
    }
    add_processes(c, data().mnist.source, contestants);
    nlohmann::ordered_json report = contest(contestants, operations_of(c));
    if (ours != nullptr) report["compile"] = ours->compile_seconds();
    report["synthetic"] = data().mnist.synthetic;
    return report;
  }

  nlohmann::ordered_json run_inference(const Case& c) {
    std::vector<Contestant> contestants;
    const Array images(std::span<const float>(data().images).first(static_cast<std::size_t>(c.batch * c.sizes.front())),
                       {c.batch, c.sizes.front()});
    const auto contestant = [&](const char* name) {
      auto infer = function("infer", {f32(batch, c.sizes.front())},
                            [model = bench::Perceptron(c.sizes)](Tensor x) mutable { return model(x); });
      infer(images);  // compiles
      return bench::local_contestant(name, [infer, images] {
        infer(images);
        return 0.0;
      });
    };
    if (wanted("sluice")) contestants.push_back(contestant("sluice"));
    if (wanted("sluice_all")) contestants.push_back(bench::keeping_zeros([&] { return contestant("sluice_all"); }));
    for (const bench::Peer& peer : peers_) {
      if (peer.make_mlp == nullptr) continue;
      contestants.push_back(bench::local_contestant(
          peer.name, [mlp = std::shared_ptr<bench::PeerMlp>(peer.make_mlp(mlp_options(c))), count = c.batch] {
            mlp->infer(count);
            return 0.0;
          }));
    }
    add_processes(c, data().mnist.source, contestants);
    return contest(contestants, operations_of(c));
  }

  nlohmann::ordered_json run_product(const Case& c, bench::ProductKind kind) {
    const bench::Product product(kind, c.batch, c.sizes[0], c.sizes[1]);
    std::vector<Contestant> contestants;
    if (wanted("sluice")) {
      contestants.push_back(bench::local_contestant("sluice", [run = product.sluice()] {
        run();
        return 0.0;
      }));
    }
    std::vector<Array> results(peers_.size());
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      std::shared_ptr<bench::PeerProduct> made =
          peers_[i].make_product(product.peer_options(options_.threads, results[i]));
      if (made == nullptr) continue;
      contestants.push_back(bench::local_contestant(peers_[i].name, [made] {
        made->run();
        return 0.0;
      }));
    }
    return contest(contestants, product.operations());
  }

  nlohmann::ordered_json run_batched(const Case& c, bench::BatchedKind kind) {
    std::vector<Contestant> contestants;
    if (wanted("sluice")) {
      contestants.push_back(bench::local_contestant(
          "sluice", [run = bench::batched_products(kind, c.batch, c.sizes[0], c.sizes[1], c.sizes[2])] {
            run();
            return 0.0;
          }));
    }
    add_processes(c, "", contestants);
    const double one = 2.0 * c.batch * c.sizes[0] * c.sizes[1] * c.sizes[2];
    const int products = kind == bench::BatchedKind::kForward ? 1 : kind == bench::BatchedKind::kGradients ? 2 : 3;
    return contest(contestants, one * products);
  }

  nlohmann::ordered_json run_task(const Case& c, const bench::TaskKind& kind) {
    std::vector<Contestant> contestants;
    const bench::Task task = kind.make(c.sizes, c.batch);
    if (wanted("sluice")) contestants.push_back(bench::local_contestant("sluice", task.work));
    add_processes(c, "", contestants);
    return contest(contestants, task.operations);
  }

  Options options_;
  std::vector<bench::Peer> peers_;
  std::optional<Data> data_;
};

void run(const Options& options) {
  runtime::set_default_threads(options.threads);
  Comparison comparison(options);
  for (const std::string& text : options.cases) {
    fmt::print("{}\n", comparison.run(text).dump());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  setenv("SLUICE_CACHE_DIR", "", 1);  // compilation is timed too, so no machine code may come from disk
  try {
    run(parse(argc, argv));
  } catch (const Error& error) {
    fmt::print(stderr, "bench_compare: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
