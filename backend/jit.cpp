#include "backend/jit.h"

#include <llvm/ExecutionEngine/Orc/LLJIT.h>

#include "ir/error.h"

namespace sluice::backend {

namespace {
template <typename T>
T take(llvm::Expected<T> value, const char* what) {
  if (!value) fail("{}: {}", what, llvm::toString(value.takeError()));
  return std::move(*value);
}
}  // namespace

struct Jit::Implementation {
  std::unique_ptr<llvm::orc::LLJIT> lljit;
};

Jit::Jit(const std::vector<ObjectCode>& objects) : implementation_(std::make_unique<Implementation>()) {
  implementation_->lljit = take(llvm::orc::LLJITBuilder().create(), "starting the JIT");
  for (const ObjectCode& object : objects) {
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object.data(), object.size()));
    if (auto error = implementation_->lljit->addObjectFile(std::move(buffer)))
      fail("loading kernels: {}", llvm::toString(std::move(error)));
  }
}

Jit::~Jit() = default;

void* Jit::lookup(const std::string& symbol) const {
  return take(implementation_->lljit->lookup(symbol), "linking kernels").toPtr<void*>();
}

}  // namespace sluice::backend
