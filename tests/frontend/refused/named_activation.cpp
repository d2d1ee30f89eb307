// Must not compile: ctest checks that the compiler says why, and nothing else.
#include "sluice/sluice.h"

using namespace sluice;

void bad() { const Dense dense(4, "relu"); }
