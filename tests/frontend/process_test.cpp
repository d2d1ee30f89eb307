// fork() and process exit while threads compute or compile: each in its own process, many times.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>

#include "runtime/execution/thread_team.h"
#include "sluice/frontend.h"
#include "tests/support/refusal.h"

using namespace sluice;

namespace {

/// Called by a static destructor, after everything that main() and the test cases have created is gone.
struct AtTheEnd {
  std::function<void()> work;
  ~AtTheEnd() {
    if (work) work();
  }
};
AtTheEnd at_the_end;

/// Runs `work` in a child, which then ends like a program that returns from main(), and returns how that went.
std::string in_child(const std::function<void()>& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      work();
    } catch (...) {
      _exit(9);
    }
    std::exit(0);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return "hangs";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (WIFSIGNALED(status)) return fmt::format("ended by signal {}", WTERMSIG(status));
  return fmt::format("exits with {}", WEXITSTATUS(status));
}

constexpr const char* kGood = "exits with 0";

/// A function with state whose kernels are worth dividing.
struct Model {
  Variable w{"w", Array(std::vector<float>(300 * 300, 0.01F), {300, 300})};
  Function<Tensor, 1> step = function("step", {f32(batch, 300)}, [this](Tensor x) {
    w.assign(w * 0.5F);
    return reduce_sum(tanh(matmul(x, w)));
  });
  Function<Tensor, 1> predict =
      function("predict", {f32(batch, 300)}, [this](Tensor x) { return reduce_sum(tanh(matmul(x, w))); });
  Array input{std::vector<float>(500 * 300, 0.5F), {500, 300}};
};

void expect(bool right) {
  if (!right) _exit(8);
}

/// A function that has never been compiled.
float of_new_function(float number) {
  const auto f = function("new", {f32(batch)}, [](Tensor x) { return x * 2.F + 1.F; });
  return f(std::vector<float>{number}).data<float>()[0];
}

class Background {
 public:
  explicit Background(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          while (!stops_) work();
        }) {}
  ~Background() {
    stops_ = true;
    thread_.join();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

 private:
  std::atomic<bool> stops_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a child computes what its parent does, with any number of threads, and so does its own child") {
  const Model model;
  for (const int threads : {1, 2, 5}) {
    CAPTURE(threads);
    runtime::set_default_threads(threads);
    const Array expected = model.predict(model.input);
    const auto computes = [&] {
      for (int i = 0; i < 3; ++i) expect(model.predict(model.input) == expected);
      expect(runtime::default_team().size() == threads);
      expect(of_new_function(3) == 7);
    };
    for (int i = 0; i < 5; ++i) {
      CHECK(in_child(computes) == kGood);
      CHECK(in_child([&] { expect(in_child(computes) == kGood); }) == kGood);
      CHECK(in_child([&] { runtime::set_default_threads(3); }) == kGood);
      CHECK(in_child([] {}) == kGood);
      CHECK(model.predict(model.input) == expected);
    }
  }
  runtime::set_default_threads(2);
}

TEST_CASE("a child forked while other threads compute finds every lock free") {
  const Model model;
  runtime::set_default_threads(3);
  const Background steps([&] { model.step(model.input); });
  const Background predicts([&] { model.predict(model.input); });
  for (int i = 0; i < 20; ++i) {
    CHECK(in_child([&] {
            model.step(model.input);
            model.predict(model.input);
            model.w.assign(model.w.value());
            expect(of_new_function(3) == 7);
          }) == kGood);
  }
  runtime::set_default_threads(2);
}

TEST_CASE("a child forked while another thread compiles can compile") {
  const Background compiles([&] { of_new_function(1); });
  for (int i = 0; i < 10; ++i) CHECK(in_child([&] { expect(of_new_function(3) == 7); }) == kGood);
}

TEST_CASE("a process may end while its threads compute") {
  const Model model;
  model.predict(model.input);
  model.step(model.input);
  for (int i = 0; i < 50; ++i) {
    CHECK(in_child([&] {
            for (int t = 0; t < 3; ++t) {
              std::thread([&] {
                while (true) model.step(model.input), model.predict(model.input);
              }).detach();
            }
            std::this_thread::sleep_for(std::chrono::microseconds(300 * (i % 10)));
          }) == kGood);
  }
}

TEST_CASE("a process may end while a thread compiles") {
  of_new_function(1);  // a process whose first compilation is interrupted need not end cleanly
  for (int i = 0; i < 10; ++i) {
    CHECK(in_child([&] {
            std::thread([] {
              while (true) of_new_function(1);
            }).detach();
            std::this_thread::sleep_for(std::chrono::milliseconds(3 * i));
          }) == kGood);
  }
}

TEST_CASE("in a static destructor a function may be called, and compiling one is an error") {
  const Model model;
  const Array expected = model.predict(model.input);
  for (const bool busy : {false, true}) {
    CAPTURE(busy);
    for (int i = 0; i < 5; ++i) {
      CHECK(in_child([&] {
              if (busy) {
                std::thread([&] {
                  while (true) model.predict(model.input);
                }).detach();
              }
              at_the_end.work = [&] {
                expect(model.predict(model.input) == expected);
                model.w.assign(model.w.value());
                const std::string message = test::refusal([] { of_new_function(3); });
                expect(message.ends_with("@new: cannot be compiled any more: the process ends"));
              };
            }) == kGood);
    }
  }
}

TEST_CASE("functions that live as long as the process are destroyed with it") {
  CHECK(in_child([] {
          static const Model model;
          static const auto once = function("once", {f32(batch)}, [](Tensor x) { return x + 1.F; });
          model.predict(model.input);
          once(std::vector<float>{1});
        }) == kGood);
}
