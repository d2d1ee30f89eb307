#include "ir/node_error.h"

namespace sluice::ir {

Error node_error(const Origins& origins, const std::string& message) {
  const Location user = user_location(origins);
  for (const Origin& origin : origins) {
    if (origin.stack == nullptr || origin.stack->frames.empty()) continue;
    const Location& read = origin.stack->frames.front();
    if (read.column == 0) continue;
    const bool has_model_line = user.known() && user != read;
    return Error(has_model_line ? fmt::format("{}\n  made at {}", message, to_string(user)) : message, read);
  }
  return Error(message, user);
}

std::string operand_note(std::size_t index, const Node& maker, std::uint32_t result) {
  const Location made = user_location(maker.origins);
  if (!made.known()) return "";
  return fmt::format("\n  operand {}, {}, was made at {}", index, to_string(maker.types[result]), to_string(made));
}

}  // namespace sluice::ir
