#include "sluice/cli.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "ir/suggest.h"
#include "sluice/error.h"
#include "sluice/printable.h"

namespace sluice::cli {

namespace {

constexpr int kExitUsage = 2;

/// Returns the command of `app` that the user called, or `app`.
const CLI::App& called(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* const command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  return did_you_mean(word, std::vector<std::string_view>(known.begin(), known.end()));
}

/// Returns the message for a word that neither `app` nor the called command accepts.
std::string unknown(const CLI::App& app, const std::string& word) {
  if (!word.starts_with('-')) {
    const std::vector<std::string> commands = commands_of(app);
    if (commands.empty() || !app.get_subcommands().empty()) return fmt::format("unexpected argument '{}'", word);
    return fmt::format("unknown command '{}'{}", word, suggestion(word, commands));
  }
  const std::string name = word.substr(0, word.find('='));
  std::vector<std::string> options;
  for (const CLI::Option* const option : called(app).get_options())
    for (const std::string& known : option->get_lnames()) options.push_back("--" + known);
  return fmt::format("unknown option '{}'{}", name, suggestion(name, options));
}

std::string message(const CLI::App& app, const CLI::ParseError& error) {
  // Among several mistakes, a misspelled word is likely to have caused the others.
  for (const std::string& word : app.remaining(true))
    if (word != "--") return unknown(app, word);
  const std::string what = error.what();
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && &called(app) == &app && !commands_of(app).empty())
    return fmt::format("expected a command: {}", CLI::detail::join(commands_of(app), ", "));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    for (const CLI::Option* const option : called(app).get_options()) {
      const std::string& name = option->get_name();
      if (!what.starts_with(name + ":")) continue;
      return option->count() > 1 ? fmt::format("{}: expected once, got {} times", name, option->count())
                                 : fmt::format("{}: expected a value", name);
    }
  }
  return what;
}

/// Returns the command of `app` that the first word names, or `app`.
const CLI::App& named(const CLI::App& app, int argc, char** argv) {
  for (const CLI::App* const command : app.get_subcommands({}))
    if (argc > 1 && command->get_name() == argv[1]) return *command;
  return app;
}

/// Ends the process with the message of `command` of `app` about words that it does not accept.
[[noreturn]] void refuse(const CLI::App& app, const CLI::App& command, std::string_view what) {
  const std::string name = &command == &app ? app.get_name() : app.get_name() + " " + command.get_name();
  print_to_stderr("{}: {}\n`{} --help` lists its options.\n", app.get_name(), what, name);
  std::exit(kExitUsage);
}

/// CLI11 would take the word after "--name=" as its value.
void check_values(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return;
    if (!word.starts_with("--") || word.find('=') != word.size() - 1) continue;
    refuse(app, named(app, argc, argv),
           printable(fmt::format("{}: expected a value", word.substr(0, word.size() - 1))));
  }
}

}  // namespace

CLI::Validator positive() {
  const auto check = [](const std::string& text) -> std::string {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && read == end && value > 0 && std::isfinite(value)) return "";
    return fmt::format("expected a number above 0, got '{}'", text);
  };
  return {check, ""};
}

void parse(CLI::App& app, int argc, char** argv) {
  check_values(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    std::exit(error.get_exit_code());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      const int status = app.exit(error);  // prints the help
      if (std::cout.flush()) std::exit(status);
      print_to_stderr("{}: standard output cannot be written\n", app.get_name());
      std::exit(1);
    }
    refuse(app, called(app), printable(message(app, error)));
  }
}

}  // namespace sluice::cli
