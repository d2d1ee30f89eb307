#pragma once

#include "backend/codegen/emitter.h"

// Transcendental functions that several ops use, as straight-line code on scalars or vectors; math.cpp also has the
// rules of the ops that are such functions. f32 uses polynomials, so that whole vectors are computed at once and
// nothing outside the kernel is called; pow, and f64 but for a few functions, call the C library lane by lane.
namespace sluice::backend {

llvm::Value* emit_log(Emitter& e, llvm::Value* x);
/// sin(2 pi t), or cos(2 pi t) where `cosine` holds, for 0 <= t < 1.
llvm::Value* emit_wave(Emitter& e, llvm::Value* t, llvm::Value* cosine);

/// The C library's function of one or two arguments, lane by lane: "pow" is powf for f32.
llvm::Value* emit_library_call(Emitter& e, const std::string& name, const std::vector<llvm::Value*>& arguments);

}  // namespace sluice::backend
