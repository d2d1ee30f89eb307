/* Trains MNIST's perceptron, in C: the exported step of the guide's model, with its optimizer.

     train MNIST_FOLDER [epochs] [threads]     a folder with train-images-idx3-ubyte and train-labels-idx1-ubyte */
#include "mnist.h"
#include "sluice_memory.h"
#include "sluice_threads.h"
#include "sluice_weights.h"
#include "step.h"

enum { BATCH = 128, PIXELS = 28 * 28 };

int main(int argc, char** argv) {
  const double start = now();
  const int epochs = argc > 2 ? atoi(argv[2]) : 1;
  const int thread_count = argc > 3 ? atoi(argv[3]) : 2;
  sluice_threads* const threads = sluice_threads_start(thread_count);
  const sluice_team team = sluice_threads_team(threads);
  const int64_t bytes = step_memory_bytes(BATCH, team.threads);
  void* const memory = sluice_memory_new(bytes);
  sluice_context context;
  long count = 0;
  int epoch;
  uint8_t* images;
  uint8_t* labels;
  double first = 0;
  if (argc < 2) {
    fprintf(stderr, "train MNIST_FOLDER [epochs] [threads]\n");
    return 2;
  }
  if (memory == NULL || step_init_zeroed(&context, memory, bytes, BATCH, &team) != SLUICE_OK) return 1;
  if (sluice_load_weights("step.safetensors", &context, step_variables()) != SLUICE_OK) return 1;
  first = now() - start;
  images = read_idx(argv[1], "train-images-idx3-ubyte", &count);
  labels = read_idx(argv[1], "train-labels-idx1-ubyte", &count);
  for (epoch = 0; epoch < epochs; ++epoch) {
    const double begin = now();
    double loss_sum = 0;
    double accuracy_sum = 0;
    long steps = 0;
    long at;
    for (at = 0; at < count; at += BATCH, ++steps) {
      const int64_t size = count - at < BATCH ? count - at : BATCH;
      float loss;
      float accuracy;
      if (step_run(&context, size, images + at * PIXELS, labels + at, &loss, &accuracy) != SLUICE_OK) return 1;
      loss_sum += loss;
      accuracy_sum += accuracy;
    }
    printf("Epoch %d: loss %.4f, accuracy %.2f%%, %.0f microseconds a step\n", epoch, loss_sum / (double)steps,
           100 * accuracy_sum / (double)steps, 1e6 * (now() - begin) / (double)steps);
  }
  printf("%lld bytes of memory, ready after %.2f ms\n", (long long)bytes, 1e3 * first);
  if (sluice_save_weights("trained.safetensors", &context, step_variables()) != SLUICE_OK) return 1;
  sluice_threads_stop(threads);
  sluice_memory_delete(memory);
  free(images);
  free(labels);
  return 0;
}
