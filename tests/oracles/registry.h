#pragma once

#include <map>
#include <string>

#include "tests/oracles/program.h"

namespace sluice::oracles {

using Builders = std::map<std::string, Builder, std::less<>>;

// Each file of this folder adds the builders of its family.
void add_elementwise(Builders& builders);
void add_arrays(Builders& builders);
void add_products(Builders& builders);
void add_images(Builders& builders);
void add_norms(Builders& builders);
void add_losses(Builders& builders);
void add_recurrent(Builders& builders);
void add_optimizers(Builders& builders);
void add_models(Builders& builders);
void add_keras_models(Builders& builders);
void add_derivatives(Builders& builders);
void add_attention(Builders& builders);
void add_loops(Builders& builders);

/// All builders by the op that they know.
const Builders& builders();

}  // namespace sluice::oracles
