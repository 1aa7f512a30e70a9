#include "stages/learning/training_run.hpp"

#include <fmt/format.h>

#include "stages/learning/classification.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;
using kind_of_file = network_file::kind_of_file;

std::vector<epoch_record> history_of(json const& list, std::uint32_t epochs) {
  std::vector<epoch_record> history;
  for (auto const& each : list)
    history.push_back({each.at("train_loss").get<double>(), each.at("dev_accuracy").get<double>(),
                       each.at("dev_macro_f1").get<double>()});
  if (history.size() > epochs)
    throw shape_error("checkpoint.history", std::to_string(history.size()) + " epochs",
                      "at most " + std::to_string(epochs));
  return history;
}

}  // namespace

json to_json(std::vector<epoch_record> const& history) {
  json list = json::array();
  for (auto const& each : history)
    list.push_back({{"epoch", list.size() + 1},
                    {"train_loss", each.train_loss},
                    {"dev_accuracy", each.dev_accuracy},
                    {"dev_macro_f1", each.dev_macro_f1}});
  return list;
}

std::vector<trained_run> training_runs::run() {
  auto state = resume();
  while (done_.size() < from_.seeds) {
    done_.push_back(run_one(std::move(state)));
    state = {};
  }
  std::error_code gone;
  fs::remove(checkpoint_file(), gone);
  return done_;
}

trained_run training_runs::run_one(fit_state state) {
  auto const index = done_.size();
  auto options = from_.options;
  options.seed += index;
  fit_hooks hooks;
  hooks.step = [&](std::uint32_t epoch, std::size_t step, std::size_t steps, double loss) {
    double const epochs = static_cast<double>(index * options.epochs + epoch) +
                          static_cast<double>(step) / static_cast<double>(steps);
    tell_.progress(
        epochs / (static_cast<double>(options.epochs) * from_.seeds),
        fmt::format("seed {} of {}, epoch {} of {}, step {} of {}, loss {:.4f}", index + 1,
                    from_.seeds, epoch + 1, options.epochs, step + 1, steps, loss));
  };
  hooks.epoch_done = [&](fit_state const& now) {
    keep(now);
    auto const& last = now.history.back();
    tell_.log(fmt::format("seed {}, epoch {}: loss {:.4f}, dev accuracy {:.4f}, macro-F1 {:.4f}",
                          options.seed, now.history.size(), last.train_loss, last.dev_accuracy,
                          last.dev_macro_f1));
  };
  state = fit(std::move(state), from_.train, from_.dev, from_.classes, options, device_, hooks);
  if (index == 0)
    write_model(state);
  return {options.seed, state.history, predict(state.network, from_.dev.inputs, device_)};
}

fit_state training_runs::resume() {
  fit_state state;
  if (!fs::exists(checkpoint_file()))
    return state;
  try {
    read_checkpoint(state);
    resumed_ = done_.size() * from_.options.epochs + state.history.size();
    tell_.log(fmt::format("goes on from the checkpoint: {} of {} epochs are done", resumed_,
                          std::size_t{from_.options.epochs} * from_.seeds));
    return state;
  } catch (std::exception const& e) {  // whatever is wrong with it: training can begin anew
    done_.clear();
    tell_.log(std::string{"the checkpoint is not used, training begins anew: "} + e.what());
    return {};
  }
}

void training_runs::read_checkpoint(fit_state& state) {
  auto file = read_network(checkpoint_file(), kind_of_file::checkpoint, "checkpoint");
  auto const& about = file.about;
  if (about.at("fingerprint") != from_.fingerprint)
    throw shape_error("checkpoint.fingerprint", about.at("fingerprint").dump(),
                      from_.fingerprint + ", that of these options and data");
  for (auto const& each : about.at("finished"))
    done_.push_back({each.at("seed").get<std::uint64_t>(),
                     history_of(each.at("history"), from_.options.epochs),
                     each.at("predicted").get<std::vector<std::uint32_t>>()});
  if (!done_.empty() &&
      read_network(model_file(), kind_of_file::model, "model").about.at("fingerprint") !=
          from_.fingerprint)
    throw shape_error("model", "one of another training", "the first seed's");
  auto const& shape = file.network.shape;
  if (shape.inputs != from_.train.inputs.columns || shape.classes != from_.classes ||
      done_.size() >= from_.seeds)
    throw shape_error("checkpoint.network", "one of another shape", "this training's");
  for (auto const& run : done_)
    if (run.predicted.size() != from_.dev.labels.size())
      throw shape_error("checkpoint.finished", "other examples", "this training's");
  state.history = history_of(about.at("history"), from_.options.epochs);
  state.network = std::move(file.network);
}

void training_runs::keep(fit_state const& state) const {
  network_file file{kind_of_file::checkpoint, json::object(), state.network};
  json finished = json::array();
  for (auto const& run : done_)
    finished.push_back(
        {{"seed", run.seed}, {"history", to_json(run.history)}, {"predicted", run.predicted}});
  file.about = {{"fingerprint", from_.fingerprint},
                {"finished", std::move(finished)},
                {"history", to_json(state.history)}};
  write_network(checkpoint_file(), file);
}

void training_runs::write_model(fit_state const& state) const {
  network_file file{kind_of_file::model, from_.about_model, state.network};
  file.network.first_moments.clear();
  file.network.second_moments.clear();
  file.about["fingerprint"] = from_.fingerprint;
  write_network(model_file(), file);
}

}  // namespace nsai::stages
