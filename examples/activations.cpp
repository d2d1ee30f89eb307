// The plots of activation functions in TensorFlow's guide "Multilayer perceptrons for digit recognition with Core
// APIs": compiled functions on evenly spaced numbers, in the terminal and, with an argument, as a page for a browser.
#include <fmt/format.h>
#include <sluice/report.h>
#include <sluice/sluice.h>

#include <cstdio>
#include <cstdlib>

#include "example_main.h"
#include "terminal_plot.h"

using namespace sluice;

namespace {

report::Lines relu_and_slope() {
  // One function for both: the slope is the gradient of the sum, because each result depends only on its own x.
  const auto evaluate = function("relu", [](Tensor x) {
    const Tensor y = relu(x);
    return outputs(y, gradients(reduce_sum(y), {x})[0]);
  });
  const Array x = linspace(-2, 2, 201);
  const auto [y, slope] = evaluate(x);
  return {"x", "ReLU(x)", numbers(x), {{"ReLU(x)", numbers(y)}, {"its slope", numbers(slope)}}};
}

report::Lines softmax_of_all() {
  const auto evaluate = function("softmax", [](Tensor x) { return softmax(x); });
  const Array x = linspace(-4, 4, 201);
  return {"x", "Softmax(x)", numbers(x), {{"Softmax(x)", numbers(evaluate(x))}}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
    print_to_stderr("usage: activations [PAGE.html]\n");
    return EXIT_FAILURE;
  }
  return example_main("activations", [&] {
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
  });
}
