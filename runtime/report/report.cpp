#include "sluice/report.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "runtime/io/atomic_file.h"
#include "runtime/io/json.h"
#include "runtime/report/report_files.h"
#include "sluice/error.h"
#include "sluice/picture.h"
#include "sluice/printable.h"

namespace sluice::report {

namespace {

using nlohmann::json;

void check_lengths(const std::string& section, std::string_view what, std::size_t expected, std::size_t got) {
  if (expected != got) fail("report: section '{}': expected {} {}, got {}", section, expected, what, got);
}

void check_series(const std::string& section, const std::vector<Series>& series, std::size_t expected) {
  for (const Series& one : series) {
    check_lengths(section, fmt::format("values in series '{}'", one.name), expected, one.values.size());
  }
}

void check(const std::string& section, const Lines& lines) { check_series(section, lines.series, lines.x.size()); }
void check(const std::string& section, const Bars& bars) { check_series(section, bars.series, bars.names.size()); }
void check(const std::string& section, const Dots& dots) {
  check_lengths(section, "values", dots.names.size(), dots.values.size());
  check_lengths(section, "details", dots.names.size(), dots.details.size());
}
void check(const std::string& section, const Pictures& pictures) {
  for (const Picture& item : pictures.items) {
    if (item.pixels.dtype() == DType::kU8 && item.pixels.rank() == 2 && item.pixels.element_count() > 0) continue;
    fail("report: section '{}': expected pictures u8[height,width], got {}", section, to_string(item.pixels.type()));
  }
}
void check(const std::string& section, const HeatMap& heat) {
  check_lengths(section, "counts", heat.names.size() * heat.names.size(), heat.counts.size());
}
void check(const std::string& section, const Table& table) {
  for (const auto& row : table.rows) check_lengths(section, "cells in each row", table.columns.size(), row.size());
}
void check(const std::string&, const Facts&) {}

json to_json(const std::vector<Series>& series) {
  json list = json::array();
  for (const Series& one : series) list.push_back({{"name", one.name}, {"values", one.values}});
  return list;
}

json to_json(const Lines& lines) {
  return {{"kind", "lines"},
          {"x_title", lines.x_title},
          {"y_title", lines.y_title},
          {"x", lines.x},
          {"series", to_json(lines.series)}};
}
json to_json(const Bars& bars) {
  return {{"kind", "bars"}, {"y_title", bars.y_title}, {"names", bars.names}, {"series", to_json(bars.series)}};
}
json to_json(const Dots& dots) {
  return {{"kind", "dots"},
          {"x_title", dots.x_title},
          {"names", dots.names},
          {"values", dots.values},
          {"details", dots.details}};
}
json to_json(const Pictures& pictures) {
  json items = json::array();
  for (const Picture& item : pictures.items) {
    items.push_back({{"png", png_data_uri(item.pixels)}, {"caption", item.caption}, {"detail", item.detail}});
  }
  return {{"kind", "pictures"}, {"ink", pictures.ink}, {"columns", pictures.columns}, {"items", std::move(items)}};
}
json to_json(const HeatMap& heat) {
  return {{"kind", "heat"},
          {"row_title", heat.row_title},
          {"column_title", heat.column_title},
          {"names", heat.names},
          {"counts", heat.counts}};
}
json to_json(const Table& table) {
  json columns = json::array();
  for (const Column& column : table.columns) columns.push_back({{"name", column.name}, {"number", column.number}});
  json rows = json::array();
  for (const auto& row : table.rows) {
    json cells = json::array();
    for (const Cell& cell : row) {
      json one{{"text", cell.text}, {"detail", cell.detail}};
      if (cell.share) one["share"] = *cell.share;
      cells.push_back(std::move(one));
    }
    rows.push_back(std::move(cells));
  }
  return {{"kind", "table"}, {"columns", std::move(columns)}, {"rows", std::move(rows)}, {"sum", table.sum}};
}
json to_json(const Facts& facts) { return {{"kind", "facts"}, {"facts", facts.facts}}; }

/// Returns `text` with each of the characters replaced.
std::string replaced(std::string_view text, const std::map<char, std::string_view>& by) {
  std::string out;
  for (const char c : text) {
    const auto found = by.find(c);
    if (found == by.end()) {
      out += c;
    } else {
      out += found->second;
    }
  }
  return out;
}

/// Replaces the @MARKS@ of the template, once: the inserted values are not scanned again.
std::string fill(std::string_view text, const std::map<std::string_view, std::string>& values) {
  std::string out;
  while (true) {
    const std::size_t begin = text.find('@');
    if (begin == std::string_view::npos) return out + std::string(text);
    const std::size_t end = text.find('@', begin + 1);
    SLUICE_CHECK(end != std::string_view::npos, "a mark of the page has no end");
    out += text.substr(0, begin);
    out += values.at(text.substr(begin + 1, end - begin - 1));
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void Page::add(Section section) {
  std::visit([&](const auto& content) { check(section.title, content); }, section.content);
  if (parts_.empty()) begin_part("");
  parts_.back().sections.push_back(std::move(section));
}

std::string Page::html() const {
  json figures = json::array();
  for (const Figure& f : figures_) figures.push_back({{"name", f.name}, {"value", f.value}, {"note", f.note}});
  json parts = json::array();
  for (const Part& part : parts_) {
    json sections = json::array();
    for (const Section& section : part.sections) {
      json made = std::visit([](const auto& content) { return to_json(content); }, section.content);
      made["title"] = section.title;
      made["note"] = section.note;
      made["wide"] = section.wide;
      sections.push_back(std::move(made));
    }
    parts.push_back({{"title", part.title}, {"sections", std::move(sections)}});
  }
  const json data{{"subtitle", subtitle_}, {"figures", std::move(figures)}, {"parts", std::move(parts)}};
  return fill(kReportHtml, {{"TITLE", replaced(printable(title_), {{'&', "&amp;"}, {'<', "&lt;"}, {'"', "&quot;"}})},
                            {"CSS", std::string(kReportCss)},
                            {"DATA", script_text(data)},
                            {"CHART", std::string(kChartMinJs)},
                            {"JS", std::string(kReportJs)}});
}

void Page::write(const std::filesystem::path& path) const { write_file(path, html()); }

void check_can_write(const std::filesystem::path& path) { const AtomicFile attempt(path); }

}  // namespace sluice::report
