#include "tools/code/kernel_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <string_view>

#include "backend/target.h"

namespace sluice::tools {

namespace {

/// Returns what follows `key` in `line` up to one of `ends`; empty if the key is not there.
std::string_view after(std::string_view line, std::string_view key, std::string_view ends) {
  const std::size_t at = line.find(key);
  if (at == line.npos) return {};
  line.remove_prefix(at + key.size());
  return line.substr(0, line.find_first_of(ends));
}

/// Returns the name of a file as the model's lines have it: relative ones are relative to this folder.
std::string file_name(std::string_view folder, std::string_view name) {
  std::error_code error;
  if (folder.empty() || folder == std::filesystem::current_path(error).string()) return std::string(name);
  return (std::filesystem::path(folder) / name).string();
}

std::string place(const std::string& file, std::string_view line) {
  return file.empty() || line.empty() || line == "0" ? "" : file + ":" + std::string(line);
}

void for_lines(const std::string& text, const std::function<void(std::string_view)>& look) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) look(line);
}

/// The numbered debug information of a module: "!8 = !DILocation(line: 54, scope: !9, inlinedAt: !10)".
class Metadata {
 public:
  explicit Metadata(const std::string& text) {
    for_lines(text, [&](std::string_view line) {
      if (!line.starts_with('!')) return;
      const std::size_t equals = line.find(" = ");
      if (equals != line.npos) entries_[std::string(line.substr(1, equals - 1))] = line.substr(equals + 3);
    });
  }

  TracedLine at(std::string_view location) const {
    const std::string& entry = find(location);
    const std::string& scope = find(after(entry, "scope: !", ",)"));
    const std::string& file = find(after(scope, "file: !", ",)"));
    const std::string name = file_name(after(file, "directory: \"", "\""), after(file, "filename: \"", "\""));
    const std::string_view node = after(scope, "DISubprogram(name: \"", "\"");
    return {"", place(name, after(entry, "line: ", ",)")), std::string(node.starts_with('%') ? node : "")};
  }

 private:
  const std::string& find(std::string_view number) const {
    static const std::string nothing;
    const auto found = entries_.find(std::string(number));
    return found == entries_.end() ? nothing : found->second;
  }

  std::map<std::string, std::string> entries_;
};

bool is_directive(std::string_view line) { return line.starts_with("\t."); }

/// Returns whether it is a label that code jumps to, or a function's.
bool is_label(std::string_view line) {
  constexpr std::array<std::string_view, 6> kOfNoCode{".Ltmp", ".Lfunc", ".LCPI", ".Lcfi", ".Lline", ".Linfo"};
  if (line.empty() || line.front() == '\t' || line.front() == '#') return false;
  for (const std::string_view prefix : kOfNoCode) {
    if (line.starts_with(prefix)) return false;
  }
  return line.find(':') != line.npos;
}

/// Returns an instruction ("\tmovl\t$1, %eax") or a label without tabs, in columns.
std::string in_columns(std::string_view line) {
  if (!line.starts_with('\t')) return std::string(line.substr(0, line.find(':') + 1));
  line.remove_prefix(1);
  const std::size_t tab = std::min(line.find('\t'), line.size());
  if (tab == line.size()) return fmt::format("    {}", line);
  return fmt::format("    {:<11} {}", line.substr(0, tab), line.substr(tab + 1));
}

}  // namespace

std::vector<TracedLine> traced_llvm_ir(const std::string& text) {
  const Metadata metadata(text);
  std::vector<TracedLine> lines;
  bool inside = false;
  for_lines(text, [&](std::string_view line) {
    inside = inside || line.starts_with("define ");
    if (!inside) return;
    TracedLine traced;
    if (const std::size_t at = line.find("!dbg !"); at != line.npos) {
      traced = metadata.at(after(line, "!dbg !", " ,"));
      const std::size_t begin = line.find_last_not_of(", ", at - 1) + 1;
      const std::size_t end = line.find_first_of(" ,", at + std::string_view("!dbg !").size());
      traced.text = std::string(line.substr(0, begin)) + std::string(end == line.npos ? "" : line.substr(end));
      if (line.starts_with("define ")) traced.from.clear();
    } else {
      traced.text = line;
    }
    lines.push_back(std::move(traced));
    if (line == "}") inside = false;
  });
  return lines;
}

std::vector<TracedLine> traced_assembly(const std::string& text) {
  std::map<std::string, std::string, std::less<>> files;
  std::vector<TracedLine> lines;
  std::string from;
  bool inside = false;
  for_lines(text, [&](std::string_view line) {
    if (line.starts_with("\t.file\t") && line.find("\" \"") != line.npos) {
      const std::string_view names = line.substr(line.find('"'));
      files[std::string(after(line, "\t.file\t", " "))] =
          file_name(after(names, "\"", "\""), after(names, "\" \"", "\""));
    } else if (line.starts_with("\t.loc\t")) {
      std::istringstream words{std::string(line.substr(6))};
      std::string file;
      std::string number;
      words >> file >> number;
      from = place(files[file], number);
    } else if (line.starts_with("\t.section") || line.starts_with("\t.text")) {
      inside = line.find(".text") != line.npos;
    } else if (inside && (is_label(line) || (line.starts_with('\t') && !is_directive(line)))) {
      lines.push_back({in_columns(line), is_label(line) ? "" : from, ""});
    }
  });
  return lines;
}

std::vector<KernelCode> code_of_kernels(const backend::Plan& plan) {
  const backend::Target target = backend::host_target();
  std::vector<KernelCode> all;
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
    const std::array<std::size_t, 1> only{k};
    backend::Generated made =
        generate_kernels(plan, only, target, {.llvm_ir = true, .assembly = true}, /*debug_info=*/true);
    all.push_back(
        {plan.kernels[k].name, traced_llvm_ir(made.llvm_ir), traced_assembly(made.assembly), std::move(made.object)});
  }
  return all;
}

}  // namespace sluice::tools
