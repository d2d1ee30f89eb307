#include "tools/code/instructions.h"

#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <llvm/Object/ObjectFile.h>

#include <array>
#include <memory>
#include <string_view>

namespace sluice::tools {

namespace {

/// The code of an object, and the place of a function in it.
struct Code {
  std::string bytes;
  std::uint64_t function = 0;
};

std::optional<Code> code_of(const backend::ObjectCode& object, const std::string& symbol) {
  const llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), "kernel");
  auto file = llvm::object::ObjectFile::createObjectFile(buffer);
  if (!file) {
    llvm::consumeError(file.takeError());
    return std::nullopt;
  }
  std::optional<Code> code;
  for (const llvm::object::SectionRef& section : (*file)->sections()) {
    if (!section.isText() || section.getSize() == 0) continue;
    if (code) return std::nullopt;
    code.emplace().bytes = llvm::cantFail(section.getContents()).str();
  }
  if (!code) return std::nullopt;
  for (const llvm::object::SymbolRef& one : (*file)->symbols()) {
    if (llvm::cantFail(one.getName()) != symbol) continue;
    code->function = llvm::cantFail(one.getValue());
    return code;
  }
  return std::nullopt;
}

std::string_view first_word(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_first_of(" \t"));
}

/// Returns whether an instruction does nothing: the assembler aligns loops with those, which the text does not have.
bool is_padding(std::string_view operation) {
  return operation.starts_with("nop") || operation == "data16" || operation == "xchgw" || operation == "int3";
}

bool is_instruction(const TracedLine& line) { return line.text.starts_with(' '); }

class Decoder {
 public:
  explicit Decoder(const backend::Target& target)
      : context_(LLVMCreateDisasmCPUFeatures(target.triple.c_str(), target.cpu.c_str(), target.features.c_str(),
                                             nullptr, 0, nullptr, nullptr)) {}
  ~Decoder() {
    if (context_ != nullptr) LLVMDisasmDispose(context_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Decodes the instruction at `offset` into operation() and returns its bytes; 0: there is none.
  std::size_t decode(std::string& code, std::size_t offset) {
    if (context_ == nullptr) return 0;
    auto* const at = reinterpret_cast<std::uint8_t*>(code.data()) + offset;
    return LLVMDisasmInstruction(context_, at, code.size() - offset, offset, text_.data(), text_.size());
  }
  std::string_view operation() const { return first_word(text_.data()); }

 private:
  LLVMDisasmContextRef context_;
  std::array<char, 256> text_{};
};

}  // namespace

std::optional<Instructions> instructions_of(const backend::ObjectCode& object, const std::string& symbol,
                                            const std::vector<TracedLine>& assembly, const backend::Target& target) {
  LLVMInitializeNativeDisassembler();
  std::optional<Code> code = code_of(object, symbol);
  if (!code) return std::nullopt;
  Decoder decoder(target);
  Instructions found;
  std::size_t offset = 0;
  const auto add = [&] {
    found.offsets.push_back(static_cast<std::int64_t>(offset) - static_cast<std::int64_t>(code->function));
  };
  for (const TracedLine& line : assembly) {
    if (!is_instruction(line)) {
      add();
      continue;
    }
    std::size_t bytes = decoder.decode(code->bytes, offset);
    while (bytes > 0 && decoder.operation() != first_word(line.text) && is_padding(decoder.operation())) {
      offset += bytes;
      bytes = decoder.decode(code->bytes, offset);
    }
    if (bytes == 0 || decoder.operation() != first_word(line.text)) return std::nullopt;
    add();
    offset += bytes;
  }
  found.end = static_cast<std::int64_t>(code->bytes.size()) - static_cast<std::int64_t>(code->function);
  return found;
}

}  // namespace sluice::tools
