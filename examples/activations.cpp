// The plots of activation functions in TensorFlow's guide "Multilayer perceptrons for digit recognition with Core
// APIs": compiled functions over evenly spaced numbers, in the terminal and, with an argument, as a page to open in a
// browser.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "frontend/sluice.h"
#include "runtime/plot.h"
#include "runtime/report.h"
#include "runtime/terminal.h"

using namespace sluice;

namespace {

/// `count` numbers from `begin` to `end`, both included.
std::vector<float> linspace(float begin, float end, int count) {
  std::vector<float> x;
  for (int i = 0; i < count; ++i)
    x.push_back(begin + (end - begin) * static_cast<float>(i) / static_cast<float>(count - 1));
  return x;
}

report::Series series(const std::string& name, const Array& values) {
  const auto elements = values.data<float>();
  return {name, {elements.begin(), elements.end()}};
}

report::Lines relu_and_slope() {
  // One function for both: the slope is the gradient of the sum, since each result depends on its own x alone.
  const auto evaluate = function("relu", [](Tensor x) {
    const Tensor y = relu(x);
    return outputs(y, gradients(reduce_sum(y), {x})[0]);
  });
  const std::vector<float> x = linspace(-2, 2, 201);
  const auto [y, slope] = evaluate(x);
  return {"x", "ReLU(x)", {x.begin(), x.end()}, {series("ReLU(x)", y), series("its slope", slope)}};
}

report::Lines softmax_of_all() {
  const auto evaluate = function("softmax", [](Tensor x) { return softmax(x); });
  const std::vector<float> x = linspace(-4, 4, 201);
  return {"x", "Softmax(x)", {x.begin(), x.end()}, {series("Softmax(x)", evaluate(x))}};
}

void plot(const std::string& title, const report::Lines& lines) {
  constexpr int kRows = 18;
  fmt::print("{}\n{}\n", title,
             plot_text(lines, columns_of_terminal(STDOUT_FILENO), kRows, style_of_terminal(STDOUT_FILENO)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
    fmt::print(stderr, "usage: activations [PAGE.html]\n");
    return EXIT_FAILURE;
  }
  try {
    const report::Lines relu_lines = relu_and_slope();
    const report::Lines softmax_lines = softmax_of_all();
    plot("ReLU activation function", relu_lines);
    plot("Softmax activation function", softmax_lines);
    if (argc == 2) {
      report::Page page("Activation functions", "compiled functions over 201 numbers");
      page.add({"ReLU activation function", "max(x, 0), and its derivative", relu_lines});
      page.add({"Softmax activation function", "each number's share of the sum of all exp(x)", softmax_lines});
      page.write(argv[1]);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "activations: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
