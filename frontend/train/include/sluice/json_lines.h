#pragma once

#include <map>
#include <string>

#include "sluice/callback.h"

namespace sluice {

/// A line of JSON on stdout for each epoch: {"epoch":0,"training":{"loss":0.2,"accuracy":0.9},"validation":{...},
/// "learning_rate":0.001,"seconds":1.5,"examples_per_second":40000}. A value that is no finite number is a string:
/// "nan", "inf", "-inf".
Callback json_lines();

/// The same for values by their names, such as Trainer::evaluate gives: {"accuracy":0.9,"loss":0.2}.
std::string to_json(const std::map<std::string, double>& values);

}  // namespace sluice
