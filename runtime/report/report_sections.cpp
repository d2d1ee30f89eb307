#include "sluice/report_sections.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <thread>

#include "backend/target.h"
#include "ir/counted.h"
#include "sluice/picture.h"

namespace sluice::report {

namespace {

std::vector<std::string> short_names(std::int64_t classes, const ClassNames& names) {
  std::vector<std::string> list;
  for (std::int64_t c = 0; c < classes; ++c) list.push_back(names.short_name(c));
  return list;
}

std::string percent(double part) { return fmt::format("{:.{}f}%", 100 * part, part > 0.99 ? 2 : 1); }

std::string microseconds(double seconds) { return fmt::format("{:.1f} µs", seconds * 1e6); }

/// Returns the rest of the first line of `file` that starts with `key`, without the surrounding separators and quotes.
std::string value_in(const char* file, std::string_view key) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(key)) continue;
    const std::string_view rest = std::string_view(line).substr(key.size());
    const std::size_t begin = rest.find_first_not_of(" \t:=\"");
    const std::size_t end = rest.find_last_not_of(" \t\"");
    return begin == std::string_view::npos ? "" : std::string(rest.substr(begin, end - begin + 1));
  }
  return "";
}

std::string compiler() {
#if defined(__clang__)
  return fmt::format("Clang {}.{}", __clang_major__, __clang_minor__);
#else
  return fmt::format("GCC {}.{}", __GNUC__, __GNUC_MINOR__);
#endif
}

}  // namespace

std::vector<std::int64_t> sample_rows(const Array& labels, std::int64_t classes, std::int64_t each) {
  count_classes(labels, classes);  // checks them
  std::vector<std::vector<std::int64_t>> rows(static_cast<std::size_t>(classes));
  visit_dtype(labels.dtype(), [&](auto zero) {
    const auto values = labels.data<decltype(zero)>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto& of_class = rows[static_cast<std::size_t>(values[i])];
      if (of_class.size() < static_cast<std::size_t>(each)) of_class.push_back(static_cast<std::int64_t>(i));
    }
  });
  std::vector<std::int64_t> picked;
  for (std::size_t round = 0; round < static_cast<std::size_t>(each); ++round) {
    for (const auto& of_class : rows) {
      if (round < of_class.size()) picked.push_back(of_class[round]);
    }
  }
  return picked;
}

Section samples(const Dataset& dataset, std::int64_t classes, std::int64_t each, const ClassNames& names) {
  Pictures pictures;
  pictures.columns = static_cast<int>(classes);
  for (const std::int64_t row : sample_rows(dataset.target(), classes, each)) {
    const std::int64_t label = visit_dtype(dataset.target().dtype(), [&](auto zero) {
      return static_cast<std::int64_t>(dataset.target().data<decltype(zero)>()[static_cast<std::size_t>(row)]);
    });
    pictures.items.push_back({picture_at(dataset.input(), row), names.short_name(label), ""});
  }
  return {"Samples", "the first examples of each class, with their labels", std::move(pictures), true};
}

Section class_distribution(const std::vector<NamedLabels>& sets, std::int64_t classes, const ClassNames& names) {
  Bars bars{"examples", short_names(classes, names), {}};
  for (const NamedLabels& set : sets) {
    const std::vector<std::int64_t> counts = count_classes(set.labels, classes);
    bars.series.push_back({set.name, {counts.begin(), counts.end()}});
  }
  return {"Class distribution", "", std::move(bars), true};
}

Section accuracy_by_class(const ClassificationReport& report, const ClassNames& names) {
  Dots dots{"accuracy", {}, {}, {}};
  for (const auto& row : report.by_class()) {
    dots.names.push_back(names.long_name(row.label));
    dots.values.push_back(row.accuracy());
    dots.details.push_back(fmt::format("({} of {})", row.correct, row.examples));
  }
  return {"Accuracy by class", "the least accurate first", std::move(dots)};
}

Section confusion_matrix(const ClassificationReport& report, const ClassNames& names) {
  const std::string note =
      fmt::format("{} of {} examples were taken for another class",
                  grouped_number(static_cast<std::int64_t>(report.mistakes.size())), grouped_number(report.examples()));
  return {"Confusion matrix", note, HeatMap{"true", "predicted", short_names(report.classes, names), report.confusion}};
}

Section worst_mistakes(const ClassificationReport& report, const Array& images, std::size_t most,
                       const ClassNames& names) {
  Pictures pictures;
  for (std::size_t i = 0; i < std::min(most, report.mistakes.size()); ++i) {
    const auto& mistake = report.mistakes[i];
    pictures.items.push_back(
        {picture_at(images, mistake.example), fmt::format("taken for {}", names.short_name(mistake.predicted)),
         fmt::format("is {} · {}", names.short_name(mistake.label), percent(mistake.probability))});
  }
  const std::string note =
      pictures.items.empty() ? "there are none" : "with the probability that the model gave to the wrong class";
  return {"Most confidently wrong", note, std::move(pictures), true};
}

Section learned_filters(const Array& filters) {
  if (!is_float(filters.dtype()) || filters.rank() != 4)
    fail("learned_filters: expected floats [height,width,in,out], got {}", to_string(filters.type()));
  const auto [height, width, in, out] =
      std::array{filters.sizes()[0], filters.sizes()[1], filters.sizes()[2], filters.sizes()[3]};
  const std::size_t cells = static_cast<std::size_t>(height * width);
  const auto channels = static_cast<std::size_t>(in);
  const auto count = static_cast<std::size_t>(out);
  std::vector<double> means(cells * count);
  visit_dtype(filters.dtype(), [&](auto zero) {
    const auto values = filters.data<decltype(zero)>();
    for (std::size_t i = 0; i < values.size(); ++i)
      means[i / (channels * count) * count + i % count] += static_cast<double>(values[i]) / static_cast<double>(in);
  });
  double most = 0;
  for (const double mean : means) most = std::max(most, std::abs(mean));
  Pictures pictures{{}, 0, false};
  constexpr std::int64_t kZoom = 8;  // a filter has few cells
  for (std::size_t k = 0; k < count && cells > 0; ++k) {
    Array pixels(DType::kU8, {height * kZoom, width * kZoom});
    const auto to = pixels.data<std::uint8_t>();
    for (std::size_t i = 0; i < to.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i) / (width * kZoom) / kZoom;
      const auto column = static_cast<std::int64_t>(i) % (width * kZoom) / kZoom;
      const double share = means[static_cast<std::size_t>(row * width + column) * count + k] / most;
      to[i] = static_cast<std::uint8_t>(std::lround(127.5 + 127.5 * (std::isfinite(share) ? share : 0)));
    }
    pictures.items.push_back({pixels, fmt::format("{}", k), ""});
  }
  const std::string note =
      fmt::format("{} filters of {}x{}; gray is 0, black {:.2f} and white {:.2f}", out, height, width, -most, most);
  return {"Filters of the first convolution", note, std::move(pictures), true};
}

Section layers(const ModelSummary& summary) {
  Table table{{{"layer"}, {"variables"}, {"output"}, {"parameters", true}, {"FLOP an example", true}}, {}, true};
  for (const ModelSummary::Layer& layer : summary.layers) {
    std::vector<std::string> variables;
    for (const auto& [name, type] : layer.variables) variables.push_back(name + " " + to_string(type));
    table.rows.push_back({{layer.name},
                          {fmt::format("{}", fmt::join(variables, ", "))},
                          {layer.output ? to_string(*layer.output) : ""},
                          {grouped_number(layer.parameters)},
                          {short_number(layer.flops)}});
  }
  table.rows.push_back({{"all"}, {""}, {""}, {grouped_number(summary.parameters())}, {short_number(summary.flops())}});
  return {"Layers", "B is the number of examples in a batch", std::move(table), true};
}

Section kernels(const runtime::StepProfile& profile) {
  Table table{{{"kernel"}, {"FLOP", true}, {"bytes", true}, {"bound by"}, {"time", true}, {"share of peak"}}, {}, true};
  double least = 0;
  for (const runtime::KernelProfile& kernel : profile.kernels) {
    std::string detail = kernel.ops.empty() ? "copy" : kernel.ops;
    if (!kernel.lines.empty()) detail += "; from " + kernel.lines;
    const double share = kernel.seconds / profile.seconds();
    least += kernel.least_seconds;
    table.rows.push_back({{kernel.name, detail},
                          {short_number(kernel.cost.flops)},
                          {short_number(kernel.cost.bytes)},
                          {kernel.bound_by_arithmetic ? "arithmetic" : "memory"},
                          {microseconds(kernel.seconds), share < 0.001 ? "" : percent(share) + " of all"},
                          {fmt::format("{:.0f}%", 100 * kernel.share_of_peak()), "", kernel.share_of_peak()}});
  }
  const double of_peak = profile.seconds() > 0 ? least / profile.seconds() : 0;
  table.rows.push_back({{"all, one after the other"},
                        {short_number(profile.flops())},
                        {""},
                        {""},
                        {microseconds(profile.seconds())},
                        {fmt::format("{:.0f}%", 100 * of_peak), "", of_peak}});
  return {fmt::format("Kernels of {}", profile.name),
          fmt::format("for {} and {}; the peak is the time that the machine needs at least for a kernel's "
                      "arithmetic or for its memory, whichever is more",
                      to_string(profile.bindings), counted(profile.threads, "thread")),
          std::move(table), true};
}

Section machine(const runtime::StepProfile& profile) {
  const backend::Target target = backend::host_target();
  utsname system{};
  uname(&system);
  Facts facts;
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) facts.facts.emplace_back(name, std::move(value));
  };
  add("CPU", value_in("/proc/cpuinfo", "model name"));
  add("threads", fmt::format("{} of {}", profile.threads, std::thread::hardware_concurrency()));
  add("instructions", fmt::format("{}, vectors of {} bits{}", target.cpu, 8 * target.vector_bytes,
                                  target.fma ? ", fused multiply-add" : ""));
  add("peak of multiply-adds", fmt::format("{:.0f} GFLOP/s (f32, measured)", profile.machine.flops_per_second / 1e9));
  for (const auto& level : profile.machine.memory) {
    if (&level != &profile.machine.memory.front() && &level != &profile.machine.memory.back()) continue;
    add(&level == &profile.machine.memory.front() ? "fastest memory" : "memory of a step",
        fmt::format("{:.0f} GB/s within {}B (measured)", level.bytes_per_second / 1e9,
                    short_number(static_cast<double>(level.bytes))));
  }
  add("system", fmt::format("{}, {} {}", value_in("/etc/os-release", "PRETTY_NAME"), system.sysname, system.release));
  add("compiled by", compiler());
  return {"What it ran on", "", std::move(facts), true};
}

}  // namespace sluice::report
