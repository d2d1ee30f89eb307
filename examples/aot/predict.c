/* Classifies MNIST's test images with a saved model that `sluice compile` made an object of:

     sluice compile digits -o digits --embed-weights --max-batch 1
     predict MNIST_FOLDER     a folder with t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte

   One thread, and memory whose size is known when it is compiled. */
#include "digits.h"
#include "mnist.h"

enum { PIXELS = 28 * 28 };

#if defined(__GNUC__)
__attribute__((aligned(DIGITS_ALIGNMENT)))
#endif
static unsigned char memory[DIGITS_MEMORY_BYTES(1)];

int main(int argc, char** argv) {
  sluice_context context;
  long count = 0;
  long right = 0;
  long i;
  double begin;
  uint8_t* images;
  uint8_t* labels;
  if (argc < 2) {
    fprintf(stderr, "predict MNIST_FOLDER\n");
    return 2;
  }
  if (digits_init_zeroed(&context, memory, sizeof memory, NULL) != SLUICE_OK) return 1;
  images = read_idx(argv[1], "t10k-images-idx3-ubyte", &count);
  labels = read_idx(argv[1], "t10k-labels-idx1-ubyte", &count);
  begin = now();
  for (i = 0; i < count; ++i) {
    int64_t digit;
    float probabilities[10];
    if (digits_run(&context, 1, images + i * PIXELS, &digit, probabilities) != SLUICE_OK) return 1;
    right += digit == labels[i];
  }
  printf("%ld of %ld right, %.1f microseconds an image\n", right, count, 1e6 * (now() - begin) / (double)count);
  free(images);
  free(labels);
  return 0;
}
