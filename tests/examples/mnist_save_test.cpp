// --save of mnist_mlp and mnist_trainer writes the model that they have trained.
#include "sluice/loaded_model.h"
#include "sluice/mnist.h"
#include "tests/examples/run_example.h"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("--save writes the trained model, and other programs use it") {
  const TemporaryFolder folder;
  const std::string model = (folder.path() / "digits").string();
  const Outcome outcome = train(fmt::format("--epochs 2 --quiet --save '{}'", model));
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  const std::string accuracy = outcome.out.substr(std::string_view("Test accuracy: ").size(), 5);
  CHECK(std::stod(accuracy) > 0.5);

  const std::string data = small_data().string();
  const Outcome evaluated = run_program(SLUICE_COMMAND, fmt::format("evaluate '{}' --data '{}'", model, data));
  CHECK(evaluated.err == "");
  CHECK(contains(evaluated.out, "100 examples\n"));
  CHECK(contains(evaluated.out, "Accuracy: " + accuracy + "\n"));

  const Dataset test = read_mnist(data).test;
  const Predictions predictions = load(model).predict(test.input());
  const Outcome predicted = run_program(SLUICE_COMMAND, fmt::format("predict '{}' '{}' --count 100 --no-picture", model,
                                                                    (small_data() / kTestImages).string()));
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(contains(predicted.out, fmt::format("[{}]: {} with ", i, predictions.classes.data<std::int64_t>()[i])));

  const Outcome summary = run_program(SLUICE_COMMAND, fmt::format("summary '{}'", model));
  CHECK(contains(summary.out, "inputs: images u8[B,28,28,1]\n"));
  CHECK(contains(summary.out, "905,010"));
}

TEST_CASE("--save to an unwritable place fails before training") {
  const Outcome outcome = train("--epochs 1000 --save /dev/null/digits");
  CHECK(outcome.status == 1);
  CHECK(contains(outcome.err, "/dev/null/digits: cannot be written: "));
}
