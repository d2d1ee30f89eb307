#pragma once

#include <dnnl.hpp>
#include <unordered_map>

#include "bench/peers/peer.h"

namespace sluice::bench {

/// relu(input weights + bias), or without relu or bias, as a oneDNN primitive that keeps the weights in the layout of
/// its choice. Input and result are row-major.
class OnednnMatmul {
 public:
  /// `weights` is read in the constructor; `bias` may be null.
  OnednnMatmul(int m, int n, int k, const Operand& weights, const float* bias, bool relu) {
    using Tag = dnnl::memory::format_tag;
    const auto describe = [](int rows, int columns, Tag tag) {
      return dnnl::memory::desc({rows, columns}, dnnl::memory::data_type::f32, tag);
    };
    const dnnl::memory::desc input = describe(m, k, Tag::ab);
    const dnnl::memory::desc result = describe(m, n, Tag::ab);
    dnnl::primitive_attr attributes;
    dnnl::post_ops after;
#if DNNL_VERSION_MAJOR >= 3
    if (relu) after.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
    attributes.set_post_ops(after);
    const auto primitive =
        bias != nullptr ? dnnl::matmul::primitive_desc(engine_, input, describe(k, n, Tag::any),
                                                       describe(1, n, Tag::ab), result, attributes)
                        : dnnl::matmul::primitive_desc(engine_, input, describe(k, n, Tag::any), result, attributes);
#else
    if (relu) after.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
    attributes.set_post_ops(after);
    const auto operation = bias != nullptr
                               ? dnnl::matmul::desc(input, describe(k, n, Tag::any), describe(1, n, Tag::ab), result)
                               : dnnl::matmul::desc(input, describe(k, n, Tag::any), result);
    const dnnl::matmul::primitive_desc primitive(operation, attributes, engine_);
#endif
    matmul_ = dnnl::matmul(primitive);
    dnnl::memory plain(describe(k, n, weights.transposed ? Tag::ba : Tag::ab), engine_,
                       const_cast<float*>(weights.data));
    dnnl::memory packed(primitive.weights_desc(), engine_);
    dnnl::reorder(plain, packed).execute(stream_, plain, packed);
    stream_.wait();
    input_ = dnnl::memory(input, engine_, nullptr);
    result_ = dnnl::memory(result, engine_, nullptr);
    arguments_ = {{DNNL_ARG_SRC, input_}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, result_}};
    if (bias != nullptr)
      arguments_.emplace(DNNL_ARG_BIAS, dnnl::memory(describe(1, n, Tag::ab), engine_, const_cast<float*>(bias)));
  }

  void run(const float* input, float* result) {
    input_.set_data_handle(const_cast<float*>(input));
    result_.set_data_handle(result);
    matmul_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul matmul_;
  dnnl::memory input_;
  dnnl::memory result_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace sluice::bench
