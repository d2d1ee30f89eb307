#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "runtime/execution/thread_team.h"
#include "sluice/classification_report.h"
#include "sluice/error.h"
#include "sluice/image.h"
#include "sluice/loaded_model.h"
#include "sluice/picture.h"
#include "sluice/printable.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

struct Options {
  std::string model;
  std::vector<std::string> files;
  bool invert = false;
  bool center = false;
  bool no_picture = false;
  int top = 5;
  std::int64_t first = 0;
  std::int64_t count = 10;
  std::optional<int> threads;
};

struct Picture {
  std::string name;  ///< its file, followed by a number if it is one of many
  Array pixels;      ///< u8[height,width], in the form that the model takes
};

/// Returns the height and width of the pictures that `model` takes.
std::pair<std::int64_t, std::int64_t> size_of_input(const LoadedModel& model, const std::string& folder) {
  const ir::Graph& graph = model.graph();
  const Type type = graph.parameters().empty() ? Type{} : graph.type(graph.parameters()[0].value);
  const Shape& shape = type.shape;
  const bool grey = type.dtype == DType::kU8 && (shape.rank() == 3 || (shape.rank() == 4 && shape[3] == Dim(1))) &&
                    shape[0] == batch && !shape[1].batch && !shape[2].batch;
  if (!grey || !model.is_classifier())
    fail(
        "{}: predict needs a classifier made by ExportModule: one input of gray pictures, u8[B,height,width,1], to "
        "\"{}\" and \"{}\"; this takes {} and gives {} (sluice run evaluates any model)",
        folder, kClassOutput, kProbabilitiesOutput, graph.parameters().empty() ? "nothing" : to_string(type),
        fmt::join(model.output_names(), ", "));
  return {shape[1].size, shape[2].size};
}

/// Prints a hint on stderr if the pixels are probably not what the user intends for a model of MNIST-like digits.
/// `pixels` are as passed to the model, except for their size.
void hint_at(const Array& pixels, const std::string& file, bool inverted) {
  constexpr double kLight = 160;
  const auto [darkest, brightest] = std::ranges::minmax(pixels.data<std::uint8_t>());
  if (darkest == brightest) {
    print_to_stderr("sluice: {} is blank: all its pixels are the same\n", file);
  } else if (border_brightness(pixels) > kLight) {
    print_to_stderr(
        "{}\n", inverted ? fmt::format("sluice: {} is already light on dark; omit --invert", file)
                         : fmt::format("sluice: {} is dark on light; use --invert for a model of light on dark, such "
                                       "as MNIST's digits",
                                       file));
  }
}

std::vector<Picture> read_all(const Options& options, std::int64_t height, std::int64_t width) {
  std::vector<Picture> all;
  for (const std::string& file : options.files) {
    const Array pictures = read_pictures(file);
    const std::int64_t size = pictures.sizes()[0];
    if (options.first >= size && size != 1)
      fail("{}: there is no picture {}, expected one of {}", file, options.first, size);
    const std::int64_t begin = size == 1 ? 0 : options.first;
    for (std::int64_t i = begin; i < std::min(size, begin + options.count); ++i) {
      Array pixels = picture_at(pictures, i);
      if (options.invert) pixels = inverted(pixels);
      if (i == begin) hint_at(pixels, file, options.invert);
      all.push_back({printable(size == 1 ? file : fmt::format("{}[{}]", file, i)),
                     options.center ? centered(pixels, height, width) : fitted(pixels, height, width)});
    }
  }
  return all;
}

std::string percent(float probability) {
  return std::isnan(probability) ? "nan" : fmt::format("{:.1f}%", 100 * double{probability});
}

/// Returns a line for each of the most probable classes, with a bar.
std::vector<std::string> lines_of(std::span<const float> probabilities, int top, const ClassNames& names,
                                  TextStyle style) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // A model may return anything; NaN has no order, so it goes last.
  const auto rank = [&](std::size_t i) { return std::isnan(probabilities[i]) ? -INFINITY : probabilities[i]; };
  std::ranges::stable_sort(order, std::greater<>(), rank);
  order.resize(std::min(order.size(), static_cast<std::size_t>(top)));
  std::size_t width = 0;
  for (const std::size_t label : order)
    width = std::max(width, names.short_name(static_cast<std::int64_t>(label)).size());
  std::vector<std::string> lines;
  for (const std::size_t label : order) {
    constexpr float kBar = 24;
    const float share = std::isnan(probabilities[label]) ? 0 : std::clamp(probabilities[label], 0.F, 1.F);
    std::string bar;
    for (int i = 0; i < static_cast<int>(share * kBar + 0.5F); ++i) bar += style == TextStyle::kColor ? "█" : "#";
    lines.push_back(fmt::format("{:>{}}  {:>6}  {}", names.short_name(static_cast<std::int64_t>(label)), width,
                                percent(probabilities[label]), bar));
  }
  return lines;
}

/// Prints the picture, with the lines to its right, starting at its middle.
void print_beside(const Array& pixels, const std::vector<std::string>& lines, TextStyle style) {
  std::vector<std::string> rows;
  const std::string text = picture_text(pixels, style);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    std::string row = text.substr(begin, end - begin);
    // Plain lines end with their ink.
    if (style == TextStyle::kPlain) row.resize(static_cast<std::size_t>(pixels.sizes()[1]), ' ');
    rows.push_back(std::move(row));
    begin = end + 1;
  }
  const std::string blank(static_cast<std::size_t>(pixels.sizes()[1]), ' ');
  const std::size_t top = rows.size() > lines.size() ? (rows.size() - lines.size()) / 2 : 0;
  for (std::size_t i = 0; i < std::max(rows.size(), lines.size()); ++i) {
    const std::string line = i >= top && i - top < lines.size() ? "  " + lines[i - top] : "";
    std::string row = (i < rows.size() ? rows[i] : blank) + line;
    row.resize(row.find_last_not_of(' ') + 1);
    fmt::print("{}\n", row);  // with colors, and names that short_name() made printable
  }
  print_text("\n");
}

void predict(const Options& options) {
  if (options.threads) runtime::set_default_threads(*options.threads);
  const LoadedModel model = load(options.model);
  const auto [height, width] = size_of_input(model, options.model);
  const std::vector<Picture> pictures = read_all(options, height, width);
  Array images(DType::kU8, {static_cast<std::int64_t>(pictures.size()), height, width});
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Array& pixels = pictures[i].pixels;
    std::memcpy(images.bytes() + i * pixels.byte_count(), pixels.bytes(), pixels.byte_count());
  }
  const Predictions predictions = model.predict(images, {});  // the error has no line of a program
  const auto classes = static_cast<std::size_t>(predictions.probabilities.sizes()[1]);
  const ClassNames names{"Class", model.class_names()};
  const TextStyle style = style_of_terminal(STDOUT_FILENO);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto probabilities = std::as_const(predictions.probabilities).data<float>().subspan(i * classes, classes);
    const std::int64_t label = predictions.classes.data<std::int64_t>()[i];
    print_text("{}: {} with {}\n", pictures[i].name, names.short_name(label),
               percent(probabilities[static_cast<std::size_t>(label)]));
    if (!options.no_picture)
      print_beside(pictures[i].pixels, lines_of(probabilities, options.top, names, style), style);
  }
}

constexpr const char* kExamples = R"(Examples:
  sluice predict digits three.png four.pgm
  sluice predict digits --invert --center scan.png     dark ink on light paper, anywhere on it
  sluice predict digits t10k-images-idx3-ubyte.gz --first 100 --count 3
Pictures are PNG, PGM, IDX or .npy files. They are converted to gray and resized to the model's input, keeping the
aspect ratio; transparency becomes white. The printed picture is what the model sees.)";

}  // namespace

void add_predict(CLI::App& program) {
  auto* const command = program.add_subcommand("predict", "Classify pictures with a saved classifier");
  const auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "The folder of a saved model")->required();
  command->add_option("FILE", options->files, "Pictures: PNG, PGM, IDX or .npy files")->required();
  command->add_flag("--invert", options->invert, "Swap dark and light");
  command->add_flag("--center", options->center, "Crop to the ink and center it, like MNIST's digits");
  command->add_flag("--no-picture", options->no_picture, "Print only one line per picture");
  command->add_option("--top", options->top, "How many classes to list for each picture")
      ->check(cli::count())
      ->capture_default_str();
  command->add_option("--first", options->first, "The first picture to take from files with several")
      ->check(cli::whole<std::int64_t>(0))
      ->capture_default_str();
  command->add_option("--count", options->count, "How many pictures to take from files with several")
      ->check(cli::count())
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads to compute with; all cores by default")
      ->check(cli::count());
  command->footer(kExamples);
  command->callback([options] { predict(*options); });
}

}  // namespace sluice::tools
