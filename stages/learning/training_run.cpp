#include "stages/learning/training_run.hpp"

#include <fmt/format.h>

#include "stages/learning/classification.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;
using kind_of_file = network_file::kind_of_file;

json const& part_of_checkpoint(json const& object, char const* name, json::value_t kind) {
  static json const nothing;
  auto const found = object.is_object() ? object.find(name) : object.end();
  json const& part = object.is_object() && found != object.end() ? *found : nothing;
  if (part.type() != kind)
    throw shape_error(std::string{"checkpoint."} + name, describe_json(part),
                      std::string{"of type "} + json(kind).type_name());
  return part;
}

std::vector<epoch_record> history_of(json const& in, std::uint32_t least, std::uint32_t most) {
  auto const& list = part_of_checkpoint(in, "history", json::value_t::array);
  if (list.size() < least || list.size() > most)
    throw shape_error("checkpoint.history", std::to_string(list.size()) + " epochs",
                      std::to_string(least) + " to " + std::to_string(most));
  std::vector<epoch_record> history;
  for (auto const& each : list) {
    auto const number = [&](char const* name) {
      return part_of_checkpoint(each, name, json::value_t::number_float).get<double>();
    };
    history.push_back({number("train_loss"), number("dev_accuracy"), number("dev_macro_f1")});
  }
  return history;
}

std::vector<std::uint32_t> predicted_of(json const& in, training_runs::setup const& of) {
  auto const& list = part_of_checkpoint(in, "predicted", json::value_t::array);
  if (list.size() != of.dev.labels.size())
    throw shape_error("checkpoint.predicted", std::to_string(list.size()) + " examples",
                      std::to_string(of.dev.labels.size()));
  std::vector<std::uint32_t> predicted;
  for (auto const& each : list) {
    if (!each.is_number_unsigned() || each.get<std::uint64_t>() >= of.classes)
      throw shape_error("checkpoint.predicted", describe_json(each),
                        "a class below " + std::to_string(of.classes));
    predicted.push_back(each.get<std::uint32_t>());
  }
  return predicted;
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
    state = read_checkpoint();
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

fit_state training_runs::read_checkpoint() {
  auto found =
      checkpoint_of(read_network(checkpoint_file(), kind_of_file::checkpoint, "checkpoint"), from_);
  if (!found.finished.empty() &&
      part_of_checkpoint(read_network(model_file(), kind_of_file::model, "model").about,
                         "fingerprint", json::value_t::string) != from_.fingerprint)
    throw shape_error("model", "one of another training", "the first seed's");
  done_ = std::move(found.finished);
  return std::move(found.next);
}

training_checkpoint checkpoint_of(network_file file, training_runs::setup const& of) {
  auto const& about = file.about;
  auto const& fingerprint = part_of_checkpoint(about, "fingerprint", json::value_t::string);
  if (fingerprint != of.fingerprint)
    throw shape_error("checkpoint.fingerprint", describe_json(fingerprint),
                      of.fingerprint + ", that of these options and data");
  auto const& shape = file.network.shape;
  if (shape.inputs != of.train.inputs.columns || shape.hidden != of.options.hidden ||
      shape.classes != of.classes)
    throw shape_error("checkpoint.network", "one of another shape", "this training's");
  training_checkpoint found;
  auto const epochs = of.options.epochs;
  for (auto const& each : part_of_checkpoint(about, "finished", json::value_t::array)) {
    auto const& seed = part_of_checkpoint(each, "seed", json::value_t::number_unsigned);
    if (seed != of.options.seed + found.finished.size() || found.finished.size() + 1 >= of.seeds)
      throw shape_error("checkpoint.seed", describe_json(seed), "that of the next finished run");
    found.finished.push_back(
        {seed.get<std::uint64_t>(), history_of(each, epochs, epochs), predicted_of(each, of)});
  }
  found.next.history = history_of(about, 1, epochs);
  found.next.network = std::move(file.network);
  return found;
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
