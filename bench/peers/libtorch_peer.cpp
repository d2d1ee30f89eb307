// A perceptron in PyTorch's C++ library, eager: PyTorch without Python. A contestant of bench_compare, as
// process_peer.h describes.
#include <fmt/format.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peers/process_peer.h"
#include "sluice/mnist.h"

namespace {

using namespace sluice;

torch::nn::Sequential make_model(const std::string& sizes) {
  torch::nn::Sequential model;
  std::istringstream stream(sizes);
  std::string word;
  std::getline(stream, word, '-');
  for (std::int64_t in = std::stol(word); std::getline(stream, word, '-');) {
    if (!model->is_empty()) model->push_back(torch::nn::ReLU());
    const std::int64_t out = std::stol(word);
    torch::nn::Linear layer(in, out);
    const torch::NoGradGuard no_gradient;
    torch::nn::init::xavier_uniform_(layer->weight);
    layer->bias.zero_();
    model->push_back(layer);
    in = out;
  }
  return model;
}

/// A training set as PyTorch tensors: numbers from 0 to 1 and labels.
struct Data {
  explicit Data(const Dataset& dataset) {
    const Array& pixels = dataset.input();
    images = torch::from_blob(const_cast<std::byte*>(pixels.bytes()), {dataset.size(), 28 * 28}, torch::kUInt8)
                 .to(torch::kFloat32) /
             255;
    labels = torch::from_blob(const_cast<std::byte*>(dataset.target().bytes()), {dataset.size()}, torch::kUInt8)
                 .to(torch::kInt64);
  }
  torch::Tensor images;
  torch::Tensor labels;
};

std::function<double()> make_inference(torch::nn::Sequential model, const Data& data, std::int64_t batch_size) {
  return [=, images = data.images.slice(0, 0, batch_size)]() mutable {
    const torch::InferenceMode mode;
    model->forward(images);
    return 0.0;
  };
}

std::function<double()> make_training(torch::nn::Sequential model, const Data& data, std::int64_t batch_size) {
  const auto adam =
      std::make_shared<torch::optim::Adam>(model->parameters(), torch::optim::AdamOptions(1e-3).eps(1e-7));
  const torch::Tensor order = torch::randperm(data.images.size(0));
  return [=, at = std::int64_t{0}]() mutable {
    if (at + batch_size > order.size(0)) at = 0;
    const torch::Tensor rows = order.slice(0, at, at + batch_size);
    at += batch_size;
    const torch::Tensor loss = torch::nn::functional::cross_entropy(model->forward(data.images.index_select(0, rows)),
                                                                    data.labels.index_select(0, rows));
    adam->zero_grad();
    loss.backward();
    adam->step();
    return loss.item<double>();
  };
}

void run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 5) fail("expected KIND SIZES BATCH THREADS DATA");
  const std::int64_t batch_size = std::stol(arguments[2]);
  torch::set_num_threads(std::stoi(arguments[3]));
  torch::manual_seed(0);
  at::globalContext().setFlushDenormal(true);
  const Data data(read_mnist(arguments[4]).train);
  const torch::nn::Sequential model = make_model(arguments[1]);
  bench::serve_turns(bench::local_contestant("libtorch", arguments[0] == "train"
                                                             ? make_training(model, data, batch_size)
                                                             : make_inference(model, data, batch_size)));
}

/// The underlying BLAS starts one thread per core when it is loaded, whatever it is told later: restarts the program
/// with the number in the environment.
void begin_with_threads(const char* threads, char** argv) {
  constexpr const char* kName = "OPENBLAS_NUM_THREADS";
  const char* const now = std::getenv(kName);
  if (now != nullptr && std::string_view(now) == threads) return;
  setenv(kName, threads, 1);
  setenv("OMP_NUM_THREADS", threads, 1);
  execv("/proc/self/exe", argv);
  fail("cannot begin anew with {}={}", kName, threads);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 6) begin_with_threads(argv[4], argv);
    run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_libtorch: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
