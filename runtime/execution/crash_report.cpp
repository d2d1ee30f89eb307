#include "runtime/execution/crash_report.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "ir/value_numbers.h"

namespace sluice::runtime {

thread_local constinit RunningKernel running_kernel;

namespace {

struct Fault {
  int signal;
  std::string_view name;
};
constexpr std::array<Fault, 4> kFaults{
    {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}}};

constexpr std::size_t kMostNodes = 32;
constexpr std::size_t kStackBytes = 64U << 10U;  // what the CPU saves of its registers can be 11 KB

/// Text in memory of its own: a signal handler must neither allocate nor use stdio.
class Message {
 public:
  Message& operator<<(std::string_view text) {
    for (const char c : text) put(c);
    return *this;
  }
  Message& operator<<(std::uint64_t number) { return digits(number, 10); }
  Message& hex(std::uint64_t number) { return (*this << "0x").digits(number, 16); }
  /// Text that came from outside: a terminal would interpret some of its characters.
  Message& foreign(std::string_view text) {
    for (const char c : text) put(static_cast<unsigned char>(c) < ' ' || c == 127 ? '?' : c);
    return *this;
  }
  Message& place(const Location& at) { return foreign(at.file) << ":" << std::uint64_t{at.line}; }

  void write() const {
    std::string_view rest(text_.data(), size_);
    while (!rest.empty()) {
      const ssize_t count = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }

 private:
  void put(char c) {
    if (size_ < text_.size()) text_[size_++] = c;
  }
  Message& digits(std::uint64_t number, std::uint64_t base) {
    std::array<char, 20> reversed{};
    std::size_t count = 0;
    do {
      reversed[count++] = "0123456789abcdef"[number % base];
    } while ((number /= base) > 0);
    while (count > 0) put(reversed[--count]);
    return *this;
  }

  std::array<char, 4096> text_{};
  std::size_t size_ = 0;
};

/// Appends the nodes that compute something, with their lines.
void append_nodes(Message& message, const backend::KernelPlan& kernel) {
  std::size_t number = 0;
  std::size_t shown = 0;
  for (const ir::Node& node : kernel.body->nodes()) {
    const std::size_t first = number;
    number += ir::numbers_of(node);
    if (ir::numbers_of(node) == 0 || node.op == ir::Op::kConstant || node.op == ir::Op::kBroadcast) continue;
    if (shown++ == kMostNodes) {
      message << "  and more\n";
      return;
    }
    message << "  %" << first << " " << ir::to_string(node.op);
    for (const ir::Origin& origin : node.origins) {
      if (origin.stack == nullptr || !origin.stack->user().known()) continue;
      (message << (origin.gradient ? ", gradient of " : ", ")).place(origin.stack->user());
      break;
    }
    message << "\n";
  }
}

/// Returns the address of the instruction that has failed; 0 on a machine unknown here.
std::uintptr_t instruction_of(const void* context) {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(registers.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return registers.pc;
#else
  static_cast<void>(registers);
  return 0;
#endif
}

void report(std::string_view signal, const siginfo_t& info, const RunningKernel& running, std::uintptr_t instruction) {
  const backend::Plan& plan = running.program->plan();
  const backend::KernelPlan& kernel = plan.kernels[running.kernel];
  Message message;
  (message << "sluice: " << signal << " at address ").hex(reinterpret_cast<std::uintptr_t>(info.si_addr));
  (message << " in kernel " << running.kernel << ", ").foreign(kernel.name);
  (message << ", of @").foreign(plan.name);
  for (const ir::Origin& origin : kernel.origins) {
    if (origin.stack == nullptr || !origin.stack->user().known()) continue;
    (message << ", made at ").place(origin.stack->user());
    break;
  }
  if (const backend::CodeLine* const line = running.program->line_at(instruction))
    (message << ", in " << line->node << " at ").place(line->line);
  message << ". It computes\n";
  append_nodes(message, kernel);
  message.write();
}

/// Reports a fault of a kernel, and lets the process end by the signal.
void on_fault(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  const bool by_instruction = info->si_code > 0;  // else somebody has sent it
  if (by_instruction && running_kernel.program != nullptr) {
    for (const Fault& fault : kFaults) {
      if (fault.signal == signal) report(fault.name, *info, running_kernel, instruction_of(context));
    }
  }
  // The handler was installed in the place of the default action. The instruction fails once more after the return, so
  // that a core file or a debugger shows it.
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  if (!by_instruction) ::raise(signal);  // blocked until the return
  errno = error;
}

}  // namespace

void report_crashes() {
  static std::once_flag once;
  std::call_once(once, [] {
    static auto* const stack = new AlternateStack;  // of this thread, which is the main one as a rule
    static_cast<void>(stack);
    for (const Fault& fault : kFaults) {
      struct sigaction present {};
      if (::sigaction(fault.signal, nullptr, &present) != 0) continue;
      if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) continue;
      struct sigaction action {};
      action.sa_sigaction = on_fault;
      action.sa_flags = SA_SIGINFO | SA_ONSTACK;
      ::sigemptyset(&action.sa_mask);
      ::sigaction(fault.signal, &action, nullptr);
    }
  });
}

AlternateStack::AlternateStack() {
  stack_t present{};
  if (::sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;
  void* const memory = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t own{};
  own.ss_sp = memory;
  own.ss_size = kStackBytes;
  if (::sigaltstack(&own, nullptr) == 0) {
    memory_ = memory;
  } else {
    ::munmap(memory, kStackBytes);
  }
}

AlternateStack::~AlternateStack() {
  if (memory_ == nullptr) return;
  stack_t present{};
  if (::sigaltstack(nullptr, &present) != 0 || present.ss_sp != memory_) return;  // somebody may have copied it
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
  ::munmap(memory_, kStackBytes);
}

}  // namespace sluice::runtime
