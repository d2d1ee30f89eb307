// The CPU that code is generated for: features that imply others, and features unknown to LLVM.
#include "backend/target.h"

#include <doctest/doctest.h>

#include "tests/support/refusal.h"

using namespace sluice;
using backend::host_target;
using backend::Target;

#if defined(__x86_64__)
TEST_CASE("a feature brings those that it implies") {
  CHECK(host_target("+sse2").vector_bytes == 16);
  CHECK(host_target("+avx").vector_bytes == 32);
  CHECK_FALSE(host_target("+avx").fma);
  CHECK(host_target("+avx2").vector_bytes == 32);
  CHECK(host_target("+fma").vector_bytes == 32);
  CHECK(host_target("+fma").fma);
  CHECK(host_target("+avx2,+fma").fma);
  const Target wide = host_target("+avx512bw");
  CHECK(wide.vector_bytes == 64);
  CHECK(wide.vector_registers == 32);
  CHECK(wide.fma);
  // The last word wins, and features that depend on it follow.
  CHECK(host_target("+avx2,-avx2").vector_bytes == 32);
  CHECK(host_target("+avx2,-avx").vector_bytes == 16);
  CHECK(host_target("+avx512f,-avx512f").vector_registers == 16);
}

TEST_CASE("unknown features are an error that suggests the nearest") {
  const auto message = [](const char* features) { return test::refusal([&] { host_target(features); }); };
  CHECK(message("+avx2,+fma") == "accepted");
  CHECK(message("+avx5") == "target features: this CPU's architecture has no 'avx5'; did you mean 'avx'?");
  CHECK(message("+avx2,+fmaa") == "target features: this CPU's architecture has no 'fmaa'; did you mean 'fma'?");
  CHECK(message("avx2") == "target features: expected +avx2 or -avx2, got 'avx2'");
  CHECK(message("+no-such-thing-at-all") == "target features: this CPU's architecture has no 'no-such-thing-at-all'");
  CHECK(message("+avx2,,+fma") == "target features: this CPU's architecture has no ''");
  CHECK(message("+neon") != "accepted");
}
#endif

TEST_CASE("the host's own features are accepted") {
  const Target host = host_target();
  CHECK(host.vector_bytes >= 16);
  CHECK(host_target(host.features).vector_bytes == host.vector_bytes);
}
