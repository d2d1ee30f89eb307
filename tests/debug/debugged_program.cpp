// A program to debug and to crash: a model with a layer of its own, in a few lines.
#include <sluice/frontend.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

using namespace sluice;

namespace {

struct Twice {
  Tensor operator()(const Tensor& x) const { return x * 2; }  // line: layer
};

/// An array whose elements are in memory that nobody may read.
Array unreadable(std::int64_t rows) {
  constexpr std::size_t kBytes = 1U << 20U;
  void* const memory = mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return Array::borrow(f32, {rows, 4}, {memory, [](void* pages) { munmap(pages, kBytes); }});
}

void exit_with_three(int /*signal*/) { std::_Exit(3); }

}  // namespace

int main(int count, char** words) {
  const std::string_view mode = count > 1 ? words[1] : "";
  if (mode == "handled") std::signal(SIGSEGV, exit_with_three);
  MLP layers(Twice(), Dense(3, relu));
  const auto sums = function("sums", {f32(batch, 4)}, [&](const Tensor& x) {
    const Tensor y = layers(x);         // line: model
    return outputs(reduce_sum(y, {1}),  // line: sum
                   y);
  });
  const Array good(f32, {mode == "few" ? 3 : 64, 4});
  sums(good);  // line: call
  if (mode == "raise") std::raise(SIGSEGV);
  if (mode == "crash" || mode == "handled") sums(unreadable(64));
  if (mode == "many") {
    const auto again = function("again", {f32(batch, 4)}, [&](const Tensor& x) { return tanh(layers(x)); });
    again(good);
  }
  return 0;
}
