#include "runtime/execution/flags.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>

#include "sluice/error.h"
#include "tests/support/refusal.h"

using namespace sluice;
using runtime::Flags;

namespace {

std::string message_of(void (*parse)(std::string_view, std::string_view, Flags&), std::string_view text) {
  Flags flags;
  return test::refusal([&] { parse(text, "here", flags); });
}

}  // namespace

TEST_CASE("flags are words with or without a value") {
  Flags flags;
  runtime::parse_flags("  --dump-dir=a/b=c \t --time-passes\n", "here", flags);
  CHECK(flags.dump_dir == "a/b=c");
  CHECK(flags.time_passes);
  CHECK_FALSE(flags.check_passes);
  CHECK_FALSE(flags.check_numerics);
  runtime::parse_flags("--check-numerics", "here", flags);
  CHECK(flags.check_numerics);
  CHECK(flags.trace.empty());
  CHECK(flags.trace_first == 2);
  CHECK(flags.trace_last == 6);
  runtime::parse_flags("--trace=a.json --trace-steps=10-12", "here", flags);
  CHECK(flags.trace == "a.json");
  CHECK(flags.trace_first == 10);
  CHECK(flags.trace_last == 12);
  CHECK(flags.time_passes);
  CHECK(flags.object_cache);
  runtime::parse_flags("--no-object-cache --clear-object-cache --target-features=+avx2,+fma", "here", flags);
  CHECK_FALSE(flags.object_cache);
  CHECK(flags.skip_zeros);
  CHECK_FALSE(flags.share_all_kernels);
  runtime::parse_flags("--keep-zeros --share-all-kernels", "here", flags);
  CHECK(flags.share_all_kernels);
  CHECK_FALSE(flags.skip_zeros);
  CHECK(flags.clear_object_cache);
  CHECK(flags.target_features == "+avx2,+fma");
  CHECK_FALSE(flags.debug_info);
  CHECK(flags.jit_dump.empty());
  CHECK(flags.crash_reports);
  runtime::parse_flags("--debug-info --jitdump=dumps --no-crash-reports", "here", flags);
  CHECK(flags.debug_info);
  CHECK(flags.jit_dump == "dumps");
  CHECK_FALSE(flags.crash_reports);
  runtime::parse_log("trace,jit", "here", flags);
  CHECK(flags.log_trace);
  CHECK(flags.log_jit);
  CHECK_FALSE(flags.log_pass);
}

TEST_CASE("quotes keep spaces in a value") {
  const auto folder_of = [](std::string_view text) {
    Flags flags;
    runtime::parse_flags(text, "here", flags);
    CHECK(flags.time_passes);
    return flags.dump_dir;
  };
  CHECK(folder_of("--dump-dir=\"my graphs\" --time-passes") == "my graphs");
  CHECK(folder_of("--time-passes '--dump-dir=it is \"here\"'") == "it is \"here\"");
  CHECK(folder_of("--dump-dir=\"it's\"/' 'x --time-passes") == "it's/ x");
  CHECK(message_of(runtime::parse_flags, "--dump-dir='my graphs") == "here: a ' is not closed: --dump-dir='my graphs");
  CHECK(message_of(runtime::parse_flags, "''") == "here: there is no flag ''");
}

TEST_CASE("an unknown flag or topic is an error that suggests the nearest") {
  CHECK(message_of(runtime::parse_flags, "--check-pass") ==
        "here: there is no flag '--check-pass'; did you mean '--check-passes'?");
  CHECK(message_of(runtime::parse_flags, "dump-dir=x") ==
        "here: there is no flag 'dump-dir'; did you mean '--dump-dir'?");
  CHECK(message_of(runtime::parse_flags, "--dump-dir") == "here: expected --dump-dir=DIR, got '--dump-dir'");
  CHECK(message_of(runtime::parse_flags, "--dump-dir=") == "here: expected --dump-dir=DIR, got '--dump-dir='");
  CHECK(message_of(runtime::parse_flags, "--time-passes=1") ==
        "here: --time-passes takes no value, got '--time-passes=1'");
  for (const char* const steps : {"3", "3-", "-3", "0-3", "3-2", "3-x", "2-1002", "3-99999999999"}) {
    CHECK(message_of(runtime::parse_flags, fmt::format("--trace-steps={}", steps)) ==
          fmt::format("here: --trace-steps: expected FIRST-LAST, at most 1000 steps counted from 1, got '{}'", steps));
  }
  CHECK(message_of(runtime::parse_log, "traces") == "here: there is no topic 'traces'; did you mean 'trace'?");
}

TEST_CASE("an environment variable that nothing reads is a warning that suggests the nearest") {
  const auto warnings_with = [](const char* name) {
    setenv(name, "2", 1);
    const std::vector<std::string> warnings = runtime::unknown_variables();
    runtime::flags();  // accepts it
    unsetenv(name);
    return warnings;
  };
  const auto suggests = [](const char* wrong, const char* right) {
    return std::vector{fmt::format("environment: nothing reads the variable '{}'; did you mean '{}'?", wrong, right)};
  };
  CHECK(warnings_with("SLUICE_FLAG") == suggests("SLUICE_FLAG", "SLUICE_FLAGS"));
  CHECK(warnings_with("SLUICE_LOGS") == suggests("SLUICE_LOGS", "SLUICE_LOG"));
  CHECK(warnings_with("SLUICE_NUM_THREAD") == suggests("SLUICE_NUM_THREAD", "SLUICE_NUM_THREADS"));
  CHECK(warnings_with("SLUICE_CACHE") == suggests("SLUICE_CACHE", "SLUICE_CACHE_DIR"));
  CHECK(warnings_with("SLUICE_DATA") == suggests("SLUICE_DATA", "SLUICE_DATA_DIR"));
  CHECK(warnings_with("SLUICE_WITH_NOTHING_NEAR") ==
        std::vector<std::string>{"environment: nothing reads the variable 'SLUICE_WITH_NOTHING_NEAR'"});
  for (const char* const known :
       {"SLUICE_NUM_THREADS", "SLUICE_CACHE_DIR", "SLUICE_DATA_DIR", "SLUICE_MNIST_MIRRORS", "SLUICE_ORACLES",
        "SLUICE_TEST_ENGINE", "SLUICE_UPDATE_TESTS", "SLUICE_ROOT", "MY_SLUICE_FLAG"}) {
    if (std::getenv(known) == nullptr) CHECK(warnings_with(known).empty());
  }
}

TEST_CASE("the environment is read again, and the program's options override it") {
  setenv("SLUICE_FLAGS", "--dump-dir=outside --check-passes", 1);
  setenv("SLUICE_LOG", "pass", 1);
  CHECK(runtime::flags().dump_dir == "outside");
  CHECK(runtime::flags().check_passes);
  CHECK(runtime::flags().log_pass);
  runtime::set_dump_dir("inside");
  CHECK(runtime::flags().dump_dir == "inside");
  runtime::set_dump_dir({});
  CHECK(runtime::flags().dump_dir == "outside");
  runtime::set_trace("steps.json");
  CHECK(runtime::flags().trace == "steps.json");
  runtime::set_trace({});
  CHECK(runtime::flags().trace.empty());
  unsetenv("SLUICE_FLAGS");
  unsetenv("SLUICE_LOG");
  CHECK(runtime::flags().dump_dir.empty());
  CHECK_FALSE(runtime::flags().log_pass);
}
