#pragma once

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "backend/aot/c/sluice_memory.h"
#include "backend/aot/c/sluice_threads.h"
#include "backend/aot/c/sluice_weights.h"
#include "sluice/export_object.h"
#include "tests/support/run_program.h"

namespace sluice::test {

/// Runs the C compiler and requires that it says nothing.
inline void cc(const std::string& arguments) {
  const Outcome outcome = run_program("cc", arguments);
  INFO(arguments, "\n", outcome.err);
  REQUIRE(outcome.status == 0);
  REQUIRE(outcome.err.empty());
}

/// An exported function, linked by `cc` and loaded into this process.
class Exported {
 public:
  Exported(const AnyFunction& function, ObjectOptions options, const std::string& name = "f") : name_(name) {
    options.prefix = name;
    export_object(function, folder_.path() / name, options);
    const std::string base = (folder_.path() / name).string();
    cc(fmt::format("-shared -o '{}.so' '{}.o' -lm", base, base));
    library_ = dlopen((base + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) FAIL(dlerror());
    variables_ = {0, symbol<decltype(variables_.describe)>("describe"), symbol<decltype(variables_.get)>("get"),
                  symbol<decltype(variables_.set)>("set")};
    sluice_variable description;
    while (variables_.describe(variables_.count, &description) == SLUICE_OK) ++variables_.count;
  }
  ~Exported() { dlclose(library_); }
  Exported(const Exported&) = delete;
  Exported& operator=(const Exported&) = delete;

  /// Returns the function PREFIX_name.
  template <typename F>
  F symbol(const std::string& name) const {
    void* const address = dlsym(library_, fmt::format("{}_{}", name_, name).c_str());
    REQUIRE(address != nullptr);
    return reinterpret_cast<F>(address);
  }
  std::string path(const std::string& extension) const { return (folder_.path() / (name_ + extension)).string(); }
  const std::filesystem::path& folder() const { return folder_.path(); }
  sluice_variables variables() const { return variables_; }

  template <typename... Sizes>
  std::int64_t memory_bytes(int threads, Sizes... sizes) const {
    return symbol<std::int64_t (*)(Sizes..., std::int32_t)>("memory_bytes")(sizes..., threads);
  }

 private:
  TemporaryFolder folder_;
  std::string name_;
  void* library_ = nullptr;
  sluice_variables variables_{};
};

/// A context in memory of its own, with the weights that the export wrote.
template <typename... Sizes>
class Context {
 public:
  Context(const Exported& exported, const sluice_team* team, Sizes... largest) : exported_(exported) {
    const std::int64_t bytes = exported.memory_bytes(team == nullptr ? 1 : team->threads, largest...);
    REQUIRE(bytes > 0);
    memory_ = allocate(bytes);
    std::memset(memory_.get(), 0xa5, static_cast<std::size_t>(bytes));
    const auto init =
        exported.symbol<int (*)(sluice_context*, void*, std::int64_t, Sizes..., const sluice_team*)>("init");
    REQUIRE(init(&context, memory_.get(), bytes, largest..., team) == SLUICE_OK);
    if (std::filesystem::exists(exported.path(".safetensors")))
      REQUIRE(sluice_load_weights(exported.path(".safetensors").c_str(), &context, exported.variables()) == SLUICE_OK);
  }
  ~Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Calls run with sizes as int64_t and arrays as pointers.
  template <typename... Arguments>
  int run(Arguments... arguments) {
    return exported_.symbol<int (*)(sluice_context*, Arguments...)>("run")(&context, arguments...);
  }

  /// Returns a variable's value.
  Array get(int variable) {
    sluice_variable description;
    REQUIRE(exported_.variables().describe(variable, &description) == SLUICE_OK);
    Array value(static_cast<DType>(description.dtype), {description.sizes, description.sizes + description.rank});
    REQUIRE(exported_.variables().get(&context, variable, value.bytes(), description.bytes) == SLUICE_OK);
    return value;
  }

  sluice_context context{};

 private:
  using Memory = std::unique_ptr<std::byte, void (*)(void*)>;

  /// Returns memory as programs have it, or, where that is of no matter for speed, without slack for a sanitizer to
  /// miss.
  static Memory allocate(std::int64_t bytes) {
    constexpr std::int64_t kLarge = 1 << 21;
    if (bytes >= kLarge) return {static_cast<std::byte*>(sluice_memory_new(bytes)), sluice_memory_delete};
    const auto size = static_cast<std::size_t>((bytes + 63) / 64 * 64);
    return {static_cast<std::byte*>(std::aligned_alloc(64, size)), std::free};
  }

  const Exported& exported_;
  Memory memory_{nullptr, std::free};
};
template <typename... Sizes>
Context(const Exported&, const sluice_team*, Sizes...) -> Context<Sizes...>;

/// Threads for contexts, as a C program makes them.
class Threads {
 public:
  explicit Threads(int count) : threads_(sluice_threads_start(count)) {
    REQUIRE(threads_ != nullptr);
    team_ = sluice_threads_team(threads_);
  }
  ~Threads() { sluice_threads_stop(threads_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  const sluice_team* team() const { return &team_; }

 private:
  sluice_threads* threads_;
  sluice_team team_{};
};

}  // namespace sluice::test
