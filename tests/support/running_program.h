#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace sluice::test {

/// A running program: its output on stdout, and signals to it.
class RunningProgram {
 public:
  /// Starts the program at the path words[0] with all words as its arguments.
  explicit RunningProgram(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    out_ = ends[0];
    process_ = fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(ends[1]);
  }
  ~RunningProgram() { close(out_); }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  /// Waits until `count` more bytes have arrived, or all.
  void await_bytes(std::size_t count) {
    char byte = 0;
    for (; count > 0 && read(out_, &byte, 1) == 1; --count) text_ += byte;
  }
  /// Waits until it has written `words`, or all.
  void await(const std::string& words) {
    for (std::size_t before = std::string::npos; !text_.ends_with(words) && before != text_.size();) {
      before = text_.size();
      await_bytes(1);
    }
  }
  void send(int signal) const { kill(process_, signal); }
  /// Waits for it to exit and returns the status of waitpid.
  int wait() {
    await_bytes(std::string::npos);
    int status = 0;
    REQUIRE(waitpid(process_, &status, 0) == process_);
    return status;
  }
  /// Returns the output so far.
  const std::string& text() const { return text_; }

 private:
  pid_t process_;
  int out_;
  std::string text_;
};

}  // namespace sluice::test
