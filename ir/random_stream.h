#pragma once

#include "sluice/random_stream.h"
