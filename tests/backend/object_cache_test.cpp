#include "backend/object_cache.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "backend/compile.h"
#include "ir/text.h"

namespace sluice::backend {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

struct Folder {
  fs::path path = fs::temp_directory_path() / fmt::format("sluice-object-cache-{}", ::getpid());
  Folder() { fs::remove_all(path); }
  ~Folder() {
    std::error_code ignored;
    fs::permissions(path, fs::perms::owner_all, ignored);
    fs::remove_all(path, ignored);
  }
};

constexpr std::uintmax_t kLarge = 1U << 30U;
const std::string kKey(64, 'a');
const std::vector<ObjectCode> kObjects{{'x', 'y', 'z'}, {}, ObjectCode(1000, 'w')};

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& file, const std::string& content) { std::ofstream(file, std::ios::binary) << content; }

TEST_CASE("what is stored is loaded, under its own key only") {
  const Folder folder;
  const ObjectCache cache(folder.path, kLarge);
  CHECK(!cache.load(kKey));
  cache.store(kKey, kObjects);
  REQUIRE(cache.load(kKey));
  CHECK(*cache.load(kKey) == kObjects);
  const std::string other(64, 'b');
  CHECK(!cache.load(other));
  fs::copy_file(folder.path / kKey, folder.path / other);
  CHECK(!cache.load(other));
}

TEST_CASE("truncated, corrupted and foreign files are no entries, and are replaced") {
  const Folder folder;
  const ObjectCache cache(folder.path, kLarge);
  cache.store(kKey, kObjects);
  const std::string whole = content_of(folder.path / kKey);
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    write(folder.path / kKey, whole.substr(0, size));
    CHECK(!cache.load(kKey));
  }
  for (std::size_t i = 0; i < whole.size(); i += 5) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    write(folder.path / kKey, damaged);
    CHECK(!cache.load(kKey));
  }
  write(folder.path / kKey, "something else");
  CHECK(!cache.load(kKey));
  cache.store(kKey, kObjects);
  CHECK(cache.load(kKey) == kObjects);
}

TEST_CASE("a folder that cannot be written is no error") {
  const Folder folder;
  write(folder.path, "a file where the folder would be");
  const ObjectCache cache(folder.path, kLarge);
  cache.store(kKey, kObjects);
  CHECK(!cache.load(kKey));
}

TEST_CASE("the least recently used entries make room") {
  const Folder folder;
  const ObjectCache cache(folder.path, 3500);
  for (const char letter : {'a', 'b', 'c'}) {
    cache.store(std::string(64, letter), kObjects);
    const auto age = std::chrono::hours('d' - letter);
    fs::last_write_time(folder.path / std::string(64, letter), fs::file_time_type::clock::now() - age);
  }
  CHECK(cache.load(kKey));  // makes it the youngest
  cache.store(std::string(64, 'd'), kObjects);
  CHECK(cache.load(kKey));
  CHECK(!cache.load(std::string(64, 'b')));
  CHECK(cache.load(std::string(64, 'd')));
}

TEST_CASE("neither clearing nor making room touches files that are no entries") {
  const Folder folder;
  const ObjectCache small(folder.path, 1);
  const ObjectCache cache(folder.path, kLarge);
  cache.store(kKey, kObjects);
  for (const std::string& name : {std::string("thesis.txt"), std::string(64, 'x'), std::string(63, 'a'), "0123.tmp"s})
    write(folder.path / name, std::string(5000, '.'));
  write(folder.path / (kKey + ".12.0.tmp"), "half-written");
  SUBCASE("clearing") { cache.clear(); }
  SUBCASE("making room") { small.store(std::string(64, 'd'), kObjects); }
  std::size_t left = 0;
  for (const auto& entry : fs::directory_iterator(folder.path)) left += entry.is_regular_file() ? 1 : 0;
  CHECK(left == 4);
  CHECK(!cache.load(kKey));
}

TEST_CASE("threads that store and load the same entry see it whole or not at all") {
  const Folder folder;
  const ObjectCache cache(folder.path, kLarge);
  std::atomic<int> wrong{0};
  const auto work = [&] {
    for (int i = 0; i < 200; ++i) {
      cache.store(kKey, kObjects);
      const auto loaded = cache.load(kKey);
      if (!loaded || *loaded != kObjects) ++wrong;
    }
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(wrong == 0);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("the key follows from the graph and from the CPU") {
  const auto graph = [](const char* value) {
    return ir::parse(
        fmt::format("sluice-ir 1\ngraph @f() {{\n  %0: f32[] = constant {{value={}}}\n  return %0\n}}", value));
  };
  const Target target = host_target();
  CHECK(object_key(graph("1"), target) == object_key(graph("1"), target));
  CHECK(object_key(graph("1"), target) != object_key(graph("2"), target));
  Target other = target;
  other.features += ",+x";
  CHECK(object_key(graph("1"), target) != object_key(graph("1"), other));
}

TEST_CASE("a program from the cache computes what a new one computes") {
  const Folder folder;
  const ir::Graph graph = ir::parse("sluice-ir 1\ngraph @f(%x: f32[B]) {\n  %0: f32[B] = exp %x\n  return %0\n}");
  const auto value_of = [&](const CompileOptions& options) {
    const auto program = compile(graph, options);
    float x = 2;
    float y = 0;
    std::vector<std::byte*> pointers;
    for (const Buffer& buffer : program->plan().buffers) {
      pointers.push_back(reinterpret_cast<std::byte*>(buffer.kind == BufferKind::kParameter ? &x : &y));
    }
    program->functions()[0](pointers.data(), 1, nullptr, 0, 1);
    return y;
  };
  CompileOptions options;
  options.cache = ObjectCache(folder.path, kLarge);
  const float first = value_of(options);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
  CHECK(value_of(options) == first);
  options.cache.reset();
  CHECK(value_of(options) == first);
}

}  // namespace
}  // namespace sluice::backend
