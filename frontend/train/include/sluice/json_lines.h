#pragma once

#include <map>
#include <string>

#include "sluice/callback.h"

namespace sluice {

/// Prints a line of JSON to stdout for each epoch:
/// {"epoch":0,"training":{"loss":0.2,"accuracy":0.9},"validation":{...},
/// "learning_rate":0.001,"seconds":1.5,"examples_per_second":40000}. Non-finite values are strings: "nan", "inf",
/// "-inf".
Callback json_lines();

/// Returns the same for named values, such as the result of Trainer::evaluate: {"accuracy":0.9,"loss":0.2}.
std::string to_json(const std::map<std::string, double>& values);

}  // namespace sluice
