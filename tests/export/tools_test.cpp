// `sluice predict`, `evaluate`, `summary` and `run` as a user runs them, on a transparent model: the class of a picture
// of 2 by 2 is its brightest pixel.
#include <sys/stat.h>

#include "sluice/idx.h"
#include "sluice/npy.h"
#include "sluice/picture.h"
#include "sluice/sluice.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

Array picture(std::vector<std::uint8_t> pixels) { return {pixels, {2, 2}}; }

/// A folder with saved models and pictures, in which the program runs.
struct Work : TemporaryFolder {
  Work() {
    const Variable gain("gain/w", Array::scalar(0.1F));
    const auto brightest = [&](const Tensor& images) { return reshape(cast(images, f32), {batch, 4}) * gain; };
    save(ExportModule(u8(batch, 2, 2, 1).named("images"), brightest), path() / "corners");
    save(ExportModule(u8(batch, 2, 2, 1), brightest, {"north west", "north east", "south west", "south east"}),
         path() / "named");
    write("top.png", picture({0, 255, 0, 0}));
    write("left.png", picture({255, 230, 0, 0}));
    Array large(DType::kU8, {40, 40});  // light paper with a dark corner at the lower right
    for (std::size_t i = 0; i < 1600; ++i) large.data<std::uint8_t>()[i] = i / 40 >= 20 && i % 40 >= 20 ? 0 : 255;
    write("scan.png", large);
    write_text(path() / "low.pgm", "P2 2 2 9 0 0 9 0");
    write_idx(path() / "many", Array{std::vector<std::uint8_t>{9, 0, 0, 0, 0, 90, 0, 0, 0, 0, 0, 200}, {3, 2, 2}});
    write_npy(path() / "labels.npy", Array{std::vector<std::uint8_t>{0, 1, 2}, {3}});
  }
  void write(const std::string& name, const Array& pixels) const { file(name, encode_png(pixels)); }
  Outcome run(const std::string& arguments, const std::string& environment = "") const {
    return run_sluice(arguments, fmt::format("cd '{}'; export SLUICE_CACHE_DIR=; {}", path().string(), environment));
  }
};

}  // namespace

TEST_CASE("predict prints the class and shows the picture") {
  const Work work;
  const Outcome one = work.run("predict corners top.png");
  CHECK(one.err == "");
  CHECK(one.status == 0);
  CHECK(one.out ==
        "top.png: 1 with 100.0%\n"
        " =  1  100.0%  ########################\n"
        "    0    0.0%\n"
        "    2    0.0%\n"
        "    3    0.0%\n\n");
  const Outcome some = work.run("predict --no-picture corners top.png left.png low.pgm many");
  CHECK(some.out ==
        "top.png: 1 with 100.0%\nleft.png: 0 with 92.4%\nlow.pgm: 2 with 100.0%\nmany[0]: 0 with 45.1%\n"
        "many[1]: 1 with 100.0%\nmany[2]: 3 with 100.0%\n");
  CHECK(work.run("predict --no-picture corners many --first 1 --count 1").out == "many[1]: 1 with 100.0%\n");
  CHECK(work.run("predict --no-picture named top.png").out == "top.png: north east with 100.0%\n");
  CHECK(work.run("predict --top 2 named left.png").out ==
        "left.png: north west with 92.4%\n"
        "==  north west   92.4%  ######################\n"
        "    north east    7.6%  ##\n\n");
}

TEST_CASE("the graph tools accept a saved model's folder") {
  const Work work;
  for (const char* const command : {"opt --passes=dce", "explain", "show --dot"}) {
    CAPTURE(command);
    const Outcome of_folder = work.run(fmt::format("{} corners", command));
    CHECK(of_folder.status == 0);
    CHECK(of_folder.out.size() > 100);
  }
  CHECK(work.run("opt --passes=dce corners").out == work.run("opt --passes=dce corners/model.ir").out);
}

TEST_CASE("predict scales pictures, swaps dark and light on request, and hints at it") {
  const Work work;
  const Outcome dark = work.run("predict --no-picture corners scan.png");
  CHECK(dark.status == 0);
  CHECK(dark.err ==
        "sluice: scan.png is dark on light; use --invert for a model of light on dark, such as MNIST's digits\n");
  CHECK(dark.out == "scan.png: 0 with 33.3%\n");
  const Outcome light = work.run("predict --no-picture corners scan.png --invert");
  CHECK(light.err == "");
  CHECK(light.out == "scan.png: 3 with 100.0%\n");

  Array chalk(DType::kU8, {40, 40});  // the same with light ink on a dark board
  for (std::size_t i = 0; i < 1600; ++i) chalk.data<std::uint8_t>()[i] = i / 40 >= 20 && i % 40 >= 20 ? 255 : 0;
  work.write("chalk.png", chalk);
  CHECK(work.run("predict --no-picture corners chalk.png").err == "");
  const std::string as_it_is = "sluice: chalk.png is already light on dark; omit --invert\n";
  CHECK(work.run("predict --no-picture corners chalk.png --invert").err == as_it_is);
  CHECK(work.run("predict --no-picture corners chalk.png --invert --center").err == as_it_is);
  work.write("black.png", Array(DType::kU8, {3, 3}));
  for (const char* const options : {"", " --center", " --invert"}) {
    CHECK(work.run(fmt::format("predict --no-picture corners black.png{}", options)).err ==
          "sluice: black.png is blank: all its pixels are the same\n");
  }
}

TEST_CASE("predict rejects what it cannot do before it prints anything") {
  const Work work;
  const auto error = [&](const std::string& arguments) {
    const Outcome outcome = work.run("predict " + arguments);
    CHECK(outcome.status == 1);
    CHECK(outcome.out == "");
    return outcome.err;
  };
  CHECK(error("none top.png") == "sluice: none: expected a folder with a saved model, there is none\n");
  CHECK(error("corners top.png none.png") == "sluice: none.png: cannot be read: No such file or directory\n");
  CHECK(error("corners corners/model.ir") ==
        "sluice: corners/model.ir: expected a picture as png, pgm (P2 or P5), idx or npy file\n");
  CHECK(error("corners many --first 3") == "sluice: many: there is no picture 3, expected one of 3\n");
  const auto sum = function("sum", {f32(batch)}, [](Tensor x) { return reduce_sum(x); });
  write_saved_model(work.path() / "sum", {sum.graph(), {}, {"sum"}});
  CHECK(error("sum top.png") ==
        "sluice: sum: predict needs a classifier made by ExportModule: one input of gray pictures, "
        "u8[B,height,width,1], to \"class\" and \"probabilities\"; this takes f32[B] and gives sum (sluice run "
        "evaluates any model)\n");
}

TEST_CASE("any saved function can be summarized and run") {
  const Work work;
  const Variable w("line/w", Array::scalar(2.F));
  const Variable b("line/b", Array::scalar(1.F));
  save(function("line", {f32(batch).named("x")}, [&](Tensor x) { return w * x + b; }), work.path() / "line", {"y"});
  const Outcome summary = work.run("summary line");
  CHECK(summary.err == "");
  CHECK(summary.out.starts_with(
      "line: @line, written by sluice 0.1.0\ninputs: x f32[B]\noutputs: y f32[B]\n\nlayer  output "));
  CHECK(contains(summary.out, "\nline   f32[B]  "));
  write_npy(work.path() / "x.npy", Array{{1.F, 10.F, -3.F}, {3}});
  const Outcome run = work.run("run line --input x=x.npy");
  CHECK(run.err == "");
  CHECK(run.out == "y = [3, 21, -5] f32[3]\n");
  CHECK(work.run("run line --input x=x.npy --output results").out == "y is f32[3] in results/result-0.npy\n");
  CHECK(contains(work.run("evaluate line --images many --labels labels.npy").err,
                 "sluice: @line: expected a model that takes images and returns \"class\""));
  CHECK(work.run("run .").err ==
        "sluice: .: expected a saved model, whose folder holds manifest.json; there is none\n");
}

TEST_CASE("evaluate compares a model with labels") {
  const Work work;
  const Outcome outcome = work.run("evaluate corners --images many --labels labels.npy --mistakes 5");
  CHECK(outcome.err == "");
  CHECK(outcome.status == 0);
  // -log(0.4505), -log(0.9996), and the third is entirely wrong: 20.
  CHECK(outcome.out ==
        "3 examples\nLoss: 6.933, Accuracy: 0.667\n\n"
        "Digit 2: 0.000  (0 of 1)\nDigit 0: 1.000  (1 of 1)\nDigit 1: 1.000  (1 of 1)\nAll:     0.667  (2 of 3)\n\n"
        "      predicted\ntrue 0 1 2 3\n   0 1 . . .\n   1 . 1 . .\n   2 . . . 1\n   3 . . . .\n\n"
        "example 2: 2 taken for 3 with 100.0% (right one: 0.0%)\n");
  CHECK(contains(work.run("evaluate named --images many --labels labels.npy").out, "south west: 0.000  (0 of 1)\n"));
  const Outcome wrong = work.run("evaluate corners --data .");
  CHECK(wrong.status == 1);
  CHECK(contains(wrong.err, "sluice: .: expected train-images-idx3-ubyte or "));
  CHECK(work.run("evaluate corners --images many").status != 0);
}

TEST_CASE("summary describes a model") {
  const Work work;
  const Outcome outcome = work.run("summary named");
  CHECK(outcome.err == "");
  CHECK(outcome.status == 0);
  CHECK(outcome.out.starts_with(
      "named: @predict, written by sluice 0.1.0\ninputs: images u8[B,2,2,1]\n"
      "outputs: class i64[B], probabilities f32[B,4]\nclasses: north west, north east, south west, south east\n\n"));
  CHECK(contains(outcome.out, "\ngain "));
  CHECK(contains(outcome.out, "\nweights: 4 bytes; the folder: "));
  // Other files there do not matter.
  REQUIRE(mkfifo((work.path() / "named" / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_directory(work.path() / "named" / "more");
  CHECK(work.run("summary named").out == outcome.out);
}
