#pragma once

#include <functional>
#include <string_view>

#include "sluice/tensor.h"

// print and check observe values each time a traced function runs. The values become further results of its graph,
// after the function's own: passes and kernels know nothing of prints and checks, whose cost is that of computing and
// storing these results. A function without them pays nothing. They act once per call, after everything has been
// computed, in the order of the program, for any engine and number of threads. They also work in functions called by
// the traced one, in layers, and in a Trainer's steps; only the backward function of a custom_gradient cannot have
// them. `save` leaves prints out and refuses functions with checks.
namespace sluice {

/// Prints the value of x, of any type, in each call: "model.cpp:12: NAME = [1, 2] f32[2]", with the line that calls
/// this function, and the elements as an Array prints (long axes are shortened). The line begins with the value if
/// there is no name. Returns x itself, so derivatives are unaffected: y = print(x * w, "product").
/// check_numerics does not look at what is only printed.
Tensor print(const Arg& x, std::string_view name = {});

/// Makes each call in which an element of the bool `condition` is false throw Error at the line that calls this
/// function. The message has `message`, where the first false element is, how many there are, and, if the condition is
/// a comparison or a test such as isfinite, what it looked at there. No variable has changed after a failed check; a
/// function with checks copies the variables that it updates before each call. An empty condition holds. Checks that
/// come first fail first, and the prints before a failed check still print. Throws Error at the user's line unless
/// the condition is bool.
void check(const Arg& condition, std::string_view message);

/// Receives what print prints: whole lines, each with its line feed, one call for each print.
using PrintSink = std::function<void(std::string_view text)>;

/// Sets the receiver of all functions' prints; an empty one restores the initial one, which writes to stderr, with the
/// characters that a terminal would interpret escaped. A call of a function hands over its prints when the variables
/// have been updated, in its thread; if the sink throws, so does the call. Functions that run at the same time call the
/// sink at the same time.
void set_print_sink(PrintSink sink);

}  // namespace sluice
