#include "runtime/execution/flags.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "ir/suggest.h"
#include "sluice/error.h"

namespace sluice::runtime {

namespace {

struct Flag {
  std::string_view name;
  std::string_view value;  ///< the text after "=", for messages; empty: the flag takes no value
  void (*set)(Flags&, std::string_view value);
};

void set_trace_steps(Flags& flags, std::string_view value) {
  constexpr int kMost = 1000;
  const char* const end = value.data() + value.size();
  const auto first = std::from_chars(value.data(), end, flags.trace_first);
  const bool both = first.ec == std::errc{} && first.ptr != end && *first.ptr == '-';
  const auto last = std::from_chars(both ? first.ptr + 1 : end, end, flags.trace_last);
  const bool good = both && last.ec == std::errc{} && last.ptr == end;
  if (good && 1 <= flags.trace_first && flags.trace_first <= flags.trace_last &&
      flags.trace_last - flags.trace_first < kMost)
    return;
  fail("--trace-steps: expected FIRST-LAST, at most {} steps counted from 1, got '{}'", kMost, value);
}

constexpr Flag kFlags[] = {
    {"--dump-dir", "DIR", [](Flags& flags, std::string_view value) { flags.dump_dir = value; }},
    {"--time-passes", "", [](Flags& flags, std::string_view) { flags.time_passes = true; }},
    {"--check-passes", "", [](Flags& flags, std::string_view) { flags.check_passes = true; }},
    {"--check-numerics", "", [](Flags& flags, std::string_view) { flags.check_numerics = true; }},
    {"--trace", "FILE", [](Flags& flags, std::string_view value) { flags.trace = value; }},
    {"--trace-steps", "FIRST-LAST", set_trace_steps},
    {"--no-object-cache", "", [](Flags& flags, std::string_view) { flags.object_cache = false; }},
    {"--clear-object-cache", "", [](Flags& flags, std::string_view) { flags.clear_object_cache = true; }},
    {"--keep-zeros", "", [](Flags& flags, std::string_view) { flags.skip_zeros = false; }},
    {"--share-all-kernels", "", [](Flags& flags, std::string_view) { flags.share_all_kernels = true; }},
    {"--debug-info", "", [](Flags& flags, std::string_view) { flags.debug_info = true; }},
    {"--jitdump", "DIR", [](Flags& flags, std::string_view value) { flags.jit_dump = value; }},
    {"--no-crash-reports", "", [](Flags& flags, std::string_view) { flags.crash_reports = false; }},
    {"--target-features", "LIST", [](Flags& flags, std::string_view value) { flags.target_features = value; }},
};

struct Topic {
  std::string_view name;
  bool Flags::*flag;
};

constexpr Topic kTopics[] = {
    {"trace", &Flags::log_trace},
    {"pass", &Flags::log_pass},
    {"jit", &Flags::log_jit},
};

struct Variable {
  std::string_view name;
};

/// All environment variables that may start with SLUICE_, and where they are read.
constexpr Variable kVariables[] = {
    {"SLUICE_CACHE_DIR"},      // backend/object_cache.cpp
    {"SLUICE_DATA_DIR"},       // mnist.cpp and scripts
    {"SLUICE_FLAGS"},          // below
    {"SLUICE_LOG"},            // below
    {"SLUICE_MNIST_MIRRORS"},  // scripts/get-mnist
    {"SLUICE_NUM_THREADS"},    // thread_team.cpp
    {"SLUICE_ORACLES"},        // tests/oracles
    {"SLUICE_ROOT"},           // find_package(Sluice) of CMake 3.27 and later
    {"SLUICE_TEST_ENGINE"},    // tests/frontend and tests/train
    {"SLUICE_UPDATE_TESTS"},   // tests/passes and tests/examples
};

template <typename Row, std::size_t kRows>
std::vector<std::string_view> names_of(const Row (&rows)[kRows]) {
  std::vector<std::string_view> names;
  for (const Row& row : rows) names.push_back(row.name);
  return names;
}

template <typename Row, std::size_t kRows>
const Row& find(const Row (&rows)[kRows], std::string_view name, std::string_view source, std::string_view kind) {
  for (const Row& row : rows) {
    if (row.name == name) return row;
  }
  fail("{}: there is no {} '{}'{}", source, kind, name, did_you_mean(name, names_of(rows)));
}

/// Returns the words between spaces, without their quotes.
std::vector<std::string> words_of(std::string_view text, std::string_view source) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    const bool is_space = c == ' ' || c == '\t' || c == '\n';
    if (quote == 0 && is_space) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) fail("{}: a {} is not closed: {}", source, quote, text);
  return words;
}

/// Warns once about each variable that nothing reads.
void check_environment() {
  static std::mutex mutex;
  static auto* const told = new std::set<std::string>;  // never destroyed: static destructors may create executables
  for (const std::string& warning : unknown_variables()) {
    const std::scoped_lock lock(mutex);
    if (told->insert(warning).second) std::fputs(("sluice: warning: " + warning + "\n").c_str(), stderr);
  }
}

struct Given {
  std::mutex mutex;
  std::filesystem::path dump_dir;
  std::filesystem::path trace;
};

Given& given() {
  static auto* const instance = new Given;  // never destroyed: static destructors may create executables
  return *instance;
}

}  // namespace

void parse_flags(std::string_view words, std::string_view source, Flags& flags) {
  for (const std::string& given_word : words_of(words, source)) {
    const std::string_view word = given_word;
    const std::size_t equals = word.find('=');
    const Flag& flag = find(kFlags, word.substr(0, equals), source, "flag");
    const bool has_value = equals != std::string_view::npos;
    if (!has_value && !flag.value.empty()) fail("{}: expected {}={}, got '{}'", source, flag.name, flag.value, word);
    if (has_value && flag.value.empty()) fail("{}: {} takes no value, got '{}'", source, flag.name, word);
    const std::string_view value = has_value ? word.substr(equals + 1) : std::string_view{};
    if (has_value && value.empty()) fail("{}: expected {}={}, got '{}'", source, flag.name, flag.value, word);
    try {
      flag.set(flags, value);
    } catch (const Error& error) {
      fail("{}: {}", source, error.message());
    }
  }
}

void parse_log(std::string_view topics, std::string_view source, Flags& flags) {
  while (true) {
    topics.remove_prefix(std::min(topics.find_first_not_of(", "), topics.size()));
    if (topics.empty()) return;
    const std::string_view topic = topics.substr(0, topics.find_first_of(", "));
    flags.*find(kTopics, topic, source, "topic").flag = true;
    topics.remove_prefix(topic.size());
  }
}

std::vector<std::string> unknown_variables() {
  const std::vector<std::string_view> known = names_of(kVariables);
  std::vector<std::string> warnings;
  for (const char* const* variable = environ; *variable != nullptr; ++variable) {
    const std::string_view name = std::string_view(*variable).substr(0, std::string_view(*variable).find('='));
    if (!name.starts_with("SLUICE_") || std::ranges::find(known, name) != known.end()) continue;
    warnings.push_back(fmt::format("environment: nothing reads the variable '{}'{}", name, did_you_mean(name, known)));
  }
  return warnings;
}

Flags flags() {
  check_environment();
  Flags flags;
  if (const char* const words = std::getenv("SLUICE_FLAGS")) parse_flags(words, "SLUICE_FLAGS", flags);
  if (const char* const topics = std::getenv("SLUICE_LOG")) parse_log(topics, "SLUICE_LOG", flags);
  const std::scoped_lock lock(given().mutex);
  if (!given().dump_dir.empty()) flags.dump_dir = given().dump_dir;
  if (!given().trace.empty()) flags.trace = given().trace;
  return flags;
}

void set_dump_dir(std::filesystem::path folder) {
  const std::scoped_lock lock(given().mutex);
  given().dump_dir = std::move(folder);
}

void set_trace(std::filesystem::path file) {
  const std::scoped_lock lock(given().mutex);
  given().trace = std::move(file);
}

}  // namespace sluice::runtime
