#include "tests/oracles/registry.h"

namespace sluice::oracles {

const Builders& builders() {
  static const Builders kBuilders = [] {
    Builders all;
    for (const auto add : {add_elementwise, add_arrays, add_products, add_images, add_norms, add_losses, add_recurrent,
                           add_optimizers, add_models, add_keras_models, add_derivatives, add_attention, add_loops}) {
      add(all);
    }
    return all;
  }();
  return kBuilders;
}

}  // namespace sluice::oracles
