#pragma once

// Everything needed to write, train and run a model.
#include "sluice/frontend.h"
#include "sluice/interrupt.h"
#include "sluice/json_lines.h"
#include "sluice/mean.h"
#include "sluice/progress.h"
#include "sluice/tensorboard.h"
#include "sluice/trainer.h"
