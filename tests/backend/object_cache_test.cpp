#include "backend/object_cache.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <thread>

#include "backend/compile.h"
#include "sluice/ir/text.h"

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

TEST_CASE("stored objects are loaded, under their own key only") {
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

TEST_CASE("truncated, corrupted and foreign files are not entries, and are replaced") {
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

TEST_CASE("an unwritable folder is not an error") {
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
  CHECK(cache.load(kKey));  // makes it the most recently used
  cache.store(std::string(64, 'd'), kObjects);
  CHECK(cache.load(kKey));
  CHECK(!cache.load(std::string(64, 'b')));
  CHECK(cache.load(std::string(64, 'd')));
}

TEST_CASE("neither clearing nor making room touches files that are not entries") {
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

TEST_CASE("the key depends on the graph, the CPU and the plan's options") {
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
  other = target;
  other.second_cache_bytes *= 2;
  CHECK(object_key(graph("1"), target) != object_key(graph("1"), other));
  CHECK(object_key(graph("1"), target, {.skip_zeros = true}) != object_key(graph("1"), target, {.skip_zeros = false}));
}

/// Compiles exp with `cache` and calls it.
float exp_of_two(const std::optional<ObjectCache>& cache) {
  const ir::Graph graph = ir::parse("sluice-ir 1\ngraph @f(%x: f32[B]) {\n  %0: f32[B] = exp %x\n  return %0\n}");
  CompileOptions options;
  options.cache = cache;
  const auto program = compile(graph, options);
  float x = 2;
  float y = 0;
  const std::array<std::byte*, 2> arguments{reinterpret_cast<std::byte*>(&x), reinterpret_cast<std::byte*>(&y)};
  const std::int64_t batch_size = 1;
  program->functions()[0](arguments.data(), &batch_size, nullptr, 0, 1);
  return y;
}

TEST_CASE("a cached program computes the same as a new one") {
  const Folder folder;
  const ObjectCache cache(folder.path, kLarge);
  const float first = exp_of_two(cache);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
  CHECK(exp_of_two(cache) == first);
  CHECK(exp_of_two(std::nullopt) == first);
}

TEST_CASE("objects that LLVM rejects are compiled again, whatever their hash says, and replaced") {
  const Folder folder;
  const ObjectCache cache(folder.path, kLarge);
  const float right = exp_of_two(cache);
  const std::string key = fs::directory_iterator(folder.path)->path().filename().string();
  const std::vector<ObjectCode> good = *cache.load(key);
  ObjectCode cut = good[0];
  cut.resize(cut.size() / 2);
  ObjectCode other_machine = good[0];
  other_machine[18] = 8;  // ELF's e_machine: MIPS
  const std::vector<std::vector<ObjectCode>> bad{
      {}, {{}}, {ObjectCode(1000, 'x')}, {cut}, {cut, cut}, {other_machine, other_machine}, {good[0], good[0]}};
  for (const std::vector<ObjectCode>& objects : bad) {
    cache.store(key, objects);
    REQUIRE(cache.load(key) == objects);
    CHECK(exp_of_two(cache) == right);
    CHECK(cache.load(key) == good);
  }
}

TEST_CASE("anything but a file in the place of an entry is neither waited for nor followed, and is replaced") {
  const Folder folder;
  const ObjectCache cache(folder.path, kLarge);
  cache.store(kKey, kObjects);
  const fs::path entry = folder.path / kKey;
  const std::string whole = content_of(entry);
  const auto is_replaced = [&] {
    CHECK(!cache.load(kKey));
    cache.store(kKey, kObjects);
    CHECK(cache.load(kKey) == kObjects);
  };
  fs::remove(entry);
  SUBCASE("a pipe") {
    REQUIRE(::mkfifo(entry.c_str(), 0600) == 0);
    is_replaced();
  }
  SUBCASE("a link to a device without end") {
    fs::create_symlink("/dev/zero", entry);
    is_replaced();
  }
  SUBCASE("a link to a good entry") {
    write(folder.path / "elsewhere", whole);
    fs::create_symlink(folder.path / "elsewhere", entry);
    is_replaced();
    CHECK(content_of(folder.path / "elsewhere") == whole);
  }
  SUBCASE("a file that is larger than all entries may be") {
    write(entry, "");
    fs::resize_file(entry, std::uintmax_t{1} << 40U);  // sparse
    is_replaced();
  }
  SUBCASE("a folder") {
    fs::create_directory(entry);
    CHECK(!cache.load(kKey));
    cache.store(kKey, kObjects);
    CHECK(!cache.load(kKey));
    CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
  }
}

TEST_CASE("files that others may write to are not used") {
  const Folder folder;
  fs::path given = folder.path;
  SUBCASE("") {}
  SUBCASE("with a slash at the end") { given /= ""; }
  const ObjectCache cache(given, kLarge);
  const mode_t before = ::umask(0);
  cache.store(kKey, kObjects);
  ::umask(before);
  CHECK(fs::status(folder.path).permissions() == fs::perms::owner_all);
  CHECK(fs::status(folder.path / kKey).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  for (const fs::perms others : {fs::perms::group_write, fs::perms::others_write}) {
    fs::permissions(folder.path, fs::perms::owner_all | others);
    CHECK(!cache.load(kKey));
    const std::string second(64, 'b');
    cache.store(second, kObjects);
    CHECK(!fs::exists(folder.path / second));
    fs::permissions(folder.path, fs::perms::owner_all);
    CHECK(cache.load(kKey) == kObjects);
    fs::permissions(folder.path / kKey, fs::perms::owner_read | fs::perms::owner_write | others);
    CHECK(!cache.load(kKey));
    fs::permissions(folder.path / kKey, fs::perms::owner_read | fs::perms::owner_write);
    CHECK(cache.load(kKey) == kObjects);
  }
  if (::geteuid() == 0) {  // only root can create files that belong to others
    REQUIRE(::chown(folder.path.c_str(), 65534, static_cast<gid_t>(-1)) == 0);
    CHECK(!cache.load(kKey));
    REQUIRE(::chown(folder.path.c_str(), 0, static_cast<gid_t>(-1)) == 0);
    REQUIRE(::chown((folder.path / kKey).c_str(), 65534, static_cast<gid_t>(-1)) == 0);
    CHECK(!cache.load(kKey));
  }
}

}  // namespace
}  // namespace sluice::backend
