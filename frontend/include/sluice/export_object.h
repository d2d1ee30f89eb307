#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "sluice/function.h"
#include "sluice/size.h"

namespace sluice {

struct ObjectOptions {
  /// Begins all names in C: "digits" gives digits_init, digits_run, DIGITS_VARIABLES. Empty: the file's name.
  std::string prefix = {};
  /// The CPU to generate code for: "native" is this machine; "x86-64" any x86-64 CPU, "x86-64-v3" those with AVX2,
  /// "x86-64-v4" those with AVX-512, or another name that LLVM has. With several, oldest first, the object has code for
  /// each, and selects the last one that the CPU can run.
  std::vector<std::string> cpus = {"native"};
  /// The largest batch size, and the largest values of other symbols. The memory that a context needs is then a
  /// constant of the header. Without it, the program says how large they become.
  std::optional<std::int64_t> max_batch = {};
  Bindings max_sizes = {};
  /// Puts the current values of all variables into the object. Otherwise it has only those whose elements are all
  /// equal, such as zeros of an optimizer's state, and the rest goes to a file NAME.safetensors.
  bool embed_weights = false;
  bool static_library = false;            ///< also writes a static library, libNAME.a
  bool sources = false;                   ///< also writes sluice_{memory,threads,weights}.{c,h}
  std::vector<std::string> results = {};  ///< names of the results; empty: "result", or "result_0", "result_1", ...
};

/// Compiles a function ahead of time, with its variables, whether it updates them or not: a training step, too. Writes,
/// for a `path` such as "build/digits",
///
///  - digits.o: its machine code, which needs libc's memory functions and libm at most. It allocates nothing, starts no
///    threads and has no state of its own: the caller hands over memory, and threads, if it has any;
///  - digits.h: functions in C99 to initialize a context, to run it, and to get and set variables;
///  - digits.md: what it is, and its sizes;
///  - digits.safetensors: the current values of variables that are not in the object, if there are any.
///
///     export_object(train_step, "step");
///
/// On the same kind of CPU, results and updates are bit-identical to those of calling the function, for any number of
/// threads. Prints are left out. Throws Error for a function with checks, unless it has a signature or has been called,
/// for a prefix that is no identifier of C, for an unknown CPU, for code that needs other functions than those above,
/// and if a file cannot be written.
void export_object(const AnyFunction& function, const std::filesystem::path& path, const ObjectOptions& options = {},
                   std::source_location where = std::source_location::current());

}  // namespace sluice
