#include <sluice/frontend.h>

int main() {
  const sluice::Variable w("w", sluice::Array::scalar(1.0F));
  const auto step = sluice::function("step", {sluice::f32(sluice::batch)}, [&](sluice::Tensor x) {
    const sluice::Tensor loss = sluice::reduce_mean(sluice::square(x * w - 3.0F));
    w.assign_sub(0.1F * sluice::gradients(loss, {w})[0]);
    return loss;
  });
  float last = 0;
  for (int i = 0; i < 100; ++i) last = step(std::vector<float>{1.0F, 1.0F}).item<float>();
  return last < 1e-6F ? 0 : 1;
}
