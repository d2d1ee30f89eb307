#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/target.h"
#include "sluice/type.h"

namespace sluice::ir {
struct Node;
}

namespace sluice::backend {

class DebugInfo;

/// The purpose of a prefetch: to read the cache line soon, to read it later (so L2 is near enough), or to write it
/// without reading it.
enum class Fetch { kRead, kReadLater, kWrite };

/// LLVM's builder for one module, with the types of elements, symbolic sizes and loops that all kernels need. Emits SSA
/// with phis directly, so that no IR pass has to run afterwards.
class Emitter {
 public:
  using Values = std::vector<llvm::Value*>;

  Emitter(llvm::Module& to, const Target& machine) : b(to.getContext()), module(to), target(machine) {}

  llvm::IRBuilder<> b;
  llvm::Module& module;
  const Target& target;
  DebugInfo* debug = nullptr;  ///< describes the code that is emitted, if somebody wants that

  /// What follows is another copy of code for the same nodes.
  void begin_copy();

  /// During its lifetime, code that is emitted belongs to `node` of the kernel's body.
  class At {
   public:
    At(Emitter& emitter, const ir::Node& node);
    ~At();
    At(const At&) = delete;
    At& operator=(const At&) = delete;

   private:
    Emitter& e_;
    const ir::Node* outer_;
    llvm::DebugLoc location_;
  };

  /// The value of a symbol in a kernel.
  struct Size {
    Symbol symbol;
    llvm::Value* value;
  };
  /// Begins a kernel with these values of its symbols and this end of its entry. Forgets the sizes computed in the
  /// kernel before.
  void begin_kernel(std::vector<Size> symbols, llvm::Instruction* end_of_entry);

  /// The type of an element in a register (bool: i1) and in memory (bool: i8).
  llvm::Type* register_type(DType dtype);
  llvm::Type* memory_type(DType dtype);
  /// `lanes` of them; the scalar itself for one lane.
  static llvm::Type* vector_of(llvm::Type* scalar, int lanes);

  /// `scalar`, or as many lanes of it as `x` has.
  static llvm::Type* like(llvm::Value* x, llvm::Type* scalar);
  /// `scalar` in as many lanes as `x` has.
  llvm::Value* splat_like(llvm::Value* x, llvm::Value* scalar);

  llvm::ConstantInt* i64(std::int64_t value) { return b.getInt64(static_cast<std::uint64_t>(value)); }
  /// A number of type `scalar`, integer or float.
  llvm::Value* number(llvm::Type* scalar, double value);
  /// A size as a value: a constant, or computed of the symbols.
  llvm::Value* size(Dim dim);
  /// The same, computed at the kernel's entry, so that all of its code may use it.
  llvm::Value* size_at_entry(Dim dim);
  /// ceil(size / block), a constant where the size is static.
  llvm::Value* blocks(Dim dim, std::int64_t block);
  /// The same of a number that is at least 0.
  llvm::Value* blocks_of(llvm::Value* count, std::int64_t block) {
    return b.CreateUDiv(b.CreateAdd(count, i64(block - 1)), i64(block));
  }
  llvm::Value* min(llvm::Value* x, llvm::Value* y);  ///< of signed integers
  llvm::Value* max(llvm::Value* x, llvm::Value* y);
  llvm::Value* mul(llvm::Value* x, llvm::Value* y);  ///< folds 0 and 1
  llvm::Value* add(llvm::Value* x, llvm::Value* y);  ///< folds 0
  /// The same of positions: a constant that one of them adds is added last, so that it becomes part of an address and
  /// elements at constant distances share their addresses.
  llvm::Value* mul_position(llvm::Value* x, llvm::Value* y);
  llvm::Value* add_positions(llvm::Value* x, llvm::Value* y);
  llvm::Value* splat(llvm::Value* scalar, int lanes);
  /// base + 0, 1, 2, ... as i64 lanes.
  llvm::Value* counting(llvm::Value* base, int lanes);
  /// Lanes whose number is below `count` (i64).
  llvm::Value* first_lanes(llvm::Value* count, int lanes);
  /// pointer + index elements of `element`.
  llvm::Value* element(llvm::Type* element, llvm::Value* pointer, llvm::Value* index) {
    return b.CreateGEP(element, pointer, index);
  }
  /// Prefetches the cache line at `pointer`.
  void prefetch(llvm::Value* pointer, Fetch fetch);
  /// x * y + z, fused where the machine can.
  llvm::Value* multiply_add(llvm::Value* x, llvm::Value* y, llvm::Value* z);

  /// for (i = begin; i < end; i += step) body(i)
  void loop(llvm::Value* begin, llvm::Value* end, std::int64_t step, const std::function<void(llvm::Value*)>& body);
  /// The same with values carried from one iteration to the next; returns them after the last.
  Values loop(llvm::Value* begin, llvm::Value* end, std::int64_t step, Values carried,
              const std::function<Values(llvm::Value*, const Values&)>& body);
  void if_then(llvm::Value* condition, const std::function<void()>& then);
  void if_else(llvm::Value* condition, const std::function<void()>& then, const std::function<void()>& otherwise);

  /// Emits a block that ends with a jump to the block where emission continues, and returns the jump. Code that is to
  /// run once, ahead of the inner code, can be inserted before it.
  llvm::Instruction* preheader(const char* name);

  /// An empty function with the attributes of all generated code; emission goes on in its entry block.
  llvm::Function* function(const std::string& name, llvm::Type* result, const std::vector<llvm::Type*>& parameters,
                           bool exported);

  /// Functions that several kernels share, by a name that says all they depend on.
  std::map<std::string, llvm::Function*> shared;

 private:
  llvm::Value* value_of(Symbol symbol) const;
  llvm::Value* sum_of(Dim dim);

  void locate();  ///< sets the debug location of the current function to that of node_

  const ir::Node* node_ = nullptr;                      ///< whose code is being emitted
  std::vector<Size> sizes_;                             ///< of the kernel that is being emitted
  llvm::Instruction* entry_ = nullptr;                  ///< the end of its entry
  std::vector<std::pair<Dim, llvm::Value*>> computed_;  ///< sizes of several symbols, at its entry
};

}  // namespace sluice::backend
