// perf finds kernels, by name and with the model's lines, in the file that --jitdump writes.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "tests/debug/debugged_program.h"
#include "tests/support/skip.h"

using namespace sluice;

namespace fs = std::filesystem;

namespace {

/// Reads the numbers and names of a dump in order.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  template <typename T>
  T number() {
    T value{};
    const std::string_view bytes = take(sizeof(value));
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }
  std::string name() {
    std::string text(rest_.substr(0, rest_.find('\0')));
    take(text.size() + 1);
    return text;
  }
  std::string_view take(std::size_t count) {
    REQUIRE(count <= rest_.size());
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

 private:
  std::string_view rest_;
};

struct Dumped {
  std::set<std::string> places;  ///< "file:line"
  std::size_t code_bytes = 0;
};

/// Returns the functions of a dump by their names, after checking its form.
std::map<std::string, Dumped> read_dump(const std::string& bytes, std::uint32_t process) {
  Reader reader(bytes);
  CHECK(reader.number<std::uint32_t>() == 0x4A695444);
  CHECK(reader.number<std::uint32_t>() == 1);   // version
  CHECK(reader.number<std::uint32_t>() == 40);  // bytes of the header
  reader.number<std::uint32_t>();
  reader.number<std::uint32_t>();
  CHECK(reader.number<std::uint32_t>() == process);
  reader.take(16);
  std::map<std::string, Dumped> functions;
  std::uint64_t count = 0;
  std::uint64_t lines_at = 0;
  std::set<std::string> places;
  while (!reader.done()) {
    const auto kind = reader.number<std::uint32_t>();
    const auto size = reader.number<std::uint32_t>();
    reader.number<std::uint64_t>();
    REQUIRE(size >= 16);
    Reader record(reader.take(size - 16));
    if (kind == 2) {
      lines_at = record.number<std::uint64_t>();
      for (auto entries = record.number<std::uint64_t>(); entries > 0; --entries) {
        CHECK(record.number<std::uint64_t>() >= lines_at);
        const auto line = record.number<std::uint32_t>();
        record.number<std::uint32_t>();
        places.insert(fmt::format("{}:{}", record.name(), line));
      }
      continue;
    }
    REQUIRE(kind == 0);
    CHECK(record.number<std::uint32_t>() == process);
    record.number<std::uint32_t>();
    const auto address = record.number<std::uint64_t>();
    CHECK(record.number<std::uint64_t>() == address);
    const auto code_bytes = record.number<std::uint64_t>();
    CHECK(record.number<std::uint64_t>() == count++);
    const std::string name = record.name();
    CHECK(record.take(code_bytes).size() == code_bytes);
    CHECK(record.done());
    CHECK((places.empty() || lines_at == address));
    functions[name] = {std::move(places), static_cast<std::size_t>(code_bytes)};
    places.clear();
  }
  return functions;
}

fs::path only_dump(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".dump") return entry.path();
  }
  return {};
}

}  // namespace

TEST_CASE("--jitdump writes all kernels of a process into one file, with the model's lines") {
  const TemporaryFolder folder;
  const fs::path inner = folder.path() / "new" / "dumps";
  const std::string flags = fmt::format("export SLUICE_CACHE_DIR= SLUICE_FLAGS='--jitdump=\"{}\"';", inner.string());
  const test::Outcome outcome = test::run_program(DEBUGGED_PROGRAM, "many", flags);
  CAPTURE(outcome.err);
  REQUIRE(outcome.status == 0);
  const fs::path file = only_dump(inner);
  REQUIRE_FALSE(file.empty());
  const auto process = static_cast<std::uint32_t>(std::stoul(file.stem().string().substr(std::strlen("jit-"))));
  const auto functions = read_dump(test::text_of(file), process);
  for (const char* const name : {"sums.mul_0", "sums.matmul_add_relu_1", "sums.reduce_sum_2", "again.mul_0"}) {
    CAPTURE(name);
    REQUIRE(functions.contains(name));
    CHECK(functions.at(name).code_bytes > 16);
    CHECK_FALSE(functions.at(name).places.empty());
  }
  const std::string layer = fmt::format("debugged_program.cpp:{}", test::line_of("layer"));
  const auto& places = functions.at("sums.mul_0").places;
  CHECK(std::any_of(places.begin(), places.end(), [&](const std::string& place) { return place.ends_with(layer); }));
}

TEST_CASE("a folder for dumps that cannot be written is an error") {
  const test::Outcome outcome =
      test::run_program(DEBUGGED_PROGRAM, "", "export SLUICE_CACHE_DIR= SLUICE_FLAGS=--jitdump=/dev/null/dumps;");
  CHECK(outcome.status != 0);
  CHECK(test::contains(outcome.err, "cannot write /dev/null/dumps/jit-"));
}

TEST_CASE("perf takes the dump") {
  const TemporaryFolder folder;
  const std::string data = (folder.path() / "data").string();
  if (std::system(fmt::format("perf record -k 1 -e cpu-clock -o '{}' true > '{}' 2>&1", data, data + ".log").c_str()) !=
      0)
    return test::skip("perf cannot record here");
  const std::string flags =
      fmt::format("export SLUICE_CACHE_DIR= SLUICE_FLAGS='--jitdump=\"{}\"';", folder.path().string());
  REQUIRE(test::run_program("perf", fmt::format("record -k 1 -e cpu-clock -o '{}' '{}'", data, DEBUGGED_PROGRAM), flags)
              .status == 0);
  const test::Outcome injected = test::run_program("perf", fmt::format("inject -j -i '{0}' -o '{0}.jit'", data));
  CAPTURE(injected.err);
  CHECK(injected.status == 0);
  std::size_t made = 0;  // a file for each function
  for (const auto& entry : fs::directory_iterator(folder.path())) made += entry.path().extension() == ".so" ? 1U : 0U;
  CHECK(made >= 3);
}
