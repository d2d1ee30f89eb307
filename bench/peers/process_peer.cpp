#include "bench/peers/process_peer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <memory>

#include "sluice/error.h"

extern char** environ;  // NOLINT: POSIX calls it so

namespace sluice::bench {

namespace {

/// A child process that answers each line with a line.
class Child {
 public:
  Child(std::string name, const std::vector<std::string>& command) : name_(std::move(name)) {
    std::signal(SIGPIPE, SIG_IGN);  // if it ends early, answer() reports it
    int to_child[2];
    int from_child[2];
    if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0) {
      fail("{}: cannot make a pipe", name_);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int error = posix_spawnp(&process_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to_child[0]);
    close(from_child[1]);
    in_ = fdopen(to_child[1], "w");
    out_ = fdopen(from_child[0], "r");
    if (error != 0) fail("{}: cannot be started", name_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    std::fclose(in_);  // which makes it exit
    std::fclose(out_);
    if (process_ > 0) waitpid(process_, nullptr, 0);
  }

  std::string ask(const std::string& line) {
    fmt::print(in_, "{}\n", line);
    std::fflush(in_);
    return answer();
  }

  std::string answer() {
    std::string line;
    for (int c = std::fgetc(out_); c != '\n'; c = std::fgetc(out_)) {
      if (c == EOF) fail("{}: ended early", name_);
      line += static_cast<char>(c);
    }
    return line;
  }

 private:
  std::string name_;
  pid_t process_ = -1;
  std::FILE* in_ = nullptr;
  std::FILE* out_ = nullptr;
};

}  // namespace

Contestant process_contestant(const std::string& name, const std::string& command,
                              const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"sh", "-c", fmt::format("exec {} \"$@\"", command), name};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto child = std::make_shared<Child>(name, words);
  const std::string ready = child->answer();
  if (ready != "ready") fail("{}: expected \"ready\", got \"{}\"", name, ready);
  return {name, [child](int calls, int repeats) {
            const auto reply = nlohmann::json::parse(child->ask(fmt::format("{} {}", calls, repeats)));
            return Turn{reply.at("seconds"), reply.at("value")};
          }};
}

void serve_turns(const Contestant& contestant) {
  fmt::print("ready\n");
  std::fflush(stdout);
  int calls = 0;
  int repeats = 0;
  while (std::cin >> calls >> repeats) {
    const Turn turn = contestant.turn(calls, repeats);
    fmt::print("{}\n", nlohmann::json{{"seconds", turn.seconds}, {"value", turn.value}}.dump());
    std::fflush(stdout);
  }
}

}  // namespace sluice::bench
