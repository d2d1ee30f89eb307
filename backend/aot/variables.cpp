#include "backend/aot/variables.h"

#include <algorithm>
#include <cstring>

#include "backend/aot/code.h"
#include "sluice/error.h"

namespace sluice::backend::aot {

namespace {

/// Words of a variable's entry in the table, each an i64.
enum Entry : std::int64_t {
  kName,  ///< offset in the names
  kDType,
  kRank,
  kIsWeight,
  kChanges,
  kNeedsValue,
  kPlace,  ///< offset in memory
  kBytes,  ///< row-major
  kElement,
  kRows,
  kColumns,
  kPanel,
  kLast,
  kSizes,
};
constexpr std::int64_t kMostAxes = 8;
constexpr std::int64_t kEntryWords = kSizes + kMostAxes;

std::int64_t word(Entry entry) { return 8 * static_cast<std::int64_t>(entry); }

bool is_zero(const Array& array) {
  const std::byte* const bytes = array.bytes();
  return std::all_of(bytes, bytes + array.byte_count(), [](std::byte b) { return b == std::byte{0}; });
}

std::vector<std::uint64_t> entry_words(const Variable& variable, std::int64_t name, std::int64_t place) {
  std::vector<std::uint64_t> words(kEntryWords);
  const auto set = [&](std::int64_t at, std::int64_t value) {
    words[static_cast<std::size_t>(at)] = static_cast<std::uint64_t>(value);
  };
  const Type& type = variable.type;
  const auto element = static_cast<std::int64_t>(size_of(type.dtype));
  const std::int64_t count = type.shape.element_count().size;
  const Layout layout = state_layout(type);
  set(kName, name);
  set(kDType, static_cast<std::int64_t>(type.dtype));
  set(kRank, type.shape.rank());
  set(kIsWeight, variable.is_weight ? 1 : 0);
  set(kChanges, variable.changes ? 1 : 0);
  set(kNeedsValue, variable.initial ? 0 : 1);
  set(kPlace, place);
  set(kBytes, count * element);
  set(kElement, element);
  // A dense array is one row in one panel.
  set(kRows, layout.dense() ? 1 : type.shape[0].size);
  set(kColumns, layout.dense() ? count : type.shape[1].size);
  set(kPanel, layout.dense() ? std::max<std::int64_t>(count, 1) : layout.panel);
  set(kLast, layout.dense() ? count : layout.last);
  for (int axis = 0; axis < type.shape.rank(); ++axis) set(kSizes + axis, type.shape[axis].size);
  return words;
}

llvm::GlobalVariable* constant_data(llvm::Module& module, llvm::Constant* data) {
  return new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data);
}

}  // namespace

VariableCode::VariableCode(Emitter& e, const Specification& specification, const MemoryMap& memory)
    : e_(e), specification_(specification), memory_(memory) {
  for (const Variable& variable : specification.variables) {
    if (variable.type.shape.rank() > kMostAxes)
      fail("export: variable \"{}\" is {}, expected at most {} axes", variable.name, to_string(variable.type),
           kMostAxes);
  }
  table_ = emit_table();
  transfer_ = emit_transfer();
}

llvm::GlobalVariable* VariableCode::emit_table() {
  std::string names;
  std::vector<std::uint64_t> words;
  for (std::size_t i = 0; i < specification_.variables.size(); ++i) {
    const Variable& variable = specification_.variables[i];
    const auto entry = entry_words(variable, static_cast<std::int64_t>(names.size()), memory_.variables[i]);
    words.insert(words.end(), entry.begin(), entry.end());
    names += variable.name + '\0';
  }
  auto& context = e_.module.getContext();
  names_ = constant_data(e_.module, llvm::ConstantDataArray::getString(context, names, true));
  return constant_data(e_.module, llvm::ConstantDataArray::get(context, llvm::ArrayRef<std::uint64_t>(words)));
}

/// Copies between a row-major array and a variable in panels: see backend::pack.
llvm::Function* VariableCode::emit_transfer() {
  auto& b = e_.b;
  llvm::Function* const function = internal(e_, specification_.prefix + "_transfer", b.getVoidTy(),
                                            {b.getPtrTy(), b.getPtrTy(), b.getPtrTy(), b.getInt1Ty()});
  llvm::Value* const entry = function->getArg(2);
  const auto read = [&](Entry field) { return load_i64(e_, entry, word(field)); };
  llvm::Value* const variable = e_.element(b.getInt8Ty(), function->getArg(0), read(kPlace));
  llvm::Value* const element = read(kElement);
  llvm::Value* const rows = read(kRows);
  llvm::Value* const columns = read(kColumns);
  llvm::Value* const panel = read(kPanel);
  llvm::Value* const last = read(kLast);
  llvm::Value* const panels = b.CreateSDiv(b.CreateAdd(columns, b.CreateSub(panel, e_.i64(1))), panel);
  e_.loop(e_.i64(0), panels, 1, {e_.i64(0)}, [&](llvm::Value* p, const Emitter::Values& packed) {
    llvm::Value* const column = b.CreateMul(p, panel);
    llvm::Value* const count = e_.min(panel, b.CreateSub(columns, column));
    llvm::Value* const is_last = b.CreateICmpEQ(b.CreateAdd(p, e_.i64(1)), panels);
    llvm::Value* const width = b.CreateSelect(is_last, last, panel);
    llvm::Value* const bytes = b.CreateMul(count, element);
    e_.loop(e_.i64(0), rows, 1, [&](llvm::Value* row) {
      llvm::Value* const plain = b.CreateAdd(b.CreateMul(row, columns), column);
      llvm::Value* const in_memory = b.CreateAdd(packed[0], b.CreateMul(row, width));
      llvm::Value* const outside = e_.element(b.getInt8Ty(), function->getArg(1), b.CreateMul(plain, element));
      llvm::Value* const inside = e_.element(b.getInt8Ty(), variable, b.CreateMul(in_memory, element));
      llvm::Value* const sets = function->getArg(3);
      copy(e_, b.CreateSelect(sets, inside, outside), b.CreateSelect(sets, outside, inside), bytes);
    });
    return Emitter::Values{b.CreateAdd(packed[0], b.CreateMul(rows, width))};
  });
  b.CreateRetVoid();
  return function;
}

llvm::Value* VariableCode::entry_of(llvm::Value* index) {
  llvm::Value* const number = e_.b.CreateSExt(index, e_.b.getInt64Ty());
  return e_.element(e_.b.getInt64Ty(), table_, e_.mul(number, e_.i64(kEntryWords)));
}

void VariableCode::return_if_no_variable(llvm::Value* index) {
  const auto count = static_cast<std::uint32_t>(specification_.variables.size());
  return_if(e_, e_.b.CreateICmpUGE(index, e_.b.getInt32(count)), kNoVariable);
}

void VariableCode::emit_get_or_set(Direction direction, std::uint64_t magic) {
  auto& b = e_.b;
  const bool sets = direction == Direction::kSet;
  llvm::Function* const function = e_.function(specification_.prefix + (sets ? "_set" : "_get"), b.getInt32Ty(),
                                               {b.getPtrTy(), b.getInt32Ty(), b.getPtrTy(), b.getInt64Ty()}, true);
  llvm::Value* const memory = checked_memory(e_, function->getArg(0), magic);
  llvm::Value* const index = function->getArg(1);
  return_if_no_variable(index);
  llvm::Value* const entry = entry_of(index);
  llvm::Value* const bytes = load_i64(e_, entry, word(kBytes));
  llvm::Value* const some = b.CreateICmpNE(bytes, e_.i64(0));
  return_if(e_, b.CreateAnd(some, b.CreateIsNull(function->getArg(2))), kNullPointer);
  return_if(e_, b.CreateICmpNE(function->getArg(3), bytes), kWrongSize);
  acquire_memory(e_, memory);
  llvm::Value* const given =
      e_.element(b.getInt8Ty(), at(e_, memory, memory_.given), b.CreateSExt(index, b.getInt64Ty()));
  llvm::Value* const missing = b.CreateICmpEQ(b.CreateLoad(b.getInt8Ty(), given), b.getInt8(0));
  if (sets) {
    b.CreateCall(transfer_, {memory, function->getArg(2), entry, b.getTrue()});
    e_.if_then(missing, [&] {
      b.CreateStore(b.getInt8(1), given);
      store(e_, b.CreateSub(load_i32(e_, memory, kMissingAt), b.getInt32(1)), memory, kMissingAt);
    });
  } else {
    e_.if_then(b.CreateNot(missing), [&] {
      b.CreateCall(transfer_, {memory, function->getArg(2), entry, b.getFalse()});
    });
  }
  release_memory(e_, memory);
  b.CreateRet(sets ? i32(e_, kOk) : b.CreateSelect(missing, i32(e_, kNotSet), i32(e_, kOk)));
}

/// Fills in a sluice_variable of the header.
void VariableCode::emit_describe() {
  auto& b = e_.b;
  llvm::Function* const function =
      e_.function(specification_.prefix + "_describe", b.getInt32Ty(), {b.getInt32Ty(), b.getPtrTy()}, true);
  llvm::Value* const to = function->getArg(1);
  return_if(e_, b.CreateIsNull(to), kNullPointer);
  return_if_no_variable(function->getArg(0));
  llvm::Value* const entry = entry_of(function->getArg(0));
  const auto read = [&](Entry field) { return load_i64(e_, entry, word(field)); };
  const auto read_short = [&](Entry field) { return b.CreateTrunc(read(field), b.getInt32Ty()); };
  std::int64_t offset = 0;
  const auto append = [&](llvm::Value* value, std::int64_t bytes) {
    store(e_, value, to, offset);
    offset += bytes;
  };
  append(e_.element(b.getInt8Ty(), names_, read(kName)), 8);
  append(read_short(kDType), 4);
  append(read_short(kRank), 4);
  for (std::int64_t axis = 0; axis < kMostAxes; ++axis) append(load_i64(e_, entry, word(kSizes) + 8 * axis), 8);
  append(read(kBytes), 8);
  append(read_short(kIsWeight), 4);
  append(read_short(kChanges), 4);
  append(read_short(kNeedsValue), 4);
  append(b.getInt32(0), 4);
  b.CreateRet(i32(e_, kOk));
}

void VariableCode::emit_access(std::uint64_t magic) {
  emit_get_or_set(Direction::kGet, magic);
  emit_get_or_set(Direction::kSet, magic);
  emit_describe();
}

void VariableCode::emit_initial(Constants& constants, llvm::Value* memory, llvm::Value* zeroed) {
  auto& b = e_.b;
  e_.if_then(b.CreateNot(zeroed), [&] {
    for (std::size_t i = 0; i < specification_.variables.size(); ++i) {
      const Variable& variable = specification_.variables[i];
      if (!variable.initial || !is_zero(*variable.initial)) continue;
      b.CreateMemSet(at(e_, memory, memory_.variables[i]), b.getInt8(0), e_.i64(bytes_in_memory(variable.type)),
                     llvm::MaybeAlign(kLine));
    }
  });
  int missing = 0;
  for (std::size_t i = 0; i < specification_.variables.size(); ++i) {
    const Variable& variable = specification_.variables[i];
    if (!variable.initial) {
      ++missing;
      continue;
    }
    store(e_, b.getInt8(1), memory, memory_.given + static_cast<std::int64_t>(i));
    const Array& initial = *variable.initial;
    if (is_zero(initial)) continue;
    llvm::Constant* const values =
        constants.of(e_.module, std::string(reinterpret_cast<const char*>(initial.bytes()), initial.byte_count()));
    if (initial.rank() > 0 || variable.type.shape.rank() == 0) {
      b.CreateCall(transfer_, {memory, values, entry_of(i32(e_, static_cast<std::int64_t>(i))), b.getTrue()});
      continue;
    }
    llvm::Type* const element = e_.memory_type(variable.type.dtype);
    llvm::Value* const value = b.CreateLoad(element, values);
    llvm::Value* const first = at(e_, memory, memory_.variables[i]);
    const std::int64_t count = bytes_in_memory(variable.type) / static_cast<std::int64_t>(initial.byte_count());
    e_.loop(e_.i64(0), e_.i64(count), 1, [&](llvm::Value* n) { b.CreateStore(value, e_.element(element, first, n)); });
  }
  store(e_, i32(e_, missing), memory, kMissingAt);
}

}  // namespace sluice::backend::aot
