#include "tests/support/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace sluice::test {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr int kFirstFree = 10;  // above the descriptors 3 and 4 that the browser reads and writes

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  for (int& end : ends) {
    const int moved = fcntl(end, F_DUPFD_CLOEXEC, kFirstFree);
    close(end);
    end = moved;
  }
  return ends;
}

}  // namespace

std::filesystem::path find_chromium() {
  const char* const path = std::getenv("PATH");
  for (const char* const name : {"chromium", "chromium-browser", "google-chrome"}) {
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
      const auto program = std::filesystem::path(folder) / name;
      if (access(program.c_str(), X_OK) == 0) return program;
    }
  }
  return {};
}

Browser::Browser(const std::filesystem::path& program, int width, int height) {
  const std::array<int, 2> to = make_pipe();
  const std::array<int, 2> from = make_pipe();
  const std::string profile = "--user-data-dir=" + profile_.path().string();
  process_ = fork();
  if (process_ == 0) {
    dup2(to[0], 3);
    dup2(from[1], 4);
    const int nothing = ::open("/dev/null", O_RDWR);
    dup2(nothing, 1);
    dup2(nothing, 2);
    // Root cannot create a sandbox, nor can most containers; the page is Sluice's own.
    execl(program.c_str(), program.c_str(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
          "--remote-debugging-pipe", profile.c_str(), "about:blank", nullptr);
    _exit(127);
  }
  commands_ = to[1];
  answers_ = from[0];
  close(to[0]);
  close(from[1]);
  const json target = call("Target.createTarget", {{"url", "about:blank"}})["targetId"];
  session_ = call("Target.attachToTarget", {{"targetId", target}, {"flatten", true}})["sessionId"];
  call("Runtime.enable", json::object());
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
}

Browser::~Browser() {
  close(commands_);  // makes it and its helpers exit
  waitpid(process_, nullptr, 0);
  close(answers_);
}

void Browser::open(const std::filesystem::path& page) {
  std::string address = "file://" + page.string();
  for (std::size_t at = address.find(' '); at != std::string::npos; at = address.find(' ', at))
    address.replace(at, 1, "%20");
  call("Page.navigate", {{"url", address}});
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (value("location.protocol + document.readyState") != "file:complete") {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the page does not open");
    usleep(20'000);
  }
}

json Browser::value(const std::string& expression) {
  const json answer =
      call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (answer.contains("exceptionDetails")) throw std::runtime_error(answer["exceptionDetails"].dump());
  if (!exception_.empty()) throw std::runtime_error(exception_);
  return answer["result"].contains("value") ? answer["result"]["value"] : json();
}

void Browser::prefer(std::string_view scheme) {
  call("Emulation.setEmulatedMedia", {{"features", {{{"name", "prefers-color-scheme"}, {"value", scheme}}}}});
}

void Browser::hover(double x, double y) { mouse("mouseMoved", x, y, json::object()); }
void Browser::press(double x, double y) { mouse("mousePressed", x, y, {{"button", "left"}, {"clickCount", 1}}); }
void Browser::move(double x, double y) { mouse("mouseMoved", x, y, {{"button", "left"}, {"buttons", 1}}); }
void Browser::release(double x, double y) { mouse("mouseReleased", x, y, {{"button", "left"}, {"clickCount", 1}}); }

void Browser::click(double x, double y) {
  press(x, y);
  release(x, y);
}

void Browser::scroll(double x, double y, double delta) {
  mouse("mouseWheel", x, y, {{"deltaX", 0}, {"deltaY", delta}});
}

void Browser::type(std::string_view text) { call("Input.insertText", {{"text", text}}); }

void Browser::press_enter() {
  for (const char* const event : {"keyDown", "keyUp"})
    call("Input.dispatchKeyEvent", {{"type", event}, {"key", "Enter"}, {"windowsVirtualKeyCode", 13}});
}

void Browser::mouse(std::string_view type, double x, double y, json more) {
  more.update({{"type", type}, {"x", x}, {"y", y}});
  call("Input.dispatchMouseEvent", std::move(more));
}

json Browser::call(const std::string& method, json parameters) {
  json command{{"id", ++number_}, {"method", method}, {"params", std::move(parameters)}};
  if (!session_.empty()) command["sessionId"] = session_;
  const std::string text = command.dump();
  const auto size = static_cast<ssize_t>(text.size() + 1);  // including the terminating zero
  if (write(commands_, text.c_str(), text.size() + 1) != size) throw std::runtime_error("the browser has gone");
  while (true) {
    json message = receive();
    if (message.value("method", "") == "Runtime.exceptionThrown" && exception_.empty())
      exception_ = message["params"].dump();
    if (message.value("id", 0) != number_) continue;
    if (message.contains("error")) throw std::runtime_error(method + ": " + message["error"].dump());
    return message["result"];
  }
}

json Browser::receive() {
  while (true) {
    if (const std::size_t end = received_.find('\0'); end != std::string::npos) {
      json message = json::parse(received_.substr(0, end));
      received_.erase(0, end + 1);
      return message;
    }
    pollfd ready{answers_, POLLIN, 0};
    if (poll(&ready, 1, std::chrono::duration_cast<std::chrono::duration<int, std::milli>>(kPatience).count()) != 1)
      throw std::runtime_error("the browser does not answer");
    std::array<char, 65536> bytes{};
    const ssize_t count = read(answers_, bytes.data(), bytes.size());
    if (count <= 0) throw std::runtime_error("the browser has ended");
    received_.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace sluice::test
