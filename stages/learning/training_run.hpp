#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "messages/field_list.hpp"
#include "stages/learning/fit.hpp"
#include "stages/learning/network_file.hpp"

namespace nsai::stages {

/// One training from one seed, done.
struct trained_run {
  std::uint64_t seed = 0;
  std::vector<epoch_record> history;
  std::vector<std::uint32_t> predicted;  // of the dev examples
};

/// Trains from several seeds, one after the other, and keeps after every epoch what it needs to go
/// on from there: in `checkpoint.nsai` in a folder that outlives the attempt. The network of the
/// first seed is written as `model.nsai` when it is done; no run is chosen by its dev scores.
class training_runs {
 public:
  struct setup {
    examples train;
    examples dev;
    std::size_t classes = 0;
    fit_options options;  // the first run's seed
    std::uint32_t seeds = 1;
    std::filesystem::path folder;
    std::string fingerprint;  // of options and data: a checkpoint of others is not gone on from
    json about_model;         // into the model's head
  };
  struct listener {
    /// May throw compute_stopped.
    std::function<void(double fraction, std::string const& text)> progress;
    std::function<void(std::string const& line)> log;
  };

  training_runs(setup from, compute& device, listener tell)
      : from_(std::move(from)), device_(device), tell_(std::move(tell)) {}

  /// Each seed's run, in order; removes the checkpoint.
  std::vector<trained_run> run();

  /// Epochs that were done before this attempt; 0: it began anew.
  std::size_t resumed_epochs() const { return resumed_; }

  std::filesystem::path model_file() const { return from_.folder / "model.nsai"; }
  std::filesystem::path checkpoint_file() const { return from_.folder / "checkpoint.nsai"; }

 private:
  fit_state resume();
  fit_state read_checkpoint();
  void keep(fit_state const& state) const;
  void write_model(fit_state const& state) const;
  trained_run run_one(fit_state state);

  setup from_;
  compute& device_;
  listener tell_;
  std::vector<trained_run> done_;
  std::size_t resumed_ = 0;
};

/// What a checkpoint says: the runs that are done, and where the next one stands.
struct training_checkpoint {
  std::vector<trained_run> finished;
  fit_state next;
};

/// Throws shape_error at "checkpoint" where it is not one of `of`'s training: another fingerprint,
/// shape, number of epochs or examples, seeds that are not those of its runs, classes beyond its.
training_checkpoint checkpoint_of(network_file file, training_runs::setup const& of);

json to_json(std::vector<epoch_record> const& history);  // [{"epoch", "train_loss", ...}]

}  // namespace nsai::stages
