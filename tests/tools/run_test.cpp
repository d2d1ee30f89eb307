// `sluice run` as a user runs it.
#include <regex>

#include "sluice/npy.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kDense = R"(sluice-ir 1
graph @dense(%x: f32[B,2], %labels: i64[B] {range=[3,5)})
    state(%w: f32[2,2] "layer/w", %count: i64[] "count" {range=[7,8)}) {
  %0: f32[B,2] = matmul %x, %w
  %1: i64[] = constant {value=1}
  %2: i64[] = add %count, %1
  update %count = %2
  return %0, %labels
}
)";

/// A folder with kDense and arrays for it.
struct Work : TemporaryFolder {
  std::filesystem::path graph = write_text(path() / "dense.ir", kDense);

  Work() {
    write_npy(path() / "x.npy", Array{{1.F, 2.F, 3.F, 4.F, 5.F, 6.F}, {3, 2}});
    write_npy(path() / "w.npy", Array{{1.F, 10.F, 100.F, 1000.F}, {2, 2}});
    write_npy(path() / "f64.npy", Array{{1., 2.}, {1, 2}});
    write_npy(path() / "labels.npy", Array{{std::int64_t{3}, std::int64_t{4}}, {2}});
  }
  /// Runs in the folder, so that files can be named without it.
  Outcome run(const std::string& options, const std::string& environment = "") const {
    return run_sluice("run dense.ir " + options, fmt::format("cd '{}'; {}", path().string(), environment));
  }
};

}  // namespace

TEST_CASE("run takes inputs and states from files, and B with them") {
  const Work work;
  for (const char* const engine : {"jit", "reference"}) {
    const Outcome outcome = work.run(fmt::format("--input x=x.npy --state w=w.npy --output out --engine {}", engine));
    INFO(outcome.err);
    CHECK(outcome.status == 0);
    CHECK(contains(outcome.out, "result 0 is f32[3,2] in out/result-0.npy\n"));
    CHECK(read_npy(work.path() / "out" / "result-0.npy") ==
          Array{{201.F, 2010.F, 403.F, 4030.F, 605.F, 6050.F}, {3, 2}});
    CHECK(read_npy(work.path() / "out" / "count.npy") == Array::scalar(std::int64_t{8}));
    const Array labels = read_npy(work.path() / "out" / "result-1.npy");
    CHECK(labels.sizes() == std::vector<std::int64_t>{3});
    for (const std::int64_t label : labels.data<std::int64_t>()) CHECK((label == 3 || label == 4));
    CHECK_FALSE(std::filesystem::exists(work.path() / "out" / "w.npy"));  // it was not updated
  }
}

TEST_CASE("run prints results, the same for the same seed, and new states") {
  const Work work;
  const Outcome first = work.run("--batch 2");
  CHECK(first.status == 0);
  CHECK(contains(first.out, "result 0 = [["));
  CHECK(contains(first.out, "%count = 8"));
  CHECK(work.run("--batch 2").out == first.out);
  CHECK(work.run("--batch 2 --threads 3").out == first.out);
  CHECK(work.run("--batch 2 --random 2").out != first.out);
  CHECK(contains(work.run("--state w=w.npy --input x=x.npy").out, "201"));
  const Outcome last =
      run_sluice("run --state w=w.npy --input x=x.npy dense.ir", fmt::format("cd '{}';", work.path().string()));
  CHECK(contains(last.out, "201"));
}

TEST_CASE("run --repeat prints the time of a call") {
  const Work work;
  const Outcome outcome = work.run("--batch 100 --repeat 4");
  INFO(outcome.out);
  CHECK(contains(outcome.out, "%count = 8"));  // results are those of the first call
  // 2 * 100 * 2 * 2 in the product, one in the counter
  CHECK(std::regex_search(outcome.out, std::regex("4 calls: min [0-9.]+ ms, median [0-9.]+ ms, [0-9.]+ GFLOP/s at the "
                                                  "min \\(0\\.001 MFLOP\\)\n$")));
}

TEST_CASE("run obeys the environment") {
  const Work work;
  const Outcome outcome =
      work.run("", "SLUICE_LOG=pass,jit SLUICE_FLAGS='--dump-dir=dumps --time-passes --check-passes'");
  INFO(outcome.err);
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.err, "sluice: pass: dense: fuse: "));
  CHECK(contains(outcome.err, "sluice: time: dense: code "));
  // The product, the counter, and a copy of the labels, which are also a result.
  CHECK(contains(outcome.err, "sluice: jit: dense: 3 kernels, "));
  CHECK(std::filesystem::exists(work.path() / "dumps" / "07-dense-assembly.s"));
  CHECK(work.run("", "SLUICE_LOG=jti").err == "sluice: SLUICE_LOG: there is no topic 'jti'; did you mean 'jit'?\n");
  CHECK(work.run("--threads 2", "SLUICE_NUM_THREADS=none").status == 0);
  CHECK(work.run("", "SLUICE_NUM_THREADS=none").err ==
        "sluice: SLUICE_NUM_THREADS: expected a number from 1 to 1024, got \"none\"\n");
}

TEST_CASE("run reports what is wrong with an array") {
  const Work work;
  struct Wrong {
    const char* options;
    const char* message;
  };
  for (const Wrong& wrong : {
           Wrong{"--input y=x.npy", "--input: the graph has no input 'y'"},
           {"--input label=labels.npy", "--input: the graph has no input 'label'; did you mean 'labels'?"},
           {"--state x=x.npy", "--state: the graph has no state 'x'"},
           {"--input x", "--input: expected NAME=FILE.npy, got 'x'"},
           {"--input x=x.npy --input x=x.npy", "--input: 'x' is given twice"},
           {"--input x=none.npy", "none.npy: cannot be read: No such file or directory"},
           {"--input x=dense.ir", "dense.ir: expected a npy file, which starts with \"\\x93NUMPY\""},
           {"--input x=f64.npy", "--input x: f64.npy is f64[1,2], expected f32[B,2] with B = 1"},
           {"--input x=x.npy --batch 4", "--input x: x.npy is f32[3,2], expected f32[B,2] with B = 4"},
           {"--input x=x.npy --input labels=labels.npy",
            "--input labels: labels.npy is i64[2], expected i64[B] with B = 3"},
           {"--state w=x.npy", "--state w: x.npy is f32[3,2], expected f32[2,2]"},
       }) {
    const Outcome outcome = work.run(wrong.options);
    INFO(wrong.options);
    CHECK(outcome.status == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == fmt::format("sluice: {}\n", wrong.message));
  }
  CHECK(work.run("--batch 0").status != 0);
  CHECK(work.run("--engine gpu").status != 0);
}
