#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/support/temporary_folder.h"

namespace sluice::test {

/// Returns the program `chromium`, under whatever name; empty if there is none.
std::filesystem::path find_chromium();

/// A page in a headless browser, driven by mouse and keyboard events. Failures throw std::runtime_error.
/// https://chromedevtools.github.io/devtools-protocol/
class Browser {
 public:
  Browser(const std::filesystem::path& program, int width, int height);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  /// Opens a file and waits until it has loaded.
  void open(const std::filesystem::path& page);
  /// Returns the value of a JavaScript expression, or of the promise that it returns. An exception in the page, now or
  /// earlier, is an error.
  nlohmann::json value(const std::string& expression);

  /// Renders the page for a user who prefers "light" or "dark".
  void prefer(std::string_view scheme);

  void hover(double x, double y);
  void press(double x, double y);
  void move(double x, double y);  ///< with the button down
  void release(double x, double y);
  void click(double x, double y);
  void scroll(double x, double y, double delta);
  void type(std::string_view text);
  void press_enter();

 private:
  nlohmann::json call(const std::string& method, nlohmann::json parameters);
  nlohmann::json receive();
  void mouse(std::string_view type, double x, double y, nlohmann::json more);

  TemporaryFolder profile_;
  int process_ = -1;
  int commands_ = -1;  ///< written to
  int answers_ = -1;   ///< read from
  int number_ = 0;
  std::string session_;
  std::string received_;
  std::string exception_;  ///< the first in the page
};

}  // namespace sluice::test
