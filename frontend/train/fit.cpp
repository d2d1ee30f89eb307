#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <type_traits>
#include <utility>

#include "frontend/train/step_optimizers.h"
#include "runtime/execution/non_finite.h"
#include "sluice/detail/trace.h"
#include "sluice/detail/training_state.h"
#include "sluice/error.h"
#include "sluice/interrupt.h"
#include "sluice/random.h"
#include "sluice/trainer.h"

namespace sluice {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr std::string_view kAdvice =
    "TrainerOptions::check_numerics, or SLUICE_FLAGS=--check-numerics, ends at the first such number and names the "
    "line "
    "that makes it";

/// Returns the name of the first of `variables` with a non-finite element, or an empty string.
std::string not_finite(const std::vector<Variable>& variables, bool trainable_only) {
  for (const Variable& variable : variables) {
    if (trainable_only && !variable.trainable()) continue;  // a mask, for example, may be infinite on purpose
    if (!runtime::all_finite(variable.value())) return variable.name();
  }
  return "";
}

}  // namespace

/// One call of Trainer::fit.
class Fit {
 public:
  Fit(Trainer& trainer, const Pipeline& examples, const FitOptions& options);

  History run();

 private:
  struct OnWhileAlive {
    explicit OnWhileAlive(bool& the_switch) : on(the_switch) { on = true; }
    ~OnWhileAlive() { on = false; }
    OnWhileAlive(const OnWhileAlive&) = delete;
    OnWhileAlive& operator=(const OnWhileAlive&) = delete;

    bool& on;
  };

  void begin();
  void save();
  bool train_epoch();
  bool end_epoch();
  void step(const Batch& b);
  void prepare_update() const;
  std::vector<Array> run_step(const Batch& b);
  template <typename F>
  std::invoke_result_t<F&> saving(F f);
  Batches ahead(const Batches& batches) const { return batches.prefetch(options_.prefetch, options_.prefetch_threads); }
  void report(std::span<const Array> values);
  void note_numbers(const EpochRecord& record);
  bool note_lost_variables();
  void note_best(const EpochRecord& record);
  bool restore_best();
  void finish_model();
  bool waited_long_enough() const;
  bool interrupted() const { return guard_ && InterruptGuard::happened(); }
  bool must_end() const { return lost_ || trainer_.stop_ || interrupted(); }
  const Variable& learning_rate() const { return trainer_.optimizer_->learning_rate(); }

  Trainer& trainer_;
  const Pipeline& examples_;
  const FitOptions& options_;
  std::optional<InterruptGuard> guard_;
  const OnWhileAlive fitting_{trainer_.fitting_};
  std::size_t watched_ = 0;  ///< the value that early stopping monitors
  detail::Checkpoint checkpoint_;
  std::optional<std::pair<std::int64_t, std::int64_t>> saved_;  ///< epoch and step of the last checkpoint
  std::int64_t steps_;                                          ///< per epoch
  TrainingState state_;
  bool lost_ = false;                   ///< variables of the model are no longer finite
  bool warned_ = false;                 ///< about a non-finite loss
  double earlier_seconds_ = 0;          ///< of this epoch, before start_
  Clock::time_point start_;             ///< of this epoch, or of the rest of it
  std::vector<double> values_, means_;  ///< for reports, kept for reuse
};

Fit::Fit(Trainer& trainer, const Pipeline& examples, const FitOptions& options)
    : trainer_(trainer), examples_(examples), options_(options), steps_(ahead(examples.batches(options.batch)).size()) {
  state_.history.names = trainer.names_;
  state_.means.resize(trainer.names_.size());
  trainer.stop_ = false;
  if (trainer.accumulation_ != nullptr) trainer.accumulation_->drop_window(trainer.trained_);
  if (options.stop_on_interrupt) guard_.emplace();
  if (options.early_stopping) {
    const EarlyStopping& early = *options.early_stopping;
    if (early.patience < 1)
      fail_at_user(
          fmt::format("fit: expected a patience of at least 1 epoch for early stopping, got {}", early.patience));
    const auto found = std::ranges::find(trainer.names_, early.metric);
    if (found == trainer.names_.end()) {
      fail_at_user(fmt::format("fit: early stopping monitors \"{}\", the trainer has {}", early.metric,
                               fmt::join(trainer.names_, ", ")));
    }
    watched_ = static_cast<std::size_t>(found - trainer.names_.begin());
    checkpoint_.watched = early.metric;
  }
  trainer.check_batches(*trainer.train_step_, "the examples", examples, options.batch);
  trainer.check_batches(*trainer.evaluate_, "the examples of the validation", options.validation, options.batch);
  if (!options.checkpoint.folder.empty()) begin();
}

/// Continues from an existing checkpoint, or writes a first one, which shows right away whether that works.
void Fit::begin() {
  const CheckpointOptions& options = options_.checkpoint;
  if (options.every_steps < 0 || options.every_epochs < 1) {
    fail("fit: expected every_steps of at least 0 and every_epochs of at least 1, got {} and {}", options.every_steps,
         options.every_epochs);
  }
  const auto add = [&](std::string_view group, const std::vector<Variable>& variables) {
    std::ranges::move(detail::checkpoint_variables(group, variables), std::back_inserter(checkpoint_.variables));
  };
  add("model", trainer_.model_.all());
  add("optimizer", trainer_.optimizer_->variables());
  add("random", random_variables());
  checkpoint_.batch = options_.batch;
  checkpoint_.seed = options_.seed;
  checkpoint_.examples = examples_.size();
  checkpoint_.accumulate = trainer_.options_.accumulate;

  if (!options_.schedule) state_.learning_rate = learning_rate().value().item<double>();
  detail::prepare_folder(options.folder);
  const std::filesystem::path path = checkpoint_file(options.folder);
  if (!std::filesystem::exists(path)) return save();
  if (!options.resume) {
    fail("{}: already exists and would be overwritten: resume from it, remove it, or name another folder",
         path.string());
  }
  detail::read_checkpoint(path, checkpoint_, state_);
  saved_ = {state_.epoch, state_.step};
  // A best epoch whose variables were not kept cannot be restored.
  const bool restore = options_.early_stopping && options_.early_stopping->restore_best;
  if (restore && state_.best_variables.empty()) state_.best = std::numeric_limits<double>::quiet_NaN();
}

void Fit::save() {
  if (options_.checkpoint.folder.empty() || saved_ == std::pair(state_.epoch, state_.step)) return;
  if (lost_ || note_lost_variables()) return;  // the existing checkpoint is worth more
  detail::write_checkpoint(checkpoint_file(options_.checkpoint.folder), checkpoint_, state_);
  saved_ = {state_.epoch, state_.step};
}

History Fit::run() {
  Ending& ending = state_.history.ending;
  while (state_.epoch < options_.epochs && !waited_long_enough() && !must_end()) {
    if (!train_epoch() || !end_epoch()) break;
  }
  if (interrupted()) {
    ending = Ending::kInterrupted;
  } else if (trainer_.stop_) {
    ending = Ending::kStopped;
  } else if (waited_long_enough()) {
    ending = Ending::kEarly;
  }
  save();
  if (lost_) ending = Ending::kNotFinite;
  finish_model();
  for (const Callback& callback : options_.callbacks) {
    if (callback.on_end) callback.on_end(state_.history);
  }
  return std::move(state_.history);
}

/// Runs the remaining steps of the epoch; returns false if training must end.
bool Fit::train_epoch() {
  start_ = Clock::now();
  earlier_seconds_ = state_.seconds;
  const std::uint64_t order = (std::uint64_t{options_.seed} << 32) + static_cast<std::uint64_t>(state_.epoch);
  Batches batches = ahead(examples_.shuffled(order).batches(options_.batch).skip(state_.step));
  Batches::Iterator b = saving([&] { return batches.begin(); });
  while (b != batches.end()) {
    step(*b);
    if (must_end()) return false;
    saving([&] { ++b; });
  }
  return true;
}

void Fit::step(const Batch& b) {
  prepare_update();
  const std::vector<Array> values = run_step(b);
  for (std::size_t i = 0; i < values.size(); ++i) state_.means[i].add(values[i], b.size());
  ++state_.step;
  state_.seconds = earlier_seconds_ + seconds_since(start_);
  report(values);
  const std::int64_t every = options_.checkpoint.every_steps;
  if (every > 0 && (state_.epoch * steps_ + state_.step) % every == 0) save();
}

/// A step or a batch that throws has changed nothing, so everything before it is kept: a resumed run reaches it again.
template <typename F>
std::invoke_result_t<F&> Fit::saving(F f) {
  try {
    return f();
  } catch (const Error&) {
    save();
    throw;
  }
}

std::vector<Array> Fit::run_step(const Batch& b) {
  return saving([&] { return Trainer::call(*trainer_.train_step_, b); });
}

void Fit::report(std::span<const Array> values) {
  if (std::ranges::none_of(options_.callbacks, [](const Callback& callback) { return bool(callback.on_step); })) return;
  values_.clear();
  means_.clear();
  for (const Array& value : values) values_.push_back(value.item<double>());
  for (const Mean& mean : state_.means) means_.push_back(mean.result());
  const StepReport report{.epoch = state_.epoch,
                          .epochs = options_.epochs,
                          .step = state_.step,
                          .steps = steps_,
                          .names = trainer_.names_,
                          .values = values_,
                          .means = means_,
                          .learning_rate = learning_rate().value().item<double>(),
                          .seconds = state_.seconds,
                          .examples_per_second = static_cast<double>(state_.means[0].count()) / state_.seconds};
  for (const Callback& callback : options_.callbacks) {
    if (callback.on_step) callback.on_step(report);
  }
}

/// Sets the learning rate of the update to which the next step belongs, and how many steps that has.
void Fit::prepare_update() const {
  const std::int64_t accumulate = trainer_.options_.accumulate;
  const std::int64_t update = state_.step / accumulate;  // in this epoch
  if (trainer_.accumulation_ != nullptr) {
    trainer_.accumulation_->set_window(std::min(accumulate, steps_ - update * accumulate));
  }
  if (!options_.schedule) return;
  const std::int64_t updates = (steps_ + accumulate - 1) / accumulate;
  const double rate = options_.schedule(state_.epoch * updates + update);
  if (!(rate >= 0) || !std::isfinite(static_cast<float>(rate))) {
    fail_at_user(fmt::format("fit: the schedule returns {} for step {}, expected a finite f32 of at least 0", rate,
                             state_.epoch * updates + update));
  }
  learning_rate().assign(Array::scalar(static_cast<float>(rate)));
}

/// Validates and records the epoch; returns false if it was interrupted before that, so the epoch has not ended.
bool Fit::end_epoch() {
  EpochRecord record{.epoch = state_.epoch,
                     .learning_rate = learning_rate().value().item<double>(),
                     .examples_per_second = static_cast<double>(state_.means[0].count()) / state_.seconds};
  for (const Mean& mean : state_.means) record.training.push_back(mean.result());
  if (options_.validation.size() > 0) {
    auto means = saving([&] {
      return trainer_.means_of(ahead(options_.validation.batches(options_.batch)), [&] { return interrupted(); });
    });
    if (!means) return false;
    record.validation = std::move(*means);
  }
  record.seconds = earlier_seconds_ + seconds_since(start_);
  if (options_.early_stopping) note_best(record);
  state_.history.epochs.push_back(std::move(record));
  ++state_.epoch;
  state_.step = 0;
  state_.seconds = 0;
  state_.means.assign(state_.means.size(), Mean());
  for (const Callback& callback : options_.callbacks) {
    if (callback.on_epoch) callback.on_epoch(state_.history);
  }
  note_numbers(state_.history.epochs.back());
  if (lost_) return false;
  if (state_.epoch % options_.checkpoint.every_epochs == 0) save();
  return true;
}

/// Returns whether trained variables are no longer finite, and warns if so. The loss of the step that caused it may
/// still have been finite, or its epoch may not have ended.
bool Fit::note_lost_variables() {
  const std::string name = not_finite(trainer_.model_.all(), true);
  if (name.empty()) return false;
  lost_ = true;
  warn_at_user(
      fmt::format("fit: \"{}\" is not finite after step {} of epoch {}, so no checkpoint is written, and the training "
                  "ends; {}",
                  name, state_.step, state_.epoch, kAdvice));
  return true;
}

/// Warns of a non-finite loss, and checks whether the model can still be trained.
void Fit::note_numbers(const EpochRecord& record) {
  const double loss =
      std::isfinite(record.training[0]) && !record.validation.empty() ? record.validation[0] : record.training[0];
  if (std::isfinite(loss)) return;
  const std::string name = not_finite(trainer_.model_.all(), false);
  lost_ = !name.empty();
  if (!lost_ && std::exchange(warned_, true)) return;
  warn_at_user(fmt::format("fit: the loss is {} in epoch {}{}; {}", std::isnan(loss) ? "nan" : "infinite", record.epoch,
                           lost_ ? fmt::format(", and \"{}\" is not finite either, so the training ends", name) : "",
                           kAdvice));
}

void Fit::note_best(const EpochRecord& record) {
  const EarlyStopping& early = *options_.early_stopping;
  const double value = (record.validation.empty() ? record.training : record.validation)[watched_];
  const double gain = early.higher_is_better ? value - state_.best : state_.best - value;
  ++state_.waited;
  const bool first = std::isnan(state_.best) && !std::isnan(value);
  if (!first && !(gain > early.min_delta)) return;
  state_.waited = 0;
  state_.best = value;
  if (!early.restore_best) return;
  state_.best_variables.clear();
  const ExponentialMovingAverage* const averages = trainer_.averages();
  for (const Variable& variable : trainer_.model_.all()) {
    state_.best_variables.push_back((averages != nullptr ? averages->average(variable) : variable).value());
  }
}

/// Gives the model, and its averages, the variables of the best epoch; returns false if none were kept.
bool Fit::restore_best() {
  const ExponentialMovingAverage* const averages = trainer_.averages();
  const std::vector<Variable> variables = trainer_.model_.all();
  for (std::size_t i = 0; i < state_.best_variables.size(); ++i) {
    variables[i].assign(state_.best_variables[i]);
    if (averages != nullptr) averages->average(variables[i]).assign(state_.best_variables[i]);
  }
  return !state_.best_variables.empty();
}

/// After the last checkpoint, so that a resumed run continues with the variables as trained.
void Fit::finish_model() {
  if (state_.history.ending != Ending::kInterrupted && restore_best()) return;
  if (const ExponentialMovingAverage* const averages = trainer_.averages()) averages->finalize(trainer_.model_);
}

bool Fit::waited_long_enough() const {
  return options_.early_stopping && state_.waited >= options_.early_stopping->patience;
}

History Trainer::fit(const Pipeline& examples, const FitOptions& options, std::source_location where) {
  const Scope scope(where);
  if (examples.size() == 0) fail_at_user("fit: there are no examples");
  if (options.batch < 1) {
    fail_at_user(fmt::format("fit: expected a batch of at least 1 example, got {}", options.batch));
  }
  if (options.epochs < 0) fail_at_user(fmt::format("fit: expected at least 0 epochs, got {}", options.epochs));
  compile();
  return Fit(*this, examples, options).run();
}

}  // namespace sluice
