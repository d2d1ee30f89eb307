// mnist_cnn learns to read digits and saves a model that the command serves. Its options and its run are those of
// mnist_trainer, whose tests cover the rest.
#include <regex>

#include "sluice/loaded_model.h"
#include "tests/examples/guide_run.h"
#include "tests/examples/learning_data.h"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("mnist_cnn learns to read digits in one epoch, and the command serves the model") {
  for (const std::filesystem::path& data : learning_data()) {
    INFO(data.string());
    const TemporaryFolder folder;
    const auto model = folder.path() / "digits";
    const std::string out =
        output_of(fmt::format("--data '{}' --epochs 1 --batch 64 --save '{}'", data.string(), model.string()));
    CHECK(std::regex_match(out, std::regex("Epoch: 0\nTraining loss: \\S+, Training accuracy: \\S+\n"
                                           "Validation loss: \\S+, Validation accuracy: \\S+\n"
                                           "Test accuracy: \\S+\n")));
    const double accuracy = number_at(out, "Test accuracy: (\\S+)\n");
    CHECK(accuracy > 0.88);  // 0.92 and more; a last layer on filters that learn nothing reaches 0.83

    const Outcome summary = run_program(SLUICE_COMMAND, fmt::format("summary '{}'", model.string()));
    CHECK(contains(summary.out, "34,826"));
    const Outcome evaluated =
        run_program(SLUICE_COMMAND, fmt::format("evaluate '{}' --data '{}'", model.string(), data.string()));
    CHECK(contains(evaluated.out, fmt::format("Accuracy: {:.3f}\n", accuracy)));
    const Dataset test = read_mnist(data).test;
    const Predictions predictions = load(model).predict(test.input());
    const Outcome predicted = run_program(SLUICE_COMMAND, fmt::format("predict '{}' '{}' --count 10 --no-picture",
                                                                      model.string(), (data / kTestImages).string()));
    for (std::size_t i = 0; i < 10; ++i)
      CHECK(contains(predicted.out, fmt::format("[{}]: {} with ", i, predictions.classes.data<std::int64_t>()[i])));
  }
}

TEST_CASE("mnist_cnn: the same seed gives the same weights, bit for bit, for any number of threads") {
  const TemporaryFolder folder;
  const auto data = folder.path() / "digits";
  write_mnist(data, synthetic_digits(1, 0, 10000 + 3 * 128 + 80), synthetic_digits(1, 60000, 100));
  const auto hash = [&](const std::string& arguments) {
    return output_of(fmt::format("--data '{}' --epochs 1 --quiet --hash {}", data.string(), arguments));
  };
  const std::string first = hash("--seed 3 --threads 1");
  CHECK(contains(first, "Weights hash: "));
  CHECK(hash("--seed 3 --threads 2") == first);
  CHECK(hash("--seed 4 --threads 1") != first);

  const auto page = folder.path() / "report.html";
  CHECK(hash(fmt::format("--seed 3 --report '{}'", page.string())) == first);
  for (const char* const title :
       {"Keras's simple convnet", "Confusion matrix", "Filters of the first convolution", "34,826"})
    CHECK_MESSAGE(contains(text_of(page), title), title);
}

TEST_CASE("mnist_cnn reports before training what it cannot do") {
  check_refuses_unknown_option();
  for (const char* const wrong :
       {"--data /no/such/folder", "--save /dev/null/digits", "--report /dev/null/page.html"}) {
    const Outcome outcome = run_program(SLUICE_PROGRAM, fmt::format("--epochs 1000 {}", wrong));
    CHECK(outcome.status == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("mnist_cnn: "));
    CHECK(contains(outcome.err, std::string(wrong).substr(std::string(wrong).find('/'))));
  }
}
