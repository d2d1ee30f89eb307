#include "runtime/io/atomic_file.h"

#include <doctest/doctest.h>

#include <iterator>
#include <string>

#include "sluice/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

std::string text_of(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

std::ptrdiff_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

}  // namespace

TEST_CASE("a file has its name only once it is complete") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "file";
  {
    AtomicFile file(path);
    file.write("one, ");
    file.write("two");
    CHECK(!std::filesystem::exists(path));
    file.commit();
  }
  CHECK(text_of(path) == "one, two");
  {
    AtomicFile file(path);
    file.write("other");
    CHECK(text_of(path) == "one, two");
  }
  CHECK(text_of(path) == "one, two");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a link is kept, and what it points to is replaced") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "inner");
  const auto real = folder.path() / "inner" / "file";
  const auto link = folder.path() / "link";
  write_file(real, "old");
  std::filesystem::create_symlink("inner/file", link);
  write_file(link, "new");
  CHECK(std::filesystem::is_symlink(link));
  CHECK(text_of(real) == "new");
  CHECK(files_in(folder.path()) == 2);
  CHECK(files_in(folder.path() / "inner") == 1);
}

TEST_CASE("a full disk leaves the old file") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "file";
  folder.file("file", {'o', 'l', 'd'});
  {
    const test::FileSizeLimit limit(1000);
    AtomicFile file(path);
    file.write(std::string(600, 'a'));
    const std::string message = path.string() + ": cannot be written: File too large";
    CHECK_THROWS_WITH_AS(file.write(std::string(600, 'b')), message.c_str(), Error);
  }
  CHECK(text_of(path) == "old");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a missing folder, and the name of a folder") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "none" / "file";
  const std::string message = path.string() + ": cannot be written: No such file or directory";
  CHECK_THROWS_WITH_AS(AtomicFile{path}, message.c_str(), Error);
  std::filesystem::create_directory(folder.path() / "folder");
  const auto taken = folder.path() / "folder";
  CHECK_THROWS_WITH_AS(AtomicFile{taken}, (taken.string() + ": cannot be written: Is a directory").c_str(), Error);
  AtomicFile file(folder.path() / "late");
  std::filesystem::create_directory(folder.path() / "late");
  CHECK_THROWS_AS(file.commit(), Error);
}
